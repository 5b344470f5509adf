"""Scenario -> what there is in the cluster after each step, as far as policies are concerned.

Addresses and nodes are the cluster's to say and are not known yet. Names are logical ones: a run renames namespaces
consistently, which changes no decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from probe.model.actions import Action, Apply, CreateNamespace, Delete, Label
from probe.model.clusterpolicy import API_VERSIONS
from probe.model.fleet import Namespace, Pod
from probe.model.manifest import Manifest, ObjectRef
from probe.model.networkpolicy import KIND
from probe.model.scenario import Scenario
from probe.model.snapshot import NAME_LABEL, PodState, Snapshot
from probe.scenario.plan import advance

POLICY_KINDS = (KIND, *API_VERSIONS)


def snapshots(scenario: Scenario) -> Iterator[Snapshot]:
    """The state after each step, in the order of the steps."""
    state = _State()
    for namespace in scenario.fleet.namespaces:
        state.create(namespace)
    state.pods.update({pod.id: pod for pod in scenario.fleet.pods})
    for step in scenario.steps:
        for action in step.actions:
            state.do(action)
        yield state.snapshot()


@dataclass(slots=True)
class _State:
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    policies: dict[ObjectRef, Manifest] = field(default_factory=dict)

    def create(self, namespace: Namespace) -> None:
        self.namespaces[namespace.name] = {**namespace.labels, NAME_LABEL: namespace.name}

    def do(self, action: Action) -> None:
        match action:
            case CreateNamespace(namespace):
                self.create(namespace)
            case Label(ref, labels) if ref.kind == "namespace":
                merged = {**self.namespaces[ref.name], **labels}
                self.namespaces[ref.name] = {key: value for key, value in merged.items() if value is not None}
            case Apply(manifest) if manifest["kind"] in POLICY_KINDS:
                self.policies[action.ref] = manifest
            case Delete(ref):
                self._delete(ref)
            case _:
                pass
        advance(self.pods, action)

    def _delete(self, ref: ObjectRef) -> None:
        self.policies.pop(ref, None)
        if ref.kind == "namespace":
            self.namespaces.pop(ref.name, None)
            self.policies = {each: it for each, it in self.policies.items() if each.namespace != ref.name}

    def snapshot(self) -> Snapshot:
        pods = tuple(
            PodState(pod.namespace, pod.name, pod.labels, pod.ports, host_network=pod.host_network)
            for pod in self.pods.values()
        )
        return Snapshot(dict(self.namespaces), pods, policies=tuple(self.policies.values()))
