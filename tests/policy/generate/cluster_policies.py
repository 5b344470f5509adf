"""Random policies of the cluster's scope, of both generations."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from tests.policy.generate.parts import block_around, namespaces_of, selector
from tests.policy.generate.pick import Pick
from tests.policy.generate.words import LABELS, NAMES, NODE_LABELS, NUMBERS, PROTOCOLS, RANGES, Object
from tests.policy.generate.worlds import World


def cluster_policy(pick: Pick, world: World, targets: Sequence[str], kind: str, name: str, priority: int) -> Object:
    """A policy of a cluster-scoped kind."""
    old = kind != "ClusterNetworkPolicy"
    baseline = kind == "BaselineAdminNetworkPolicy"
    actions = ("Allow" if old else "Accept", "Deny", *(() if baseline else ("Pass",)))
    spec: Object = {"subject": _selected_pods(pick, world)}
    if not baseline:
        spec["priority"] = priority
    if not old:
        spec["tier"] = pick.one(("Admin", "Baseline"))
    for direction, field in (("ingress", "from"), ("egress", "to")):
        size = pick.one((None, 0, 1, 1, 2, 3))
        if size is not None:
            spec[direction] = [
                {"action": pick.one(actions), **_cluster_rule(pick, world, targets, field, old=old)}
                for _ in range(size)
            ]
    return {
        "apiVersion": f"policy.networking.k8s.io/{'v1alpha1' if old else 'v1alpha2'}",
        "kind": kind,
        "metadata": {"name": "default" if baseline else name},
        "spec": spec,
    }


def _cluster_rule(pick: Pick, world: World, targets: Sequence[str], field: str, *, old: bool) -> Object:
    """A rule without its action. Names of ports stand only beside pods, as the API wants it."""
    peers = pick.many(lambda: _cluster_peer(pick, world, targets, field), 1, 1, 2)
    named = not any(key in peer for peer in peers for key in ("nodes", "networks"))
    ports = pick.many(lambda: (_admin_port if old else _cluster_port)(pick, named=named), 0, 0, 0, 1, 2)
    return {field: peers, **({"ports" if old else "protocols": ports} if ports else {})}


def _cluster_peer(pick: Pick, world: World, targets: Sequence[str], field: str) -> Object:
    match pick.one(("pods", "pods", "nodes", "networks") if field == "to" else ("pods",)):
        case "nodes":
            return {"nodes": pick.one(({}, {"matchLabels": NODE_LABELS}, {"matchLabels": {"absent": ""}}))}
        case "networks":
            return {
                "networks": list({str(each.network): _cidr(pick, each) for each in _blocks(pick, targets)}.values())
            }
    return _selected_pods(pick, world)


def _blocks(pick: Pick, targets: Sequence[str]) -> list[ipaddress.IPv4Interface | ipaddress.IPv6Interface]:
    return pick.many(lambda: block_around(pick, targets), 1, 1, 2)


def _cidr(pick: Pick, block: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> str:
    """Bits beyond a prefix are allowed in ``networks``, and mean nothing."""
    return str(block) if pick.yes(4) else str(block.network)


def _selected_pods(pick: Pick, world: World) -> Object:
    """A subject, or a peer: pods of namespaces by labels."""
    namespaces = namespaces_of(pick, world)
    if pick.yes():
        return {"pods": {"namespaceSelector": namespaces, "podSelector": selector(pick, LABELS)}}
    return {"namespaces": namespaces}


def _cluster_port(pick: Pick, *, named: bool) -> Object:
    """An item of ``protocols`` (v1alpha2)."""
    match pick.one(("number", "range", "name") if named else ("number", "range")):
        case "name":
            return {"destinationNamedPort": pick.one(NAMES)}
        case "range":
            port: Object = {"range": dict(zip(("start", "end"), _range(pick), strict=True))}
        case _:
            port = {"number": pick.one(NUMBERS)}
    return {pick.one(PROTOCOLS).lower(): {"destinationPort": port}}


def _admin_port(pick: Pick, *, named: bool) -> Object:
    """An item of ``ports`` (v1alpha1)."""
    protocol = pick.one((None, *PROTOCOLS))
    given: Object = {} if protocol is None else {"protocol": protocol}
    match pick.one(("number", "range", "name") if named else ("number", "range")):
        case "name":
            return {"namedPort": pick.one(NAMES)}
        case "range":
            return {"portRange": {**given, **dict(zip(("start", "end"), _range(pick), strict=True))}}
    return {"portNumber": {**given, "port": pick.one(NUMBERS)}}


def _range(pick: Pick) -> tuple[int, int]:
    """Of more than one port, as these kinds want it."""
    return pick.one([ends for ends in RANGES if ends[0] < ends[1]])
