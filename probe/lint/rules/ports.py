"""Ports that nobody serves, and ranges of one port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from probe.lint.context import Context, PolicyView
from probe.lint.finding import Found, at
from probe.lint.spelling import slip_for
from probe.model.snapshot import PodState
from probe.policy.ports import NamedPort, PortRange
from probe.policy.rules import Direction, PodPeer, Rule


def named_port_unserved(context: Context) -> Iterator[Found]:
    """A port's name that no destination declares. Names are the destination's: the policy's own pods for ingress, its
    peers for egress; of those who are not here nothing is known."""
    for view in context.policies:
        for rule in view.rules:
            destinations = _destinations(context, view, rule)
            for place, port in view.ports(rule) if destinations else ():
                if isinstance(port, NamedPort) and not _serves(destinations, port):
                    yield at(place, f"no {_whose(rule)} serves a port {port}", hint_for(port, destinations))


def _destinations(context: Context, view: PolicyView, rule: Rule) -> list[PodState]:
    if rule.ref.direction is Direction.INGRESS:
        return context.selected(view.policy.subject)
    if rule.peers is None:
        return list(context.pods)
    if any(not isinstance(peer, PodPeer) or not context.universe.select(peer) for peer in rule.peers):
        return []
    return [pod for peer in rule.peers if isinstance(peer, PodPeer) for pod in context.selected(peer)]


def _whose(rule: Rule) -> str:
    return "pod that the policy selects" if rule.ref.direction is Direction.INGRESS else "pod that the peers mean"


def _serves(pods: Iterable[PodState], port: NamedPort) -> bool:
    return any(port.covers(each.number, each.protocol, pod.ports) for pod in pods for each in pod.ports)


def hint_for(port: NamedPort, pods: Iterable[PodState]) -> str:
    """The same name with another protocol, a name almost like it, or the names that there are."""
    served = [each for pod in pods for each in pod.ports if each.name]
    protocols = sorted({each.protocol for each in served if each.name == port.name})
    if protocols:
        return f'"{port.name}" is served over {", ".join(protocols)}'
    names = sorted({each.name for each in served if each.name})
    if near := slip_for(port.name, names):
        return f'did you mean "{near}"?'
    return f"served: {', '.join(names[:5])}" if names else "no container there gives a port a name"


def end_port_without_effect(context: Context) -> Iterator[Found]:
    """A range of one port."""
    for view in context.network_policies:
        for rule in view.rules:
            for place, port in view.ports(rule):
                raw = view.spec[rule.ref.direction][rule.ref.index]["ports"][place.path[-1]]
                if isinstance(port, PortRange) and raw.get("endPort") is not None and port.first == port.last:
                    yield at(
                        place.child("endPort"), "endPort is the port itself: the range has one port", "leave it out"
                    )
