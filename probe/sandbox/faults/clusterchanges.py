"""Faults in following what cluster-scoped policies say, and whom they are about. Each node remembers for itself."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import TypeAlias

from probe.sandbox.enforce.selectors import Operator, Requirement, Selector
from probe.sandbox.enforce.view import ClusterPolicy, ClusterView, Peer, PodPeer, Rule
from probe.sandbox.faults.cluster import with_matches
from probe.sandbox.faults.fault import Effect, Fault, named, with_pods

Key: TypeAlias = tuple[str, str]
"""Kind and name of a policy."""
_KNOWN = "faults.cni-probe.dev/known"


class ClusterPolicyDeletesIgnored(Fault):
    """A cluster-scoped policy that is deleted stays in force."""

    name, effect = "cluster-policy-deletes-ignored", Effect.BOTH

    def __init__(self) -> None:
        self._all: dict[Key, ClusterPolicy] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        self._all |= {_key(policy): policy for policy in view.cluster_policies}
        return replace(view, cluster_policies=tuple(self._all.values()))


class _EditsUnnoticed(Fault):
    """Of two versions of a policy the first stays, unless more has changed than is looked at."""

    effect = Effect.BOTH

    def __init__(self) -> None:
        self._seen: dict[tuple[str, Key], ClusterPolicy] = {}

    def looked_at(self, policy: ClusterPolicy) -> Hashable:
        """What must be another for an edit to be noticed."""
        raise NotImplementedError

    def see(self, node: str, view: ClusterView) -> ClusterView:
        there = {(node, _key(policy)) for policy in view.cluster_policies}
        self._seen = {key: policy for key, policy in self._seen.items() if key[0] != node or key in there}
        for policy in view.cluster_policies:
            before = self._seen.setdefault((node, _key(policy)), policy)
            if self.looked_at(before) != self.looked_at(policy):
                self._seen[node, _key(policy)] = policy
        return replace(view, cluster_policies=tuple(self._seen[node, _key(it)] for it in view.cluster_policies))


class ClusterPolicyUpdatesIgnored(_EditsUnnoticed):
    """A cluster-scoped policy is read when it is created; later versions are not followed."""

    name = "cluster-policy-updates-ignored"

    def looked_at(self, policy: ClusterPolicy) -> Hashable:
        return _key(policy)


class ClusterSubjectKept(_EditsUnnoticed):
    """An edit of a cluster-scoped policy's ``subject`` alone is not noticed."""

    name = "cluster-subject-kept"

    def looked_at(self, policy: ClusterPolicy) -> Hashable:
        return policy.tier, policy.priority, policy.ingress, policy.egress


class ClusterRuleOrderKept(_EditsUnnoticed):
    """An edit of a cluster-scoped policy that brings its rules into another order is not noticed."""

    name = "cluster-rule-order-kept"

    def looked_at(self, policy: ClusterPolicy) -> Hashable:
        rest = replace(policy, ingress=(), egress=())
        return rest.order, rest.namespaces, rest.pods, frozenset(policy.ingress), frozenset(policy.egress)


class ClusterSubjectsChosenOnce(Fault):
    """The namespaces that a cluster-scoped policy is about are chosen when it is created."""

    name, effect = "cluster-subjects-chosen-once", Effect.BOTH

    def __init__(self) -> None:
        self._chosen: dict[tuple[Key, Selector], frozenset[str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def chosen(policy: ClusterPolicy) -> ClusterPolicy:
            now = frozenset(name for name, labels in view.namespaces.items() if policy.namespaces.matches(labels))
            return replace(policy, namespaces=named(self._chosen.setdefault((_key(policy), policy.namespaces), now)))

        return replace(view, cluster_policies=tuple(map(chosen, view.cluster_policies)))


class ClusterPeersChosenOnce(Fault):
    """Pods that come after the first cluster-scoped policy are no peers of such policies."""

    name, effect = "cluster-peers-chosen-once", Effect.BOTH

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        there = frozenset(pod.uid for pod in view.pods)
        if not view.cluster_policies:
            self._known[node] = there
            return view
        known = self._known.setdefault(node, there)
        only = Requirement(_KNOWN, Operator.IN, ("yes",))

        def of_known(peer: Peer) -> Peer:
            if not isinstance(peer, PodPeer):
                return peer
            return replace(peer, pods=Selector((*peer.pods.requirements, only)))

        def changed(match: Rule) -> Rule:
            return replace(match, peers=None if match.peers is None else tuple(map(of_known, match.peers)))

        marked = with_pods(
            view, lambda pod: replace(pod, labels={**pod.labels, _KNOWN: "yes" if pod.uid in known else "no"})
        )
        return with_matches(marked, changed)


def _key(policy: ClusterPolicy) -> Key:
    return policy.kind, policy.name


FAULTS: tuple[type[Fault], ...] = (
    ClusterPolicyDeletesIgnored,
    ClusterPolicyUpdatesIgnored,
    ClusterSubjectKept,
    ClusterRuleOrderKept,
    ClusterSubjectsChosenOnce,
    ClusterPeersChosenOnce,
)
