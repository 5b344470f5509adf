"""Clusters and policies in few words, and questions to the oracle that are always asked twice.

``cluster(pod("a/web", "80/TCP=http", app="web"), network_policy("a", ...))`` is a snapshot; namespaces are made up from
the pods, with the label that the API server gives them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from probe.model.cell import Family, Protocol
from probe.model.clusterpolicy import validate_cluster_policy
from probe.model.fleet import Port
from probe.model.networkpolicy import validate_network_policy
from probe.model.snapshot import NAME_LABEL, NodeState, PodState, Snapshot
from probe.policy.decision import Answer, Decision
from probe.policy.oracle import Oracle, Question
from probe.policy.universe import AddressRange, Stranger

Object: TypeAlias = dict[str, Any]
ALLOW, DENY, UNDEFINED = Answer.ALLOW, Answer.DENY, Answer.UNDEFINED
V4, V6 = Family.IPV4, Family.IPV6


# --- clusters ------------------------------------------------------------------------------------------------------


def port(text: str) -> Port:
    """``80/TCP``, ``80/TCP=http``."""
    number_and_protocol, _, name = text.partition("=")
    number, _, protocol = number_and_protocol.partition("/")
    return Port(int(number), Protocol(protocol or "TCP"), name or None)


def pod(
    id_: str,
    /,
    *ports: str,
    at: str | Sequence[str] = (),
    node: str | None = None,
    host: bool = False,
    labels: Mapping[str, str] | None = None,
    **more: str,
) -> PodState:
    """A pod ``namespace/name`` with labels, and more of them. ``at``: its address or addresses."""
    namespace, _, name = id_.partition("/")
    addresses = (at,) if isinstance(at, str) else tuple(at)
    return PodState(namespace, name, {**(labels or {}), **more}, tuple(map(port, ports)), addresses, node, host)


def node(name: str, *addresses: str, **labels: str) -> NodeState:
    """A node with labels."""
    return NodeState(name, labels, addresses)


def cluster(
    *things: PodState | NodeState | Object,
    namespaces: Mapping[str, Mapping[str, str]] | None = None,
    pod_cidrs: Sequence[str] = (),
) -> Snapshot:
    """A snapshot of pods, nodes and policies. ``namespaces``: labels of those that have any of their own."""
    pods = tuple(thing for thing in things if isinstance(thing, PodState))
    policies = tuple(thing for thing in things if isinstance(thing, dict))
    for policy in policies:
        errors = (validate_network_policy if policy["kind"] == "NetworkPolicy" else validate_cluster_policy)(policy)
        assert not errors, errors
    names = dict.fromkeys([*(pod.namespace for pod in pods), *(namespaces or {})])
    labels = {name: {**(namespaces or {}).get(name, {}), NAME_LABEL: name} for name in names}
    nodes = tuple(thing for thing in things if isinstance(thing, NodeState))
    return Snapshot(labels, pods, nodes, policies=policies, pod_cidrs=tuple(pod_cidrs))


# --- policies ------------------------------------------------------------------------------------------------------


def labels(**labels: str) -> Object:
    """A selector by labels."""
    return {"matchLabels": labels}


def expression(key: str, operator: str, *values: str) -> Object:
    """A selector by one expression."""
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": [*values]} if values else {})}]}


def network_policy(
    namespace: str = "a", name: str = "policy", *, spec: Mapping[str, Any] | None = None, **more: Any
) -> Object:
    """A NetworkPolicy; without a podSelector it selects all pods of the namespace."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, **(spec or {}), **more},
    }


def ingress(*peers: Object, ports: Sequence[Object] = (), namespace: str = "a", name: str = "policy") -> Object:
    """A NetworkPolicy for ingress, with one rule for these peers (none: any)."""
    return network_policy(namespace, name, ingress=[{"from": [*peers], "ports": [*ports]}])


def egress(*peers: Object, ports: Sequence[Object] = (), namespace: str = "a", name: str = "policy") -> Object:
    """A NetworkPolicy for egress alone, with one rule for these peers (none: any)."""
    return network_policy(namespace, name, policyTypes=["Egress"], egress=[{"to": [*peers], "ports": [*ports]}])


def block(cidr: str, *excepts: str) -> Object:
    """An ipBlock peer."""
    return {"ipBlock": {"cidr": cidr, **({"except": [*excepts]} if excepts else {})}}


EVERYBODY: Object = {"namespaces": {}}
"""A subject or peer: all pods that are not on their node's network."""


def cluster_policy(
    tier: str = "Admin", priority: int = 10, name: str = "policy", *, spec: Mapping[str, Any] | None = None, **more: Any
) -> Object:
    """A ClusterNetworkPolicy; without a subject it is for everybody."""
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"tier": tier, "priority": priority, "subject": EVERYBODY, **(spec or {}), **more},
    }


def admin_policy(priority: int = 10, name: str = "policy", **spec: Any) -> Object:
    """An AdminNetworkPolicy; without a subject it is for everybody."""
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"priority": priority, "subject": EVERYBODY, **spec},
    }


def baseline_policy(**spec: Any) -> Object:
    """The BaselineAdminNetworkPolicy; without a subject it is for everybody."""
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha1",
        "kind": "BaselineAdminNetworkPolicy",
        "metadata": {"name": "default"},
        "spec": {"subject": EVERYBODY, **spec},
    }


def rule(action: str, *peers: Object, direction: str = "from", **more: Any) -> Object:
    """A rule of a cluster-scoped policy, for everybody if no peers are given."""
    return {"action": action, direction: [*peers] or [EVERYBODY], **more}


def to(action: str, *peers: Object, **more: Any) -> Object:
    """An egress rule of a cluster-scoped policy."""
    return rule(action, *peers, direction="to", **more)


# --- questions -----------------------------------------------------------------------------------------------------


def ask(snapshot: Snapshot, source: str, destination: str, on: str = "80/TCP", family: Family = V4) -> Decision:
    """The decision on a flow, after checking that the truth table says the same.

    Ends that are addresses, ranges ``first-last`` of them, or begin with ``?`` need not be in the snapshot.
    """
    known = {each.id for each in snapshot.pods} | {f"node:{each.name}" for each in snapshot.nodes}
    oracle = Oracle(snapshot, [_other(end) for end in dict.fromkeys((source, destination)) if end not in known])
    asked = port(on)
    question = Question(asked.number, asked.protocol, family)
    decision = oracle.decide(source, destination, question)
    table = oracle.table(question)
    assert table.answer(table.ids.index(source), table.ids.index(destination)) is decision.answer
    return decision


def answer(snapshot: Snapshot, source: str, destination: str, on: str = "80/TCP", family: Family = V4) -> Answer:
    """The answer alone."""
    return ask(snapshot, source, destination, on, family).answer


def _other(end: str) -> AddressRange | Stranger:
    if end.startswith("?"):
        return Stranger(end)
    first, _, last = end.partition("-")
    start, stop = ipaddress.ip_address(first), ipaddress.ip_address(last or first)
    return AddressRange(V6 if start.version == 6 else V4, int(start), int(stop))
