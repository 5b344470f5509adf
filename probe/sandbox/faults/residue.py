"""Faults in taking back: what was edited or deleted leaves something behind, or takes something else along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

from probe.sandbox.enforce.selectors import EVERYTHING, Selector
from probe.sandbox.enforce.view import ClusterView, Peer, Pod, PodPeer, Policy, Rule
from probe.sandbox.faults.fault import Effect, Fault, named, with_peers, with_pods, with_policies
from probe.sandbox.faults.policies import with_alone
from probe.sandbox.faults.ports import is_selected

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a policy."""
Rules: TypeAlias = tuple[Rule, ...] | None
T = TypeVar("T")


class PodSelectorKept(Fault):
    """A policy goes on to select whom it selected when it was created; its rules are followed."""

    name, effect = "pod-selector-kept", Effect.BOTH

    def __init__(self) -> None:
        self._first: dict[Key, Selector] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        self._first = _of_those_there(self._first, view)
        return with_policies(
            view, lambda it: replace(it, selector=self._first.setdefault((it.namespace, it.name), it.selector))
        )


class PolicyTypesOnlyAdded(Fault):
    """Directions that a policy's ``policyTypes`` lose stay isolated."""

    name, effect = "policy-types-only-added", Effect.BLOCK

    def __init__(self) -> None:
        self._before: dict[Key, tuple[Rules, Rules]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(policy: Policy) -> Policy:
            key = policy.namespace, policy.name
            ingress, egress = self._before.get(key, (None, None))
            kept = replace(
                policy,
                ingress=ingress if policy.ingress is None else policy.ingress,
                egress=egress if policy.egress is None else policy.egress,
            )
            self._before[key] = kept.ingress, kept.egress
            return kept

        self._before = _of_those_there(self._before, view)
        return with_policies(view, changed)


class NamespaceLabelsOnlyAdded(Fault):
    """Labels that a namespace gains are followed, those that it loses are not."""

    name, effect = "namespace-labels-only-added", Effect.BOTH

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        for name, labels in view.namespaces.items():
            self._labels[name] = {**self._labels.get(name, {}), **labels}
        return replace(view, namespaces={name: dict(self._labels[name]) for name in view.namespaces})


class NamespaceLabelsKeptBesidePods(Fault):
    """For peers with both selectors a namespace's labels are those that it had when it was created."""

    name, effect = "namespace-labels-kept-beside-pods", Effect.BOTH

    def __init__(self) -> None:
        self._labels: dict[str, Mapping[str, str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        known = {name: self._labels.setdefault(name, labels) for name, labels in view.namespaces.items()}
        if known == dict(view.namespaces):
            return view

        def changed(peer: Peer) -> Iterable[Peer]:
            if not isinstance(peer, PodPeer) or peer.namespaces is None or peer.pods == EVERYTHING:
                return [peer]
            spaces = named(name for name, labels in known.items() if peer.namespaces.matches(labels))
            return [replace(peer, namespaces=spaces)]

        return with_peers(view, changed)


class DeleteTakesWhatIsAlike(Fault):
    """When a policy is deleted, rules of the pods' other policies that say the same go along."""

    name, effect = "delete-takes-what-is-alike", Effect.BLOCK

    def __init__(self) -> None:
        self._before: dict[str, dict[Key, Policy]] = {}
        self._taken: dict[Key, frozenset[Rule]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {(policy.namespace, policy.name): policy for policy in view.policies}
        before = self._before.get(node, {})
        self._before[node] = here
        for gone in (policy for key, policy in before.items() if key not in here):
            rules = frozenset((*(gone.ingress or ()), *(gone.egress or ())))
            for key, policy in here.items():
                if key in before and (policy.namespace, policy.selector) == (gone.namespace, gone.selector):
                    self._taken[key] = self._taken.get(key, frozenset()) | rules

        def left(rules: Rules, taken: frozenset[Rule]) -> Rules:
            return None if rules is None else tuple(rule for rule in rules if rule not in taken)

        def changed(policy: Policy) -> Policy:
            taken = self._taken.get((policy.namespace, policy.name), frozenset())
            return replace(policy, ingress=left(policy.ingress, taken), egress=left(policy.egress, taken))

        return with_policies(view, changed)


class PoliciesWithoutRulesStay(Fault):
    """A policy without any rule stays in force when it is deleted: nothing of it is found to be removed."""

    name, effect = "policies-without-rules-stay", Effect.BLOCK

    def __init__(self) -> None:
        self._empty: dict[Key, Policy] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {(policy.namespace, policy.name): policy for policy in view.policies}
        self._empty |= {key: policy for key, policy in here.items() if not policy.ingress and not policy.egress}
        return replace(view, policies=tuple({**self._empty, **here}.values()))


class DeleteIsolatesTheOtherDirection(Fault):
    """When one of a pod's policies is deleted and others are left, the pod is isolated in both directions."""

    name, effect = "delete-isolates-the-other-direction", Effect.BLOCK

    def __init__(self) -> None:
        self._before: dict[str, dict[Key, Policy]] = {}
        self._struck: set[str] = set()

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {(policy.namespace, policy.name): policy for policy in view.policies}
        gone = [policy for key, policy in self._before.get(node, {}).items() if key not in here]
        self._before[node] = here
        pods = {pod.uid: [it for it in view.policies if is_selected(it, pod)] for pod in view.policed}
        self._struck |= {
            pod.uid for pod in view.policed if pods[pod.uid] and any(is_selected(policy, pod) for policy in gone)
        }
        struck = [pod for pod in view.policed if pod.uid in self._struck and pods[pod.uid]]
        return with_alone(view, [(pod, Policy(pod.namespace, "struck", EVERYTHING, (), ())) for pod in struck])


class PoliciesOutliveTheirNamespace(Fault):
    """Policies that went with their namespace are in force again when a namespace of that name is created."""

    name, effect = "policies-outlive-their-namespace", Effect.BLOCK

    def __init__(self) -> None:
        self._there: dict[str, dict[Key, Policy]] = {}
        self._left: dict[str, dict[Key, Policy]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {(policy.namespace, policy.name): policy for policy in view.policies}
        before, left = self._there.get(node, {}), self._left.setdefault(node, {})
        # What is deleted just before its namespace goes with it.
        emptied = {name for name, _ in before} - {pod.namespace for pod in view.pods if not pod.terminating}
        left |= {key: policy for key, policy in before.items() if key not in here and key[0] in emptied}
        self._there[node] = here
        return replace(view, policies=tuple({**left, **here}.values()))


class PoliciesGoBeforeTheirPods(Fault):
    """When all pods of a namespace terminate, as they do when it is deleted, its policies are gone first."""

    name, effect = "policies-go-before-their-pods", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        living = {pod.namespace for pod in view.pods if not pod.terminating}
        return with_policies(view, lambda policy: policy if policy.namespace in living else None)


class IsolationInherited(Fault):
    """The policies of a pod that is gone, or has completed, go on to isolate whoever gets its address."""

    name, effect = "isolation-inherited", Effect.BLOCK

    def __init__(self) -> None:
        self._past: dict[str, Pod] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {pod.uid for pod in view.policed}
        ghosts = {it: pod for uid, pod in self._past.items() if uid not in here for it in pod.addresses.values()}
        self._past |= {pod.uid: pod for pod in view.policed}
        heirs = []
        for pod in view.policed:
            before = next((ghosts[it] for it in pod.addresses.values() if it in ghosts), None)
            if before is not None:
                heirs += [(pod, policy) for policy in view.policies if is_selected(policy, before)]
        return with_alone(view, heirs)


class LateDeleteTakesTheAddress(Fault):
    """The deletion of a completed pod's object takes its address from the pod that has it by then."""

    name, effect = "late-delete-takes-the-address", Effect.BOTH

    def __init__(self) -> None:
        self._there: dict[str, dict[str, Pod]] = {}
        self._robbed: set[str] = set()

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {pod.uid: pod for pod in view.pods}
        gone = [pod for uid, pod in self._there.get(node, {}).items() if uid not in here]
        self._there[node] = here
        free = {address for pod in gone for address in pod.addresses.values()}
        self._robbed |= {pod.uid for pod in view.policed if free & {*pod.addresses.values()}}
        return with_pods(view, lambda pod: replace(pod, labels={}, namespace="") if pod.uid in self._robbed else pod)


def _of_those_there(known: dict[Key, T], view: ClusterView) -> dict[Key, T]:
    there = {(policy.namespace, policy.name) for policy in view.policies}
    return {key: value for key, value in known.items() if key in there}


FAULTS: tuple[type[Fault], ...] = (
    PodSelectorKept,
    PolicyTypesOnlyAdded,
    NamespaceLabelsOnlyAdded,
    NamespaceLabelsKeptBesidePods,
    DeleteTakesWhatIsAlike,
    PoliciesWithoutRulesStay,
    DeleteIsolatesTheOtherDirection,
    PoliciesOutliveTheirNamespace,
    PoliciesGoBeforeTheirPods,
    IsolationInherited,
    LateDeleteTakesTheAddress,
)
