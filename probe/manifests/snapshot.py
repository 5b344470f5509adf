"""Objects of manifests -> the snapshot that they make.

Pods and the workloads that make them may both be there (``kubectl get all -o yaml`` prints pods, ReplicaSets and
Deployments). Every pod that exists counts as itself. A workload counts as one pod that is like its template, unless
something else here stands for it: pods that it made, or the workload that controls it and has the newer template. What
made a pod is followed by ownerReferences; where the ReplicaSet or Job in between is not among the objects, by the way
in which the controllers of Kubernetes call these. A ReplicaSet of a Deployment that was scaled to nothing is a past
revision and counts as nothing, even by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from probe.manifests.model import ManifestObject
from probe.model.objects import (
    namespace_labels,
    node_state,
    owners_of,
    pod_state,
    service_state,
    template_state,
)
from probe.model.snapshot import NAME_LABEL, PodState, Snapshot

_Key: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Made:
    """The snapshot, the object behind each pod's id, and the namespaces that nothing defines."""

    snapshot: Snapshot
    pods: Mapping[str, ManifestObject]
    inferred: frozenset[str]


def assemble(objects: Sequence[ManifestObject], pod_cidrs: tuple[str, ...] = ()) -> Made:
    """What the sound ones among the objects make."""
    sound = [each for each in objects if each.sound]
    manifests: dict[str, list[ManifestObject]] = {}
    for each in sound:
        manifests.setdefault(each.kind.name, []).append(each)
    pods = list(_pods(sound))
    services = (service_state(each.manifest) for each in manifests.get("Service", ()))
    defined = {each.name: namespace_labels(each.manifest) for each in manifests.get("Namespace", ())}
    used = dict.fromkeys(each.namespace for each in sound if each.kind.namespaced)
    inferred = {name: {NAME_LABEL: name} for name in used if name not in defined}
    snapshot = Snapshot(
        namespaces=defined | inferred,
        pods=tuple(pod for pod, _ in pods),
        nodes=tuple(node_state(each.manifest) for each in manifests.get("Node", ())),
        services=tuple(service for service in services if service is not None),
        policies=tuple(each.manifest for each in sound if each.kind.is_policy),
        pod_cidrs=pod_cidrs,
    )
    return Made(snapshot, {pod.id: each for pod, each in pods}, frozenset(inferred))


def _pods(objects: Sequence[ManifestObject]) -> Iterator[tuple[PodState, ManifestObject]]:
    """Every pod with its object. Ids are unique: of a workload that has the name of another one or of a pod the kind
    becomes part of the pod's name (``shop/deployment/web``)."""
    family = _Family({each.key: each for each in objects if each.kind.is_workload})
    pods = [(each, pod) for each in objects if each.kind.name == "Pod" and (pod := pod_state(each.manifest))]
    present = {key for each, _ in pods for key in family.ancestors(each)}
    taken: set[str] = set()
    for each, pod in pods:
        taken.add(pod.id)
        yield pod, each
    for each in family.workloads.values():
        stood_for = each.key in present or any(key in family.workloads for key in family.ancestors(each))
        if stood_for or _is_past_revision(each):
            continue
        if state := template_state(each.manifest):
            if state.id in taken:
                state = replace(state, name=f"{each.kind.name.lower()}/{state.name}")
            taken.add(state.id)
            yield state, each


@dataclass(frozen=True, slots=True)
class _Family:
    """Who made whom among workloads and pods."""

    workloads: Mapping[_Key, ManifestObject]

    def ancestors(self, each: ManifestObject) -> Iterator[_Key]:
        """What controls the object, what controls that, and so on; as far as that can be known."""
        seen: set[_Key] = set()
        current: ManifestObject | None = each
        while current:
            owner = next(((kind, each.namespace, name) for kind, name in owners_of(current.manifest)), None)
            if owner is None or owner in seen:
                return
            seen.add(owner)
            yield owner
            current = self.workloads.get(owner)
            if current is None and (above := self._above(owner)):
                yield above
                return

    def _above(self, owner: _Key) -> _Key | None:
        """What made a ReplicaSet or a Job that is not here: NAME-HASH of a Deployment, NAME-NUMBER of a CronJob."""
        kind, namespace, name = owner
        prefix, _, suffix = name.rpartition("-")
        if kind == "ReplicaSet" and re.fullmatch(r"[a-z0-9]+", suffix):
            above = ("Deployment", namespace, prefix)
        elif kind == "Job" and suffix.isdecimal():
            above = ("CronJob", namespace, prefix)
        else:
            return None
        return above if above in self.workloads else None


def _is_past_revision(workload: ManifestObject) -> bool:
    spec = workload.manifest.get("spec") or {}
    return workload.kind.name == "ReplicaSet" and spec.get("replicas") == 0 and any(owners_of(workload.manifest))
