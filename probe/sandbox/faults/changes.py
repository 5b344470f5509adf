"""Faults in following changes: what a node learnt once, it keeps. Each node remembers for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from probe.sandbox.enforce.selectors import Operator, Requirement, Selector
from probe.sandbox.enforce.view import ClusterView, Pod, Policy
from probe.sandbox.faults.fault import Effect, Fault, with_pods, with_policies
from probe.sandbox.faults.ports import is_selected

_KNOWN = "faults.cni-probe.dev/known"


class PodLabelsKept(Fault):
    """A pod's labels are read when it is created; later changes are not followed."""

    name, effect = "pod-labels-kept", Effect.BOTH

    def __init__(self) -> None:
        self._labels: dict[str, Mapping[str, str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_pods(view, lambda pod: replace(pod, labels=self._labels.setdefault(pod.uid, pod.labels)))


class PodLabelsOnlyAdded(Fault):
    """Labels that a pod gains are followed, those that it loses are not."""

    name, effect = "pod-labels-only-added", Effect.BOTH

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(pod: Pod) -> Pod:
            labels = self._labels.setdefault(pod.uid, {})
            labels.update(pod.labels)
            return replace(pod, labels=dict(labels))

        return with_pods(view, changed)


class NamespaceLabelsKept(Fault):
    """A namespace's labels are read when it is created; later changes are not followed."""

    name, effect = "namespace-labels-kept", Effect.BOTH

    def __init__(self) -> None:
        self._labels: dict[str, Mapping[str, str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return replace(
            view, namespaces={name: self._labels.setdefault(name, it) for name, it in view.namespaces.items()}
        )


class PolicyUpdatesIgnored(Fault):
    """A policy is read when it is created; later versions are not followed."""

    name, effect = "policy-updates-ignored", Effect.BOTH

    def __init__(self) -> None:
        self._first: dict[tuple[str, str, str], Policy] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        alive = {(node, policy.namespace, policy.name) for policy in view.policies}
        for gone in [key for key in self._first if key[0] == node and key not in alive]:
            del self._first[gone]
        return with_policies(view, lambda policy: self._first.setdefault((node, policy.namespace, policy.name), policy))


class PolicyUpdatesOnlyAdd(Fault):
    """Rules that a policy's later versions gain are added, those that they lose stay."""

    name, effect = "policy-updates-only-add", Effect.LEAK

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Policy] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(policy: Policy) -> Policy:
            key = policy.namespace, policy.name
            before = self._all.get(key, policy)
            rules = {
                way: None if new is None else tuple(dict.fromkeys((*(old or ()), *new)))
                for way, old, new in (
                    ("ingress", before.ingress, policy.ingress),
                    ("egress", before.egress, policy.egress),
                )
            }
            self._all[key] = replace(policy, **rules)  # type: ignore[arg-type]
            return self._all[key]

        return with_policies(view, changed)


class PolicyDeletesIgnored(Fault):
    """A policy that is deleted stays in force."""

    name, effect = "policy-deletes-ignored", Effect.BLOCK

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Policy] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        self._all |= {(policy.namespace, policy.name): policy for policy in view.policies}
        return replace(view, policies=tuple(self._all.values()))


class LastDeleteLeavesIsolation(Fault):
    """When the last policy of a pod is deleted, the pod stays isolated."""

    name, effect = "last-delete-leaves-isolation", Effect.BLOCK

    def __init__(self) -> None:
        self._isolated: set[tuple[str, Selector, bool, bool]] = set()

    def see(self, node: str, view: ClusterView) -> ClusterView:
        self._isolated |= {
            (it.namespace, it.selector, it.ingress is not None, it.egress is not None) for it in view.policies
        }
        kept = (
            Policy(space, f"kept-{number}", selector, () if ingress else None, () if egress else None)
            for number, (space, selector, ingress, egress) in enumerate(sorted(self._isolated))
        )
        return replace(view, policies=(*view.policies, *kept))


class RecreatedPolicyIgnored(Fault):
    """A policy that is created again under the name of a deleted one does nothing."""

    name, effect = "recreated-policy-ignored", Effect.BOTH

    def __init__(self) -> None:
        self._present: dict[str, set[tuple[str, str]]] = {}
        self._deleted: dict[str, set[tuple[str, str]]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        alive = {(policy.namespace, policy.name) for policy in view.policies}
        gone = self._deleted.setdefault(node, set())
        gone |= self._present.get(node, set()) - alive
        self._present[node] = alive
        return with_policies(view, lambda policy: None if (policy.namespace, policy.name) in gone else policy)


class SubjectsChosenOnce(Fault):
    """A policy's subjects are chosen when it is created: pods that come later are not isolated by it."""

    name, effect = "subjects-chosen-once", Effect.LEAK

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        there = frozenset(pod.uid for pod in view.pods)
        alive = {(policy.namespace, policy.name) for policy in view.policies}
        self._known = {key: uids for key, uids in self._known.items() if key in alive}

        def changed(policy: Policy) -> Policy:
            known = self._known.setdefault((policy.namespace, policy.name), there)
            only = Requirement(_KNOWN, Operator.IN, tuple(sorted(known)))
            return replace(policy, selector=Selector((*policy.selector.requirements, only)))

        marked = with_pods(view, lambda pod: replace(pod, labels={**pod.labels, _KNOWN: pod.uid}))
        return with_policies(marked, changed)


class PeersChosenOnce(Fault):
    """The peers of a policy are resolved when it is created: pods that come later are nobody's peers."""

    name, effect = "peers-chosen-once", Effect.BLOCK

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._policies: set[tuple[str, str]] = set()
        self._strangers: set[str] = set()

    def see(self, node: str, view: ClusterView) -> ClusterView:
        alive = {(policy.namespace, policy.name) for policy in view.policies}
        here = {pod.uid for pod in view.pods}
        if alive - self._policies or not alive:  # resolved anew
            self._strangers = set()
        elif self._known:
            self._strangers |= here - self._known
        self._policies, self._known = alive, here
        strange = self._strangers
        return with_pods(view, lambda pod: replace(pod, labels={}, namespace="") if pod.uid in strange else pod)


class RecreatedPodKeepsLabels(Fault):
    """A pod that is created again under its name is taken for the one before it, with its labels."""

    name, effect = "recreated-pod-keeps-labels", Effect.BOTH

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str], Mapping[str, str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(pod: Pod) -> Pod:
            return replace(pod, labels=self._labels.setdefault((pod.namespace, pod.name), pod.labels))

        return with_pods(view, changed)


class StaleAddresses(Fault):
    """The address of a pod that is gone stays a peer: its next owner inherits what the pod before it might do."""

    name, effect = "stale-addresses", Effect.LEAK

    def __init__(self) -> None:
        self._past: dict[str, Pod] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {pod.uid for pod in view.pods}
        ghosts = [pod for uid, pod in self._past.items() if uid not in here]
        self._past |= {pod.uid: pod for pod in view.policed}
        taken = {address: pod for pod in ghosts for address in pod.addresses.values()}

        def heir(pod: Pod) -> Pod:
            before = next((taken[address] for address in pod.addresses.values() if address in taken), None)
            return pod if before is None else replace(pod, labels={**pod.labels, **before.labels})

        return with_pods(view, heir)


class TerminatingPodsForgotten(Fault):
    """A pod that terminates is no subject and no peer any more, though it goes on talking in its grace period."""

    name, effect = "terminating-pods-forgotten", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_pods(view, lambda pod: None if pod.terminating else pod)


class PoliciesWithoutPodsForgotten(Fault):
    """A policy that selects no pod when it is created is forgotten: pods that come later are not isolated by it."""

    name, effect = "policies-without-pods-forgotten", Effect.LEAK

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], bool] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        alive = {(policy.namespace, policy.name) for policy in view.policies}
        self._found = {key: found for key, found in self._found.items() if key in alive}

        def kept(policy: Policy) -> Policy | None:
            has_pods = any(is_selected(policy, pod) for pod in view.policed)
            return policy if self._found.setdefault((policy.namespace, policy.name), has_pods) else None

        return with_policies(view, kept)


FAULTS: tuple[type[Fault], ...] = (
    PodLabelsKept,
    PodLabelsOnlyAdded,
    NamespaceLabelsKept,
    PolicyUpdatesIgnored,
    PolicyUpdatesOnlyAdd,
    PolicyDeletesIgnored,
    LastDeleteLeavesIsolation,
    RecreatedPolicyIgnored,
    SubjectsChosenOnce,
    PoliciesWithoutPodsForgotten,
    PeersChosenOnce,
    RecreatedPodKeepsLabels,
    StaleAddresses,
    TerminatingPodsForgotten,
)
