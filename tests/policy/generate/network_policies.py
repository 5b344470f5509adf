"""Random NetworkPolicies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.policy.generate.parts import ip_block, namespaces_of, selector
from tests.policy.generate.pick import Pick
from tests.policy.generate.words import LABELS, NAMES, NUMBERS, PROTOCOLS, RANGES, Object
from tests.policy.generate.worlds import World


def network_policy(pick: Pick, world: World, targets: Sequence[str], name: str) -> Object:
    """A NetworkPolicy of a namespace of the world. Any section may be absent, and any list absent or empty."""
    spec: Object = {"podSelector": selector(pick, LABELS)}
    types = pick.one((None, None, ["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Egress", "Ingress"], []))
    if types is not None:
        spec["policyTypes"] = list(types)
    for section, field in (("ingress", "from"), ("egress", "to")):
        size = pick.one((None, 0, 1, 1, 1, 2))
        if size is not None:
            spec[section] = [_network_rule(pick, world, targets, field) for _ in range(size)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": pick.one(sorted(world.namespaces))},
        "spec": spec,
    }


def _network_rule(pick: Pick, world: World, targets: Sequence[str], field: str) -> Object:
    rule: Object = {}
    makers: tuple[tuple[str, Callable[[], Object]], ...] = (
        (field, lambda: _network_peer(pick, world, targets)),
        ("ports", lambda: _network_port(pick)),
    )
    for key, make in makers:
        size = pick.one((None, 0, 1, 1, 2, 2))
        if size is not None:
            rule[key] = [make() for _ in range(size)]
    return rule


def _network_peer(pick: Pick, world: World, targets: Sequence[str]) -> Object:
    shape = pick.one(("pods", "namespaces", "both", "block", "block"))
    if shape == "block":
        return {"ipBlock": ip_block(pick, targets)}
    peer: Object = {}
    if shape in ("pods", "both"):
        peer["podSelector"] = selector(pick, LABELS)
    if shape in ("namespaces", "both"):
        peer["namespaceSelector"] = namespaces_of(pick, world)
    return peer


def _network_port(pick: Pick) -> Object:
    protocol = pick.one((None, *PROTOCOLS))
    port: Object = {} if protocol is None else {"protocol": protocol}
    match pick.one(("number", "name", "name", "range", "range", "any")):
        case "number":
            port["port"] = pick.one(NUMBERS)
        case "name":
            port["port"] = pick.one(NAMES)
        case "range":
            port["port"], port["endPort"] = pick.one(RANGES)
    return port
