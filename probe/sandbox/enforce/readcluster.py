"""From cluster-scoped policies (policy.networking.k8s.io) to the view: two versions, one meaning.

What the API says of an implementation that meets a peer it doesn't know, "fail closed", is done here: a rule with such
a peer allows nothing if it is to allow, and denies everything if it is to deny or to pass. Domain names match nothing:
the sandbox follows no DNS answers, and the rules that may have them are those that allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from probe.model.cell import Protocol
from probe.sandbox.enforce.read import Obj, named
from probe.sandbox.enforce.selectors import EVERYTHING, Selector
from probe.sandbox.enforce.view import (
    Action,
    BlockPeer,
    ClusterPolicy,
    ClusterRule,
    NodePeer,
    Peer,
    PodPeer,
    PortMatch,
    Rule,
    Tier,
)

_TIERS = {"Admin": Tier.ADMIN, "Baseline": Tier.BASELINE}
_ACTIONS = {"Accept": Action.ALLOW, "Allow": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
_EVERYTHING_DENIED = ClusterRule(Action.DENY, Rule())


@named
def read_cluster_policy(obj: Obj) -> ClusterPolicy:
    """A policy of any of the three kinds; ``kind`` says which."""
    kind, spec = obj["kind"], obj["spec"]
    baseline = kind == "BaselineAdminNetworkPolicy"
    namespaces, pods = _pods(spec["subject"])
    return ClusterPolicy(
        kind=kind,
        name=obj["metadata"]["name"],
        tier=_TIERS[spec["tier"]] if kind == "ClusterNetworkPolicy" else Tier.BASELINE if baseline else Tier.ADMIN,
        priority=None if baseline else int(spec["priority"]),
        namespaces=namespaces,
        pods=pods,
        ingress=tuple(_rules(spec.get("ingress") or (), "from")),
        egress=tuple(_rules(spec.get("egress") or (), "to")),
    )


def _pods(selected: Obj) -> tuple[Selector, Selector]:
    """Of which namespaces, which pods. Raises ValueError for a selection of neither."""
    if selected.get("namespaces") is not None:
        return Selector.read(selected["namespaces"]), EVERYTHING
    if selected.get("pods") is not None:
        pods = selected["pods"]
        return Selector.read(pods.get("namespaceSelector") or {}), Selector.read(pods.get("podSelector") or {})
    raise ValueError("neither namespaces nor pods are selected")


def _rules(rules: Iterable[Obj], peers_key: str) -> Iterator[ClusterRule]:
    for rule in rules:
        action = _ACTIONS[rule["action"]]
        peers = [_peers(peer) for peer in rule.get(peers_key) or ()]
        if None not in peers:
            match = Rule(tuple(it for found in peers for it in found or ()), _ports(rule))
            yield ClusterRule(action, match)
        elif action is not Action.ALLOW:
            yield _EVERYTHING_DENIED


def _peers(peer: Obj) -> tuple[Peer, ...] | None:
    """What the peer stands for; None if that is not to be known."""
    if "namespaces" in peer or "pods" in peer:
        return (PodPeer(*_pods(peer)),)
    if "nodes" in peer:
        return (NodePeer(Selector.read(peer["nodes"])),)
    if "networks" in peer:
        return tuple(BlockPeer(ip_network(text, strict=False)) for text in peer["networks"])
    return () if "domainNames" in peer else None


def _ports(rule: Obj) -> tuple[PortMatch, ...] | None:
    entries = rule.get("protocols") or rule.get("ports")
    return tuple(match for entry in entries for match in _port(entry)) if entries else None


def _port(entry: Obj) -> Iterator[PortMatch]:
    """Raises KeyError for an entry that is none of those there are."""
    if name := entry.get("destinationNamedPort") or entry.get("namedPort"):
        yield from (PortMatch(protocol, name) for protocol in Protocol)  # whatever the container says
    elif number := entry.get("portNumber"):
        yield PortMatch(Protocol(number.get("protocol") or "TCP"), int(number["port"]))
    elif ports := entry.get("portRange"):
        yield PortMatch(Protocol(ports.get("protocol") or "TCP"), int(ports["start"]), int(ports["end"]))
    else:
        ((transport, match),) = entry.items()
        port = match.get("destinationPort") or {}
        numbers = port.get("range") or {"start": port.get("number"), "end": None}
        yield PortMatch(Protocol[transport.upper()], numbers["start"], numbers["end"])
