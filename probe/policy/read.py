"""The API's objects -> policies in one form.

Objects must be valid (``probe.model.networkpolicy``, ``probe.model.clusterpolicy``). A null field is an absent one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probe.model.cell import Protocol
from probe.model.manifest import Manifest
from probe.policy.ports import FIRST_PORT, LAST_PORT, NamedPort, PortMatch, PortRange
from probe.policy.rules import (
    Action,
    BlockPeer,
    Direction,
    DomainPeer,
    NodePeer,
    Peer,
    PodPeer,
    Policy,
    PolicyRef,
    Rule,
    RuleRef,
    Tier,
)
from probe.policy.selectors import read_selector

PEERS = {Direction.INGRESS: "from", Direction.EGRESS: "to"}
"""The field of a rule that lists its peers."""

_TIERS = {"AdminNetworkPolicy": Tier.ADMIN, "BaselineAdminNetworkPolicy": Tier.BASELINE}
_ACTIONS = {"Allow": Action.ACCEPT}  # v1alpha1's word for it


def read_policy(manifest: Manifest) -> Policy:
    """A policy of any of the four kinds. Raises ValueError for an object of another kind."""
    match manifest["kind"]:
        case "NetworkPolicy":
            return _read_network_policy(manifest)
        case "ClusterNetworkPolicy" | "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy":
            return _read_cluster_policy(manifest)
        case other:
            raise ValueError(f"{other} is no kind of policy")


def _list(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    return value.get(key) or ()


# --- networking.k8s.io/v1 ------------------------------------------------------------------------------------------


def _read_network_policy(manifest: Manifest) -> Policy:
    meta, spec = manifest["metadata"], manifest.get("spec") or {}
    ref = PolicyRef("NetworkPolicy", meta.get("namespace") or "default", meta["name"])
    return Policy(
        ref,
        Tier.NETWORK_POLICY,
        PodPeer(read_selector(spec.get("podSelector")), namespace=ref.namespace),
        {direction: tuple(_network_rules(spec, direction, ref)) for direction in _policy_types(spec)},
    )


def _policy_types(spec: Mapping[str, Any]) -> list[Direction]:
    """NetworkPolicySpec.policyTypes; absent: ingress always, egress if there is a rule for it."""
    given = _list(spec, "policyTypes")
    if given:
        return [direction for direction in Direction if direction.capitalize() in given]
    return list(Direction) if _list(spec, "egress") else [Direction.INGRESS]


def _network_rules(spec: Mapping[str, Any], direction: Direction, ref: PolicyRef) -> Iterator[Rule]:
    for index, each in enumerate(_list(spec, direction)):
        rule = each or {}
        peers = tuple(_network_peer(peer, ref.namespace) for peer in _list(rule, PEERS[direction]))
        ports = tuple(_network_port(port) for port in _list(rule, "ports"))
        yield Rule(RuleRef(ref, direction, index), peers or None, ports or None)


def _network_peer(peer: Mapping[str, Any], namespace: str) -> Peer:
    block = peer.get("ipBlock")
    if block is not None:
        return BlockPeer(_network(block["cidr"]), tuple(map(_network, _list(block, "except"))))
    pods, namespaces = read_selector(peer.get("podSelector")), peer.get("namespaceSelector")
    return PodPeer(pods, namespace=namespace) if namespaces is None else PodPeer(pods, read_selector(namespaces))


def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A block; bits beyond the prefix mean nothing, as in Go's ParseCIDR."""
    return ipaddress.ip_network(cidr, strict=False)


def _network_port(port: Mapping[str, Any]) -> PortMatch:
    protocol = Protocol(port.get("protocol") or "TCP")
    first = port.get("port")
    if first is None:
        return PortRange(protocol)
    if isinstance(first, str):
        return NamedPort(first, protocol)
    return PortRange(protocol, first, port.get("endPort") or first)


# --- policy.networking.k8s.io --------------------------------------------------------------------------------------


def _read_cluster_policy(manifest: Manifest) -> Policy:
    kind, spec = manifest["kind"], manifest["spec"]
    ref = PolicyRef(kind, "", manifest["metadata"]["name"])
    return Policy(
        ref,
        _TIERS.get(kind) or Tier(spec["tier"]),
        _pod_peer(spec["subject"]),
        {each: rules for each in Direction if (rules := tuple(_cluster_rules(spec, each, ref)))},
        priority=spec.get("priority") or 0,
    )


def _cluster_rules(spec: Mapping[str, Any], direction: Direction, ref: PolicyRef) -> Iterator[Rule]:
    for index, rule in enumerate(_list(spec, direction)):
        action = _ACTIONS.get(rule["action"]) or Action(rule["action"])
        peers = tuple(read for peer in _list(rule, PEERS[direction]) for read in _cluster_peers(peer))
        ports = (*map(_cluster_protocol, _list(rule, "protocols")), *map(_admin_port, _list(rule, "ports")))
        yield Rule(RuleRef(ref, direction, index, action, rule.get("name") or ""), peers, ports or None)


def _pod_peer(peer: Mapping[str, Any]) -> PodPeer:
    """``namespaces`` or ``pods``, of a subject or a peer."""
    if peer.get("namespaces") is not None:
        return PodPeer(namespaces=read_selector(peer["namespaces"]))
    pods = peer["pods"]
    return PodPeer(read_selector(pods.get("podSelector")), read_selector(pods.get("namespaceSelector")))


def _cluster_peers(peer: Mapping[str, Any]) -> Iterator[Peer]:
    if peer.get("nodes") is not None:
        yield NodePeer(read_selector(peer["nodes"]))
    elif peer.get("domainNames"):
        yield DomainPeer(tuple(peer["domainNames"]))
    elif peer.get("networks"):
        yield from (BlockPeer(_network(cidr)) for cidr in peer["networks"])
    else:
        yield _pod_peer(peer)


def _cluster_protocol(protocol: Mapping[str, Any]) -> PortMatch:
    """ClusterNetworkPolicyProtocol (v1alpha2)."""
    if protocol.get("destinationNamedPort"):
        return NamedPort(protocol["destinationNamedPort"])
    kind = next(each for each in Protocol if protocol.get(each.lower()) is not None)
    port = protocol[kind.lower()].get("destinationPort") or {}
    between = port.get("range") or {}
    first = port.get("number") or between.get("start") or FIRST_PORT
    return PortRange(kind, first, port.get("number") or between.get("end") or LAST_PORT)


def _admin_port(port: Mapping[str, Any]) -> PortMatch:
    """AdminNetworkPolicyPort (v1alpha1)."""
    if port.get("namedPort"):
        return NamedPort(port["namedPort"])
    between = port.get("portRange") or {}
    number = port.get("portNumber") or between
    protocol = Protocol(number.get("protocol") or "TCP")
    return PortRange(protocol, number.get("port") or between["start"], number.get("port") or between["end"])
