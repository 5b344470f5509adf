"""The nearest miss: of the rules that could have accepted a flow, the one that lacked least, and what it lacked."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from probe.model.cell import Family, Protocol
from probe.model.fleet import Port
from probe.model.snapshot import NodeState, PodState
from probe.policy.decision import Aspect, Difference, NearMiss
from probe.policy.ports import NamedPort, PortRange
from probe.policy.rules import BlockPeer, DomainPeer, NodePeer, Peer, PodPeer, Rule
from probe.policy.selectors import Operator, Requirement
from probe.policy.universe import VERSIONS, AddressRange, Endpoint, endpoint_id

_FAR = 10
"""How much more another kind of peer weighs than a label, an address or a port that differs."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A flow as the rules of one side see it: ``peer`` is the other end, ``served`` the destination's declared ports.

    ``namespaces`` and ``nodes`` map names to labels.
    """

    peer: Endpoint
    port: int
    protocol: Protocol
    family: Family
    served: tuple[Port, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    nodes: Mapping[str, Mapping[str, str]]


def nearest_miss(rules: Iterable[Rule], attempt: Attempt) -> NearMiss | None:
    """The rule with the fewest differences; among equals the first. None without rules."""
    misses = [
        NearMiss(rule.ref, (*_peer_differences(rule, attempt), *_port_differences(rule, attempt))) for rule in rules
    ]
    return min(misses, key=lambda miss: _weight(miss.differences), default=None)


def _weight(differences: Sequence[Difference]) -> int:
    """How far off: another kind of peer is further than any label."""
    return sum(_FAR if each.aspect is Aspect.KIND else 1 for each in differences)


# --- peers ---------------------------------------------------------------------------------------------------------


def _peer_differences(rule: Rule, attempt: Attempt) -> tuple[Difference, ...]:
    """What the peer lacks that comes nearest."""
    if rule.peers is None:
        return ()
    cluster_scoped = not rule.ref.policy.namespace
    differences = (tuple(_differences(peer, attempt, cluster_scoped=cluster_scoped)) for peer in rule.peers)
    return min(differences, key=_weight, default=())


def _differences(peer: Peer, attempt: Attempt, *, cluster_scoped: bool) -> Iterator[Difference]:
    match peer:
        case PodPeer():
            yield from _pod_differences(peer, attempt, cluster_scoped=cluster_scoped)
        case BlockPeer():
            yield from _block_differences(peer, attempt)
        case NodePeer():
            yield from _node_differences(peer, attempt)
        case DomainPeer(names):
            yield Difference(Aspect.KIND, f"it asks for {', '.join(names)}, whose addresses are not known here")


def _pod_differences(peer: PodPeer, attempt: Attempt, *, cluster_scoped: bool) -> Iterator[Difference]:
    pod = attempt.peer
    if not isinstance(pod, PodState):
        what = "a node" if isinstance(pod, NodeState) else "no pod"
        yield Difference(Aspect.KIND, f"it selects pods, and {endpoint_id(pod)} is {what}")
        return
    if cluster_scoped and pod.host_network:
        yield Difference(Aspect.KIND, f"it selects no pods on the host's network, as {pod.id} is")
        return
    if peer.namespace is not None and peer.namespace != pod.namespace:
        text = f"without a namespaceSelector it means pods of {peer.namespace}, and {pod.id} is in {pod.namespace}"
        yield Difference(Aspect.NAMESPACE, text)
    labels = attempt.namespaces.get(pod.namespace, {})
    for requirement in peer.namespaces.unmet(labels):
        yield Difference(Aspect.NAMESPACE, _unmet(f"namespace {pod.namespace}", requirement, labels))
    for requirement in peer.pods.unmet(pod.labels):
        yield Difference(Aspect.LABEL, _unmet(pod.id, requirement, pod.labels))


def _node_differences(peer: NodePeer, attempt: Attempt) -> Iterator[Difference]:
    """The other end is a node, or a pod with the address of one, or what no such peer can mean."""
    match attempt.peer:
        case NodeState(name=str(name)) | PodState(host_network=True, node=str(name)):
            labels = attempt.nodes.get(name, {})
            for requirement in peer.nodes.unmet(labels):
                yield Difference(Aspect.LABEL, _unmet(f"node {name}", requirement, labels))
        case _:
            with_labels = f" with {peer.nodes}" if peer.nodes.requirements else ""
            yield Difference(Aspect.KIND, f"it asks for nodes{with_labels}")


def _unmet(what: str, requirement: Requirement, labels: Mapping[str, str]) -> str:
    key, has = requirement.key, labels.get(requirement.key)
    match requirement.operator:
        case Operator.IN:
            given = f"no label {key}" if has is None else f"{key}={has}"
            return f"it asks for {requirement} and {what} has {given}"
        case Operator.EXISTS:
            return f"it asks for a label {key}, which {what} has not"
        case _:
            return f"it asks for {requirement} and {what} has {key}={has}"


def _block_differences(peer: BlockPeer, attempt: Attempt) -> Iterator[Difference]:
    known = _addresses(attempt.peer)
    addresses = [address for address in known if address.version == VERSIONS[attempt.family]]
    name = endpoint_id(attempt.peer)
    if peer.block.version != VERSIONS[attempt.family]:
        yield Difference(Aspect.ADDRESS, f"{peer.block} says nothing of {attempt.family}")
    elif not addresses:
        lacks = f"{name} has no {attempt.family} address" if known else f"that of {name} is not known"
        yield Difference(Aspect.ADDRESS, f"it asks for addresses of {peer.block} and {lacks}")
    elif not any(address in peer.block for address in addresses):
        shown = f" ({addresses[0]})" if isinstance(attempt.peer, PodState | NodeState) else ""
        yield Difference(Aspect.ADDRESS, f"{name}{shown} is not in {peer.block}")
    else:
        hole = next((hole for hole in peer.excepts if any(address in hole for address in addresses)), None)
        if hole is not None:
            yield Difference(Aspect.EXCEPT, f"its except {hole} leaves {name} out of {peer.block}")


def _addresses(endpoint: Endpoint) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    match endpoint:
        case PodState(addresses=addresses) | NodeState(addresses=addresses):
            return [ipaddress.ip_address(address) for address in addresses]
        case AddressRange(family, first):
            return [ipaddress.IPv6Address(first) if family is Family.IPV6 else ipaddress.IPv4Address(first)]
        case _:
            return []


# --- ports ---------------------------------------------------------------------------------------------------------


def _port_differences(rule: Rule, attempt: Attempt) -> Iterator[Difference]:
    if rule.ports is None:
        return
    port, protocol = attempt.port, attempt.protocol
    for each in rule.ports:
        if each.covers(port, protocol) if isinstance(each, PortRange) else each.covers(port, protocol, attempt.served):
            return
    asked = " or ".join(_asked(each, attempt) for each in rule.ports)
    other = any(isinstance(each, PortRange) and each.first <= port <= each.last for each in rule.ports)
    yield Difference(Aspect.PROTOCOL if other else Aspect.PORT, f"it asks for {asked}")


def _asked(port: PortRange | NamedPort, attempt: Attempt) -> str:
    """A port of a rule; a name with what the destination calls so."""
    if isinstance(port, PortRange):
        return str(port)
    served = [each for each in attempt.served if each.name == port.name]
    return f"{port}, which is {served[0]} there" if served else f"{port}, which the destination does not serve"
