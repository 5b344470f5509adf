"""A step -> its actions, checked against the world and then done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from probe.model.actions import Action, Apply, Complete, CreateNamespace, CreatePod, Delete, Label, Replace, Terminate
from probe.model.clusterpolicy import API_VERSIONS
from probe.model.errors import Problem
from probe.model.fleet import Namespace, Pod
from probe.model.manifest import ObjectRef
from probe.scenario.document import Place
from probe.scenario.fleet import build_namespaces, check_labels
from probe.scenario.format.step import StepSpec
from probe.scenario.format.strict import kept
from probe.scenario.manifests import Manifested, ManifestReader
from probe.scenario.references import item_place
from probe.scenario.suggest import suggest, suggest_id
from probe.scenario.world import World

_ALIASES = {
    "adminnetworkpolicy": ("adminnetworkpolicies", "anp"),
    "baselineadminnetworkpolicy": ("baselineadminnetworkpolicies", "banp"),
    "clusternetworkpolicy": ("clusternetworkpolicies", "cnp"),
    "configmap": ("configmaps", "cm"),
    "namespace": ("namespaces", "ns"),
    "networkpolicy": ("networkpolicies", "netpol"),
    "pod": ("pods", "po"),
    "service": ("services", "svc"),
}
_OUTSIDE = ("namespace", *(kind.lower() for kind in API_VERSIONS))
"""Kinds of what is in no namespace."""

_KINDS = {alias: kind for kind, aliases in _ALIASES.items() for alias in (kind, *aliases)}


@dataclass(slots=True)
class ActionBuilder:
    """Builds the actions of the steps in order, in the order of actions within a step:

    create namespaces, create pods, label, apply, replace, delete, complete, terminate.
    """

    world: World
    manifests: ManifestReader
    problems: list[Problem]

    def build(self, spec: StepSpec, place: Place) -> tuple[Action, ...]:
        """The step's actions; the world is as after them."""
        done: list[Action] = []
        made: set[str] = set()  # what this very step makes: deleting it at once cannot be meant
        for make in (self._create, self._label, self._apply, self._replace, self._delete, self._end):
            for action in make(spec, place, made):
                self.world.do(action, spec.name)
                done.append(action)
        return tuple(done)

    # --- create ----------------------------------------------------------------------------------------------------

    def _create(self, spec: StepSpec, place: Place, made: set[str]) -> Iterator[Action]:
        if spec.create is None:
            return
        at = place.child("create", "namespaces")
        namespaces = build_namespaces(spec.create.namespaces, at, self.problems)
        if not namespaces:
            self.problems.append(place.child("create").key_problem("creates nothing"))
        for namespace in namespaces:
            yield from self._create_namespace(namespace, at.child(namespace.name), made)
        for namespace in namespaces:
            for pod in namespace.pods:
                pod_place = at.child(namespace.name, "pods", pod.group)
                if pod.id in self.world.pods or pod.id in self.world.finished:
                    self.problems.append(pod_place.key_problem(f'pod "{pod.id}" exists already at this step'))
                    continue
                self._check_address(pod, pod_place.child("addressOf"))
                made.add(f"pod/{pod.id}")
                yield CreatePod(pod)

    def _check_address(self, pod: Pod, place: Place) -> None:
        """A pod can have the address of another one that was there, and has none any more."""
        other = pod.address_of
        if other is None or self.world.doubts.about(other):
            return
        if other in self.world.pods:
            self.problems.append(place.problem(f'pod "{other}" still has its address', "complete or delete it before"))
        elif other not in self.world.ever:
            self.problems.append(place.problem(f'there was no pod "{other}"', suggest_id(other, self.world.ever)))

    def _create_namespace(self, namespace: Namespace, place: Place, made: set[str]) -> Iterator[Action]:
        if namespace.name not in self.world.namespaces:
            made.add(f"namespace/{namespace.name}")
            yield CreateNamespace(Namespace(namespace.name, namespace.labels))
            return
        if namespace.labels:
            hint = "use the step's label to change them"
            self.problems.append(
                place.child("labels").key_problem(f'namespace "{namespace.name}" exists already', hint)
            )
        if not namespace.pods and not self.world.doubts.about(f"{namespace.name}/*"):
            self.problems.append(place.key_problem(f'namespace "{namespace.name}" exists already'))

    # --- label -----------------------------------------------------------------------------------------------------

    def _label(self, spec: StepSpec, place: Place, made: set[str]) -> Iterator[Action]:
        for target, labels in spec.label.items():
            at = place.child("label", target)
            self.problems += check_labels(labels, at)
            if not labels and not self.world.doubts.labels:
                self.problems.append(at.key_problem("changes no label"))
            for key in labels:
                if key in [name for _, name in kept(spec.unlabel.get(target, []))]:
                    self.problems.append(at.child(key).key_problem(f'"{key}" stands under unlabel as well'))
            removed = [(key, at.child(key)) for key, value in labels.items() if value is None]
            yield from self._label_target(target, labels, removed, at)
        for target, keys in spec.unlabel.items():
            at = place.child("unlabel", target)
            self.problems += check_labels(dict.fromkeys((key for _, key in kept(keys)), None), at)
            removed = [(key, item_place(at, index)) for index, key in kept(keys)]
            yield from self._label_target(target, dict.fromkeys((key for key, _ in removed), None), removed, at)

    def _label_target(
        self, target: str, labels: dict[str, str | None], removed: Iterable[tuple[str, Place]], place: Place
    ) -> Iterator[Action]:
        if "/" in target:
            pods = self.world.find_pods(target)
            if not pods and not self.world.doubts.about(target):
                hint = self.world.was_deleted("pod", target) or suggest_id(target, self.world.pods)
                self.problems.append(place.key_problem(f'pod "{target}" does not exist at this step', hint))
            current = [] if self.world.doubts.about(target) else [pod.labels for pod in pods]
            refs = [ObjectRef("pod", pod.namespace, pod.name) for pod in pods]
        else:
            found = self._namespace_exists(target, place.key_problem)
            current = [self.world.namespaces[target]] if found else []
            refs = [ObjectRef("namespace", None, target)] if found else []
        for key, at in removed:
            if current and not self.world.doubts.labels and not any(key in have for have in current):
                known = {name for have in current for name in have}
                self.problems.append(
                    at.key_problem(f'"{target}" has no label "{key}" at this step', suggest(key, known))
                )
        if labels:
            yield from (Label(ref, dict(labels)) for ref in refs)

    def _namespace_exists(self, name: str, problem: Callable[[str, str], Problem]) -> bool:
        if name in self.world.namespaces:
            return True
        if not self.world.doubts.about(f"{name}/*"):
            same = [id for id, pod in self.world.pods.items() if pod.name == name]
            hint = f'write "{same[0]}" for the pod' if same else self._namespace_hint(name)
            self.problems.append(problem(f'namespace "{name}" does not exist at this step', hint))
        return False

    def _namespace_hint(self, name: str) -> str:
        return self.world.was_deleted("namespace", name) or suggest(name, self.world.namespaces)

    # --- apply -----------------------------------------------------------------------------------------------------

    def _apply(self, spec: StepSpec, place: Place, made: set[str]) -> Iterator[Action]:
        return self._manifests(spec.apply, place.child("apply"), made)

    def _replace(self, spec: StepSpec, place: Place, made: set[str]) -> Iterator[Action]:
        for action in self._manifests(spec.replace, place.child("replace"), made):
            known = action.ref in self.world.objects or self.world.doubts.objects
            if action.ref.namespace is None or not known:
                why = f"{action.ref} does not exist at this step" if not known else f"{action.ref} is in no namespace"
                self.problems.append(place.child("replace").problem(f"{why}, and cannot be replaced", "apply it"))
            yield Replace(action.manifest, action.origin)

    def _manifests(self, sources: Sequence[Any], place: Place, made: set[str]) -> Iterator[Apply]:
        seen: dict[ObjectRef, Place] = {}
        for index, source in kept(sources):
            at = item_place(place, index)
            before = len(self.problems)
            found = self.manifests.read(source, at)
            self.world.doubts.objects |= len(self.problems) > before  # objects may be missing from what was read
            for item in found:
                action = self._applied(item, at)
                if action is None:
                    self.world.doubts.objects = True
                    continue
                if action.ref in seen:
                    self.problems.append(at.problem(f"{action.ref} is applied twice in this step"))
                seen[action.ref] = at
                made.add(str(action.ref))
                yield action

    def _applied(self, item: Manifested, source: Place) -> Apply | None:
        metadata = item.manifest.get("metadata")
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
        known = isinstance(namespace, str) and namespace in self.world.namespaces
        if isinstance(namespace, str) and not known and not self.world.doubts.about(f"{namespace}/*"):
            at = item.place.child("metadata", "namespace")
            message = f'namespace "{namespace}" is not in the fleet at this step'
            if at.document is not source.document:
                message += f" (applied at {source.location})"
            self.problems.append(at.problem(message, self._namespace_hint(namespace)))
            return None
        return Apply(item.manifest, item.place.document.file) if item.sound else None

    # --- delete ----------------------------------------------------------------------------------------------------

    def _delete(self, spec: StepSpec, place: Place, made: set[str]) -> Iterator[Action]:
        for index, text in kept(spec.delete):
            at = item_place(place.child("delete"), index)
            for ref in self._refs(text, at):
                if str(ref) in made:
                    self.problems.append(at.problem(f"{ref} is made in this same step", "delete it in a later step"))
                else:
                    yield Delete(ref)

    # --- pods that end ---------------------------------------------------------------------------------------------

    def _end(self, spec: StepSpec, place: Place, made: set[str]) -> Iterator[Action]:
        for index, name in kept(spec.complete):
            at = item_place(place.child("complete"), index)
            for pod in self._ending(name, made, at):
                yield Complete(ObjectRef("pod", pod.namespace, pod.name))
        for index, name in kept(spec.terminate):
            yield from self._terminate(name, made, item_place(place.child("terminate"), index))

    def _terminate(self, name: str, made: set[str], place: Place) -> Iterator[Terminate]:
        is_namespace = "/" not in name
        if is_namespace and not self._namespace_exists(name, place.problem):
            return
        pods = self.world.pods_of(name) if is_namespace else self._ending(name, made, place)
        quick = ", ".join(f'"{it.id}"' for it in pods if it.grace_seconds is None and f"pod/{it.id}" not in made)
        if quick:
            message = f"{'pods' if ',' in quick else 'pod'} {quick} would end at once"
            self.problems.append(place.problem(message, "give it terminationGracePeriodSeconds, or delete it"))
        if is_namespace:
            yield Terminate(ObjectRef("namespace", None, name))
        else:
            yield from (Terminate(ObjectRef("pod", pod.namespace, pod.name)) for pod in pods)

    def _ending(self, name: str, made: set[str], place: Place) -> tuple[Pod, ...]:
        found = self.world.find_pods(name)
        for pod in found:
            if f"pod/{pod.id}" in made:
                self.problems.append(place.problem(f'pod "{pod.id}" is created in this same step'))
        if not found and not self.world.doubts.about(name):
            hint = self.world.was_deleted("pod", name) or suggest_id(name, self.world.pods)
            self.problems.append(place.problem(f'pod "{name}" does not exist at this step', hint))
        return found

    def _refs(self, text: str, place: Place) -> tuple[ObjectRef, ...]:
        """What an item of ``delete`` means, as far as it exists."""
        kind, *names = text.split("/")
        if kind.lower() not in _KINDS:
            message = f'"{kind}" is not a kind that can be deleted'
            self.problems.append(place.problem(message, suggest(kind, _ALIASES)))
            return ()
        kind = _KINDS[kind.lower()]
        if kind == "namespace" and len(names) == 1:
            return (ObjectRef(kind, None, names[0]),) if self._namespace_exists(names[0], place.problem) else ()
        if len(names) != (1 if kind in _OUTSIDE else 2) or not all(names):
            wanted = f"{kind}/NAME" if kind in _OUTSIDE else f"{kind}/NAMESPACE/NAME"
            self.problems.append(place.problem(f'"{text}" does not name an object', f"write {wanted}"))
            return ()
        if kind == "pod":
            name = "/".join(names)
            found = self.world.find_pods(name) or tuple(filter(None, [self.world.finished.get(name)]))
            refs = tuple(ObjectRef(kind, pod.namespace, pod.name) for pod in found)
            known = [f"pod/{id}" for id in (*self.world.pods, *self.world.finished)]
            doubtful = self.world.doubts.about("/".join(names))
        else:
            ref = ObjectRef(kind, None if kind in _OUTSIDE else names[0], names[-1])
            refs = (ref,) if ref in self.world.objects else ()
            known = [str(other) for other in self.world.objects]
            doubtful = self.world.doubts.objects
        if not refs and not doubtful:
            hint = self.world.was_deleted(kind, "/".join(names)) or suggest_id(text, known)
            self.problems.append(place.problem(f'"{text}" does not exist at this step', hint))
        return refs
