"""A suite as large as the default run of a well-known generator of policy tests: 112 scenarios with 122 steps.

The fleet has nine pods in three namespaces, each of which serves six port-protocols, so that every step has 486 cells.
A policy is about one pod or a few, as most of those tests' are; what is expected is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, TypeAlias

from tests.bench.support import policy

Rule: TypeAlias = Mapping[str, Any]
SCENARIOS, STEPS, CELLS = 112, 122, 9 * 9 * 6

_PORTS = [{"port": port, "protocol": protocol, "name": f"serve-{port}-{protocol.lower()}"}
          for port in (80, 81, 82) for protocol in ("TCP", "UDP")]  # fmt: skip
_FLEET = {
    "namespaces": {
        name: {
            "labels": {"ns": name},
            "pods": {pod: {"labels": {"pod": pod}, "ports": _PORTS} for pod in ("a", "b", "c")},
        }
        for name in ("nx", "ny", "nz")
    }
}
_A = {"matchLabels": {"pod": "a"}}
_PODS: Sequence[Any] = (None, {}, {"matchLabels": {"pod": "b"}}, {"matchExpressions": [
    {"key": "pod", "operator": "NotIn", "values": ["b"]}]})  # fmt: skip
_NAMESPACES: Sequence[Any] = (None, {}, {"matchLabels": {"ns": "ny"}}, {"matchExpressions": [
    {"key": "ns", "operator": "NotIn", "values": ["ny"]}]})  # fmt: skip
_BLOCKS = ({"cidr": "10.244.0.0/16"}, {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24"]})


def _peers() -> list[Mapping[str, Any]]:
    """Every kind of peer: pods and namespaces by nothing, anything, label, and its opposite; blocks."""
    selectors = [
        {key: value for key, value in (("podSelector", pods), ("namespaceSelector", spaces)) if value is not None}
        for pods, spaces in product(_PODS, _NAMESPACES)
        if pods is not None or spaces is not None
    ]
    return [*selectors, *({"ipBlock": block} for block in _BLOCKS)]


def _ports() -> Iterator[list[Mapping[str, Any]]]:
    """By number, by name, by range, by protocol alone, and several."""
    for protocol in ("TCP", "UDP"):
        yield [{"port": 80, "protocol": protocol}]
        yield [{"port": f"serve-81-{protocol.lower()}", "protocol": protocol}]
        yield [{"port": 80, "endPort": 81, "protocol": protocol}]
        yield [{"protocol": protocol}]
    yield [{"port": 80, "protocol": "TCP"}, {"port": 82, "protocol": "UDP"}]


def _specs() -> Iterator[Mapping[str, Any]]:
    """One policy after the other, of every family in both directions."""
    for way, side in (("Ingress", "from"), ("Egress", "to")):
        base = {"podSelector": _A, "policyTypes": [way]}
        for target in ({}, _A, {"matchLabels": {"pod": "b"}}):
            yield {"podSelector": target, "policyTypes": [way]}
            yield {"podSelector": target, "policyTypes": [way], way.lower(): [{}]}
        for peer in _peers():
            yield {**base, way.lower(): [{side: [peer], "ports": [{"port": 80, "protocol": "TCP"}]}]}
        for ports in _ports():
            yield {**base, way.lower(): [{"ports": ports}]}
        for pair in combinations(_peers()[::2], 2):
            yield {**base, way.lower(): [{side: list(pair)}]}


def documents() -> list[dict[str, object]]:
    """The scenarios' documents; the last ten have a second step, in which the policy is another one."""
    specs = list(_specs())
    chosen = [specs[index * len(specs) // SCENARIOS] for index in range(SCENARIOS)]
    return [_document(index, spec, chosen[index - 50]) for index, spec in enumerate(chosen)]


def _document(index: int, spec: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, object]:
    steps = [{"name": "applied", "apply": policy("p", "nx", dict(spec)), "expect": "computed"}]
    if index >= 2 * SCENARIOS - STEPS:
        steps.append({"name": "updated", "apply": policy("p", "nx", dict(other)), "expect": "computed"})
    return {
        "apiVersion": "cni-probe/v1",
        "kind": "Scenario",
        "metadata": {"name": f"case-{index + 1}"},
        "spec": {"fleet": _FLEET, "steps": steps},
    }
