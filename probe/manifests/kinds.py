"""Which kinds of objects matter to policies, and how a manifest of each is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from probe.manifests.shapes import POLICY, SHAPES, Shape, check_shape
from probe.model.clusterpolicy import API_VERSIONS, GROUP, validate_cluster_policy
from probe.model.fields import FieldError, required
from probe.model.networkpolicy import validate_network_policy
from probe.model.objects import TEMPLATES
from probe.scenario.suggest import near_miss

_APPS: Final = ("apps", "extensions")  # extensions until Kubernetes 1.16; templates were the same


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind that is read; ``groups`` are its API groups, the present one first."""

    name: str
    groups: tuple[str, ...]
    namespaced: bool = True

    @property
    def is_policy(self) -> bool:
        """Whether it allows or denies traffic."""
        return self.name.endswith("NetworkPolicy")

    @property
    def is_workload(self) -> bool:
        """Whether it makes pods from a template."""
        return self.name in TEMPLATES

    @property
    def shape(self) -> Mapping[str, Shape]:
        """The fields that are read."""
        return POLICY if self.is_policy else SHAPES[self.name]


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("Namespace", ("",), namespaced=False),
        Kind("Node", ("",), namespaced=False),
        Kind("Pod", ("",)),
        Kind("Service", ("",)),
        Kind("ReplicationController", ("",)),
        Kind("Deployment", _APPS),
        Kind("StatefulSet", _APPS),
        Kind("DaemonSet", _APPS),
        Kind("ReplicaSet", _APPS),
        Kind("Job", ("batch",)),
        Kind("CronJob", ("batch",)),
        Kind("NetworkPolicy", ("networking.k8s.io", "extensions")),
        *(Kind(name, (GROUP,), namespaced=False) for name in API_VERSIONS),
    )
}

_GROUPS: Final = {group for kind in KINDS.values() for group in kind.groups}


def kind_of(name: str, api_version: str) -> Kind | None:
    """The kind, if it is one that is read. Kinds of other groups may share its name: then it is somebody else's."""
    kind = KINDS.get(name)
    return kind if kind and _group(api_version) in kind.groups else None


def misnamed(name: str, api_version: str) -> tuple[str, str] | None:
    """What is wrong (field and message) with an object that was meant to be of a kind that is read, but is not.

    A custom resource may call itself as it likes, so this is about the groups of Kubernetes itself.
    """
    group, kind = _group(api_version), KINDS.get(name)
    if kind and (group in _GROUPS or "." not in group or group.endswith(".k8s.io")):
        wanted = kind.groups[0] or "v1"
        return "apiVersion", f"{name} is of {wanted}, not of {api_version}"
    if kind is None and group in ("networking.k8s.io", GROUP):
        meant = near_miss(name, [each.name for each in KINDS.values() if group in each.groups])
        return ("kind", f'{api_version} has no kind {name} (did you mean "{meant}"?)') if meant else None
    return None


def check(manifest: Mapping[str, Any], kind: Kind) -> Iterator[FieldError]:
    """What the API server would refuse in the manifest, as far as it is read."""
    if kind.name == "NetworkPolicy":
        yield from validate_network_policy(manifest)
    elif kind.is_policy:
        yield from validate_cluster_policy(manifest)
    else:
        yield from check_shape(manifest, kind.shape)
        yield from _check_name(manifest)


def _check_name(manifest: Mapping[str, Any]) -> Iterator[FieldError]:
    metadata = manifest.get("metadata")
    if not isinstance(metadata, Mapping) or not (metadata.get("name") or metadata.get("generateName")):
        yield required(("metadata", "name"), "name or generateName is required")


def _group(api_version: str) -> str:
    return api_version.rpartition("/")[0]
