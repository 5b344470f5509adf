"""Faults of room: what is more than there is place for is dropped, and what looks alike is taken for the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from probe.sandbox.enforce.direction import Direction
from probe.sandbox.enforce.view import FINISHED, ClusterView, Pod, Policy, Rule
from probe.sandbox.faults.fault import Effect, Fault, with_pods, with_policies, with_rules
from probe.sandbox.faults.policies import chosen_for_each_pod


class RulesTruncated(Fault):
    """Of the rules of a policy only the first 30 count."""

    name, effect = "rules-truncated", Effect.BLOCK
    room = 30

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def cut(rules: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
            return None if rules is None else rules[: self.room]

        return with_policies(view, lambda it: replace(it, ingress=cut(it.ingress), egress=cut(it.egress)))


class PortsTruncated(Fault):
    """Of the ports of a rule only the first 24 count."""

    name, effect = "ports-truncated", Effect.BLOCK
    room = 24

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def cut(rule: Rule, _: Direction) -> Iterable[Rule]:
            return [rule if rule.ports is None else replace(rule, ports=rule.ports[: self.room])]

        return with_rules(view, cut)


class PeersTruncated(Fault):
    """Of the peers of a rule only the first 64 count."""

    name, effect = "peers-truncated", Effect.BLOCK
    room = 64

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def cut(rule: Rule, _: Direction) -> Iterable[Rule]:
            return [rule if rule.peers is None else replace(rule, peers=rule.peers[: self.room])]

        return with_rules(view, cut)


class PoliciesTruncated(Fault):
    """Of the policies that select a pod for a direction only the first 32 count, by name."""

    name, effect = "policies-truncated", Effect.BLOCK
    room = 32

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return chosen_for_each_pod(view, lambda policies: policies[: self.room])


class PolicyNamesCut(Fault):
    """Policies are known by the first 63 characters of their names; of those that are alike the last counts."""

    name, effect = "policy-names-cut", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return _last_of(view, lambda policy: (policy.namespace, policy.name[:63]))


class NamesRunTogether(Fault):
    """Policies are known by namespace and name with a dash between; of those that are alike the last counts."""

    name, effect = "names-run-together", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return _last_of(view, lambda policy: f"{policy.namespace}-{policy.name}")


def _last_of(view: ClusterView, key: Callable[[Policy], object]) -> ClusterView:
    return replace(view, policies=tuple({key(policy): policy for policy in view.policies}.values()))


class FinishedPodsCount(Fault):
    """As long as a completed pod's object is there, whoever has its address now is taken for it."""

    name, effect = "finished-pods-count", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        finished = [pod for pod in view.pods if pod.phase in FINISHED]
        past = {(pod.namespace, address): pod for pod in finished for address in pod.addresses.values()}

        def taken(pod: Pod) -> Pod:
            found = (past.get((pod.namespace, address)) for address in pod.addresses.values())
            before = next(filter(None, found), None) if pod.is_policed else None
            return pod if before is None else replace(pod, labels=before.labels)

        return with_pods(view, taken)


FAULTS: tuple[type[Fault], ...] = (
    RulesTruncated,
    PortsTruncated,
    PeersTruncated,
    PoliciesTruncated,
    PolicyNamesCut,
    NamesRunTogether,
    FinishedPodsCount,
)
