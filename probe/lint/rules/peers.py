"""Peers that mean more or less than they look: AND and OR, everywhere, and addresses of pods."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import pairwise

from probe.lint.context import Context, PolicyView
from probe.lint.covers import within
from probe.lint.finding import Found, Level, at
from probe.lint.rules.selection import meets_only_apart
from probe.policy.rules import BlockPeer, Direction, PodPeer, Rule


def and_instead_of_or(context: Context) -> Iterator[Found]:
    """Both selectors in one item, which nobody meets, though both are met apart."""
    for view in context.network_policies:
        for rule in view.rules:
            for place, peer in view.peers(rule):
                if isinstance(peer, PodPeer) and meets_only_apart(context, view, peer):
                    yield at(
                        place,
                        f"no pod with {peer.pods} is in a namespace with {peer.namespaces}: "
                        "both selectors of one item must be met",
                        "to allow either, make them two items of the list",
                    )


def or_instead_of_and(context: Context) -> Iterator[Found]:
    """Two items one after the other, a namespaceSelector and a podSelector, where one dash too many changes it all."""
    for view in context.network_policies:
        for rule in view.rules:
            items = [(place, peer) for place, peer in view.peers(rule) if isinstance(peer, PodPeer)]
            for (_, first), (place, second) in pairwise(items):
                if _are_halves(first, second):
                    yield from _two_items(context, view, first, second, at(place, ""))


def _are_halves(first: PodPeer, second: PodPeer) -> bool:
    only_namespaces = first.namespace is None and first.namespaces.requirements and not first.pods.requirements
    return bool(only_namespaces and second.namespace is not None and second.pods.requirements)


def _two_items(context: Context, view: PolicyView, first: PodPeer, second: PodPeer, found: Found) -> Iterator[Found]:
    """Surely odd if no pod of the policy's own namespace is meant by the second; else both readings make sense."""
    both = context.universe.select(PodPeer(second.pods, first.namespaces))
    if not both:
        return
    own = context.universe.select(second)
    yield Found(
        found.location,
        f"any pod of namespaces with {first.namespaces} is allowed, and besides pods with {second.pods} of "
        f"{view.object.namespace}" + ("" if own else ", of which there is none"),
        "to ask for both at once, leave out the dash before podSelector",
        None if not own else Level.INFO,
    )


def allow_from_everywhere(context: Context) -> Iterator[Found]:
    """An ingress rule for any source, the world outside the cluster included."""
    for view in context.network_policies:
        for rule in view.policy.directions.get(Direction.INGRESS, ()):
            ports = "on any port" if rule.ports is None else f"on {', '.join(map(str, rule.ports))}"
            level = Level.WARNING if rule.ports is None else None
            if rule.peers is None:
                message = f"it accepts traffic from everywhere, outside the cluster included, {ports}"
                yield at(view.rule_place(rule), message, _hint(rule), level)
            for place, peer in view.peers(rule):
                if isinstance(peer, BlockPeer) and peer.block.prefixlen == 0 and not peer.excepts:
                    yield at(
                        place, f"{peer.block} is every IPv{peer.block.version} address, {ports}", _hint(rule), level
                    )


def _hint(rule: Rule) -> str:
    return "" if rule.ports else "name the sources in `from`, or at least the ports"


def ip_block_in_pod_range(context: Context) -> Iterator[Found]:
    """Addresses of pods, which are given away anew all the time, and by which some plugins match no pods."""
    ranges = [ipaddress.ip_network(cidr) for cidr in context.manifests.snapshot.pod_cidrs]
    for view in context.policies:
        for rule in view.rules:
            for place, peer in view.peers(rule):
                if not isinstance(peer, BlockPeer):
                    continue
                home = next((each for each in ranges if within(peer.block, each)), None)
                if home is not None:
                    yield at(
                        place,
                        f"{peer.block} lies in the pods' range {home}: a pod has another address when it is made anew, "
                        "and not every network plugin matches pods by their addresses",
                        "select pods by their labels",
                    )
