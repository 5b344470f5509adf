"""What a step changes: actions on objects of the cluster, in order.

Manifests are in logical namespaces; a run maps them to namespaces of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from probe.model.fleet import Namespace, Pod
from probe.model.manifest import Manifest, ObjectRef


@dataclass(frozen=True, slots=True)
class Apply:
    """Create or update one object (server-side apply). ``origin`` is the file it was written in."""

    manifest: Manifest
    origin: str

    @property
    def ref(self) -> ObjectRef:
        """What is applied."""
        meta = self.manifest["metadata"]
        return ObjectRef(str(self.manifest["kind"]).lower(), meta.get("namespace"), meta["name"])

    def __str__(self) -> str:
        return f"apply {self.ref}"


@dataclass(frozen=True, slots=True)
class Replace(Apply):
    """Delete one object and create it at once, without a moment between for anybody to notice (``kubectl replace
    --force``)."""

    def __str__(self) -> str:
        return f"replace {self.ref}"


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete one object and wait until it is gone."""

    ref: ObjectRef

    def __str__(self) -> str:
        return f"delete {self.ref}"


@dataclass(frozen=True, slots=True)
class Label:
    """Set labels (value) or remove them (None) on a pod or a namespace of the fleet."""

    ref: ObjectRef
    labels: Mapping[str, str | None]

    def __str__(self) -> str:
        changes = (f"{key}-" if value is None else f"{key}={value}" for key, value in self.labels.items())
        return f"label {self.ref} {' '.join(changes)}"


@dataclass(frozen=True, slots=True)
class CreateNamespace:
    """Create a namespace (its pods are created by ``CreatePod`` actions of their own)."""

    namespace: Namespace

    def __str__(self) -> str:
        return f"create namespace/{self.namespace.name}"


@dataclass(frozen=True, slots=True)
class CreatePod:
    """Create a pod and wait until its agent answers."""

    pod: Pod

    def __str__(self) -> str:
        return f"create pod/{self.pod.id}"


@dataclass(frozen=True, slots=True)
class Complete:
    """End a pod's containers and wait until it is over, as a job's pod is: the object stays, its address is free."""

    ref: ObjectRef

    def __str__(self) -> str:
        return f"complete {self.ref}"


@dataclass(frozen=True, slots=True)
class Terminate:
    """Begin to delete a pod, or a namespace, and wait for nothing: its pods go on in their grace period."""

    ref: ObjectRef

    def __str__(self) -> str:
        return f"terminate {self.ref}"


Action: TypeAlias = CreateNamespace | CreatePod | Label | Apply | Delete | Complete | Terminate
