"""What exists at a step while a scenario is read: namespaces, pods, applied objects, and what is in doubt.

References are checked against the world as it is at their step, so that a rule about a pod that was deleted two
steps ago is a mistake, found without a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from probe.model.actions import Action, Apply, Complete, CreateNamespace, CreatePod, Delete, Label
from probe.model.fleet import EXTERNAL, External, Pod
from probe.model.manifest import ObjectRef
from probe.scenario.document import FieldPath
from probe.scenario.format.fleet import FleetSpec
from probe.scenario.format.step import StepSpec
from probe.scenario.plan import advance
from probe.scenario.suggest import near_miss


@dataclass(slots=True)
class Doubts:
    """What cannot be judged since something wrong was taken out of the document (see ``structure``)."""

    names: set[str] = field(default_factory=set)  # globs over ids
    objects: bool = False  # what is applied at a step
    labels: bool = False

    def about(self, pattern: str) -> bool:
        """Whether a pattern of a rule may mean something that is in doubt."""
        return any(fnmatchcase(name, pattern) or fnmatchcase(pattern, name) for name in self.names)

    def about_any(self, patterns: Iterable[str]) -> bool:
        """As ``about``; no pattern means everything."""
        patterns = tuple(patterns)
        return bool(self.names) and (not patterns or any(map(self.about, patterns)))


_HARMLESS = ("name", "description", "label", "unlabel", "probe", "expect", "established", "start-race")
"""Keys of a step that neither make nor remove anything in the cluster."""


def doubts_from(damage: Iterable[FieldPath]) -> Doubts:
    """The doubts that damage to a document leaves."""
    doubts = Doubts()
    for path in damage:
        doubts.labels |= "label" in path or "labels" in path
        match path:
            case ("spec", "fleet", *rest):
                doubts.names.update(_fleet_doubts(rest))
            case ("spec", "steps", _, "create", *rest):
                doubts.names.update(_fleet_doubts(rest))
            case ("spec", "steps", _):
                doubts.names.add("*")
                doubts.objects = True
            case ("spec", "steps", _, str(key), *_) if near_miss(key, StepSpec.model_fields) not in _HARMLESS:
                doubts.objects = True
                if key != "create" and near_miss(key, ["create"]):
                    doubts.names.add("*")
    return doubts


def _fleet_doubts(rest: list[str | int]) -> set[str]:
    match rest:
        case ["namespaces", _, "labels", *_] | ["placement" | "probe", *_]:
            return set()
        case ["namespaces", _, "pods", _, "labels" | "node", *_]:
            return set()
        case ["namespaces", namespace, "pods", pod, *_]:
            return {f"{namespace}/{pod}", f"{namespace}/{pod}-*"}
        case ["namespaces", namespace, *_]:
            return {f"{namespace}/*"}
        case ["external", name, *_]:
            return {f"{EXTERNAL}/{name}"}
        case [str(key), *_] if near_miss(key, FleetSpec.model_fields) == "external":
            return {f"{EXTERNAL}/*"}
        case [str(key), *_] if near_miss(key, FleetSpec.model_fields) in ("placement", "probe"):
            return set()
        case _:
            return {"*"}


@dataclass(slots=True)
class World:
    """The state at a step. ``gone`` says of names that are no more, which step deleted them."""

    externals: tuple[External, ...] = ()
    doubts: Doubts = field(default_factory=Doubts)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    objects: dict[ObjectRef, str] = field(default_factory=dict)  # with the step that applied them last
    gone: dict[str, str] = field(default_factory=dict)
    ever: dict[str, Pod] = field(default_factory=dict)
    finished: dict[str, Pod] = field(default_factory=dict)  # pods that are over, and whose objects are still there

    def do(self, action: Action, step: str) -> None:
        """Take over what a step's action does."""
        match action:
            case CreateNamespace(namespace):
                self.namespaces[namespace.name] = dict(namespace.labels)
            case CreatePod(pod):
                self.ever[pod.id] = pod
            case Apply():
                self.objects[action.ref] = step
            case Label(ref, labels) if ref.kind == "namespace":
                merged = {**self.namespaces[ref.name], **labels}
                self.namespaces[ref.name] = {key: value for key, value in merged.items() if value is not None}
            case Complete(ref):
                id = f"{ref.namespace}/{ref.name}"
                self.finished[id] = self.pods[id]
            case Delete(ref):
                self._delete(ref, step)
            case _:
                pass
        advance(self.pods, action)

    def _delete(self, ref: ObjectRef, step: str) -> None:
        gone = [ref]
        if ref.kind == "namespace":
            self.namespaces.pop(ref.name, None)
            gone += [
                ObjectRef("pod", pod.namespace, pod.name) for pod in self.pods.values() if pod.namespace == ref.name
            ]
            gone += [other for other in self.objects if other.namespace == ref.name]
            self.finished = {id: pod for id, pod in self.finished.items() if pod.namespace != ref.name}
        if ref.kind == "pod":
            self.finished.pop(f"{ref.namespace}/{ref.name}", None)
        for each in gone:
            self.objects.pop(each, None)
            self.gone[str(each)] = step

    def find_pods(self, name: str) -> tuple[Pod, ...]:
        """The pod called ``namespace/name``, or all pods of that group."""
        if name in self.pods:
            return (self.pods[name],)
        return tuple(pod for pod in self.pods.values() if f"{pod.namespace}/{pod.group}" == name)

    def pods_of(self, namespace: str) -> tuple[Pod, ...]:
        """All pods of a namespace."""
        return tuple(pod for pod in self.pods.values() if pod.namespace == namespace)

    def was_deleted(self, kind: str, name: str) -> str:
        """``(it was deleted in step "x")`` when that is why something does not exist, else nothing."""
        step = self.gone.get(f"{kind}/{name}")
        return f'it was deleted in step "{step}"' if step else ""
