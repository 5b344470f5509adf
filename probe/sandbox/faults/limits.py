"""Faults of room: what is more than there is place for is dropped, and what looks alike is taken for the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv4Address, summarize_address_range
from itertools import islice
from typing import ClassVar, TypeVar

from probe.sandbox.enforce.selectors import Selector
from probe.sandbox.enforce.view import FINISHED, ClusterView, Peer, Pod, PodPeer, Policy, PortMatch
from probe.sandbox.faults.fault import (
    Effect,
    Fault,
    named,
    with_peers,
    with_pods,
    with_policies,
    with_ports,
    with_rules,
    with_selectors,
)
from probe.sandbox.faults.policies import chosen_for_each_pod

T = TypeVar("T")


class _Truncated(Fault):
    """Each list of a kind has a length at which it ends."""

    effect = Effect.BLOCK
    room: ClassVar[int]

    def cut(self, listed: tuple[T, ...] | None) -> tuple[T, ...] | None:
        """What there is room for; an absent list stays absent."""
        return None if listed is None else listed[: self.room]


class RulesTruncated(_Truncated):
    """Of the rules of a policy only the first 30 count."""

    name, room = "rules-truncated", 30

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(view, lambda it: replace(it, ingress=self.cut(it.ingress), egress=self.cut(it.egress)))


class PortsTruncated(_Truncated):
    """Of the ports of a rule only the first 24 count."""

    name, room = "ports-truncated", 24

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_rules(view, lambda rule, _: [replace(rule, ports=self.cut(rule.ports))])


class PeersTruncated(_Truncated):
    """Of the peers of a rule only the first 64 count."""

    name, room = "peers-truncated", 64

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_rules(view, lambda rule, _: [replace(rule, peers=self.cut(rule.peers))])


class NamespacesTruncated(Fault):
    """Of the namespaces that a peer means only the first eight count, by name."""

    name, effect = "namespaces-truncated", Effect.BLOCK
    room = 8

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            if not isinstance(peer, PodPeer) or peer.namespaces is None:
                return [peer]
            names = [name for name, labels in sorted(view.namespaces.items()) if peer.namespaces.matches(labels)]
            if len(names) <= self.room:
                return [peer]
            return [replace(peer, namespaces=named(names[: self.room]))]

        return with_peers(view, changed)


class PoliciesTruncated(_Truncated):
    """Of the policies that select a pod for a direction only the first 32 count, by name."""

    name, room = "policies-truncated", 32

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return chosen_for_each_pod(view, lambda policies: policies[: self.room])


class PortMasksTruncated(Fault):
    """A range of ports becomes masks, of which there is room for 16."""

    name, effect = "port-masks-truncated", Effect.BLOCK
    room = 16

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(port: PortMatch) -> Iterable[PortMatch]:
            if port.end is None or not isinstance(port.port, int):
                return [port]
            masks = summarize_address_range(IPv4Address(port.port), IPv4Address(port.end))  # ports are numbers, too
            return [replace(port, port=int(it[0]), end=int(it[-1])) for it in islice(masks, self.room)]

        return with_ports(view, changed)


class ValuesTruncated(_Truncated):
    """Of the values of an expression only the first eight count."""

    name, effect, room = "values-truncated", Effect.BOTH, 8

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(selector: Selector) -> Selector:
            return Selector(tuple(replace(it, values=it.values[: self.room]) for it in selector.requirements))

        return with_selectors(view, changed)


class RequirementsTruncated(_Truncated):
    """Of the labels and expressions that a selector asks for only the first five count."""

    name, effect, room = "requirements-truncated", Effect.BOTH, 5

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_selectors(view, lambda selector: Selector(selector.requirements[: self.room]))


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
    NamespacesTruncated,
    PoliciesTruncated,
    PortMasksTruncated,
    ValuesTruncated,
    RequirementsTruncated,
    PolicyNamesCut,
    NamesRunTogether,
    FinishedPodsCount,
)
