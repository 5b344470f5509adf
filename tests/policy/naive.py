"""A second reading of the API, for tests: deliberately naive, so that it can be checked by eye against the API's text.

Plain loops over the manifests for one connection at a time, booleans, no sets of endpoints, and not a line shared with
``probe.policy``. Each function is a sentence or two of the types' documentation (networking/v1/types.go of
kubernetes/api, apis/v1alpha2 and apis/v1alpha1 of kubernetes-sigs/network-policy-api). What the API leaves open because
of equal priorities is found by trying all orders; hosts' networks and unknown addresses are no business of it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, TypeAlias

from probe.model.manifest import Manifest
from probe.model.snapshot import PodState, Snapshot

End: TypeAlias = PodState | str
"""A pod of the snapshot, or an address outside of the cluster."""


@dataclass(frozen=True, slots=True)
class Connection:
    """From one end to a port of the other, over IP of a version."""

    snapshot: Snapshot
    source: End
    destination: End
    port: int
    protocol: str
    version: int = 4


def outcomes(connection: Connection) -> set[bool]:
    """Whether the connection is allowed; both values where the API leaves it open."""
    if connection.source == connection.destination:
        return {True}
    egress, ingress = side(connection, "egress"), side(connection, "ingress")
    return {out and into for out in egress for into in ingress}


def side(connection: Connection, direction: str) -> set[bool]:
    """Whether one end's policies let the connection pass, for every order of policies that the API permits."""
    subject = connection.source if direction == "egress" else connection.destination
    if not isinstance(subject, PodState):
        return {True}
    orders = product(orders_of_tier(connection.snapshot, "Admin"), orders_of_tier(connection.snapshot, "Baseline"))
    return {passes(connection, direction, subject, admin, baseline) for admin, baseline in orders}


def passes(
    connection: Connection, direction: str, subject: PodState, admin: Sequence[Manifest], baseline: Sequence[Manifest]
) -> bool:
    """Admin tier, then NetworkPolicy, then Baseline tier, then the default, which is to allow."""
    match first_action(connection, direction, subject, admin):
        case "Accept":
            return True
        case "Deny":
            return False
    isolating = [
        policy
        for policy in connection.snapshot.policies
        if policy["kind"] == "NetworkPolicy"
        and policy["metadata"]["namespace"] == subject.namespace
        and selected(policy["spec"].get("podSelector"), subject.labels)
        and direction.capitalize() in policy_types(policy)
    ]
    if isolating:
        return any(network_policy_allows(policy, connection, direction) for policy in isolating)
    return first_action(connection, direction, subject, baseline) != "Deny"


# --- NetworkPolicy -------------------------------------------------------------------------------------------------


def policy_types(policy: Manifest) -> list[str]:
    """Policies that contain an egress section affect egress, and all policies affect ingress, if nothing is given."""
    spec = policy["spec"]
    if spec.get("policyTypes"):
        return list(spec["policyTypes"])
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def network_policy_allows(policy: Manifest, connection: Connection, direction: str) -> bool:
    """Traffic is allowed if it matches at least one rule, both its ports and its peers."""
    for rule in policy["spec"].get(direction) or []:
        peers, ports = rule.get("from" if direction == "ingress" else "to"), rule.get("ports")
        peer_fits = not peers or any(network_peer_fits(policy, peer, connection, direction) for peer in peers)
        port_fits = not ports or any(network_port_fits(port, connection) for port in ports)
        if peer_fits and port_fits:
            return True
    return False


def network_peer_fits(policy: Manifest, peer: Mapping[str, Any], connection: Connection, direction: str) -> bool:
    """A block of addresses, or pods of selected namespaces, or pods of the policy's own namespace."""
    other = other_end(connection, direction)
    if "ipBlock" in peer:
        inside = in_block(other, peer["ipBlock"]["cidr"], connection.version)
        return inside and not any(
            in_block(other, hole, connection.version) for hole in peer["ipBlock"].get("except") or []
        )
    if not isinstance(other, PodState):
        return False
    if "namespaceSelector" in peer:
        right_namespace = selected(peer["namespaceSelector"], connection.snapshot.namespaces[other.namespace])
    else:
        right_namespace = other.namespace == policy["metadata"]["namespace"]
    return right_namespace and selected(peer.get("podSelector"), other.labels)


def network_port_fits(port: Mapping[str, Any], connection: Connection) -> bool:
    """Protocol (TCP if not specified) and port; no port is every one, a name is a port of the destination's pod."""
    if port.get("protocol", "TCP") != connection.protocol:
        return False
    if "port" not in port:
        return True
    if isinstance(port["port"], str):
        return destination_calls_it(port["port"], connection)
    if "endPort" in port:
        return bool(port["port"] <= connection.port <= port["endPort"])
    return bool(port["port"] == connection.port)


# --- cluster-scoped policies ---------------------------------------------------------------------------------------


def orders_of_tier(snapshot: Snapshot, tier: str) -> Iterator[tuple[Manifest, ...]]:
    """All orders in which a tier's policies may be asked: ascending priorities, and equals in any order."""
    policies = [policy for policy in snapshot.policies if tier_of(policy) == tier]
    for order in permutations(policies):
        priorities = [policy["spec"].get("priority", 0) for policy in order]
        if priorities == sorted(priorities):
            yield order


def tier_of(policy: Manifest) -> str | None:
    """The tier of a cluster-scoped policy."""
    match policy["kind"]:
        case "AdminNetworkPolicy":
            return "Admin"
        case "BaselineAdminNetworkPolicy":
            return "Baseline"
        case "ClusterNetworkPolicy":
            return str(policy["spec"]["tier"])
    return None


def first_action(connection: Connection, direction: str, subject: PodState, policies: Sequence[Manifest]) -> str:
    """The action of the first rule that matches; "Pass" if there is none: both leave it to the next tier."""
    for policy in policies:
        if not pods_fit(policy["spec"]["subject"], subject, connection.snapshot):
            continue
        for rule in policy["spec"].get(direction) or []:
            peers = rule["from" if direction == "ingress" else "to"]
            ports = rule.get("protocols") or rule.get("ports")
            peer_fits = any(cluster_peer_fits(peer, connection, direction) for peer in peers)
            port_fits = not ports or any(cluster_port_fits(port, connection) for port in ports)
            if peer_fits and port_fits:
                return "Accept" if rule["action"] == "Allow" else str(rule["action"])
    return "Pass"


def cluster_peer_fits(peer: Mapping[str, Any], connection: Connection, direction: str) -> bool:
    """Pods, or blocks of addresses, which pods' are compared with as well. No end of ours is a node."""
    other = other_end(connection, direction)
    if "networks" in peer:
        return any(in_block(other, cidr, connection.version) for cidr in peer["networks"])
    if "nodes" in peer:
        return False
    return isinstance(other, PodState) and pods_fit(peer, other, connection.snapshot)


def pods_fit(selection: Mapping[str, Any], pod: PodState, snapshot: Snapshot) -> bool:
    """All pods of selected namespaces, or pods by namespace AND pod selectors."""
    labels = snapshot.namespaces[pod.namespace]
    if "namespaces" in selection:
        return selected(selection["namespaces"], labels)
    pods = selection["pods"]
    return selected(pods.get("namespaceSelector"), labels) and selected(pods["podSelector"], pod.labels)


def cluster_port_fits(port: Mapping[str, Any], connection: Connection) -> bool:
    """A number or a range of a protocol, or a name of whatever protocol; v1alpha1 has the protocol beside the number,
    TCP if not specified."""
    for name in ("destinationNamedPort", "namedPort"):
        if name in port:
            return destination_calls_it(port[name], connection)
    if "portNumber" in port:
        number = port["portNumber"]
        return bool(number.get("protocol", "TCP") == connection.protocol and number["port"] == connection.port)
    if "portRange" in port:
        ports = port["portRange"]
        right_protocol = ports.get("protocol", "TCP") == connection.protocol
        return bool(right_protocol and ports["start"] <= connection.port <= ports["end"])
    [(protocol, transport)] = port.items()
    destination = transport["destinationPort"]
    if protocol.upper() != connection.protocol:
        return False
    if "number" in destination:
        return bool(destination["number"] == connection.port)
    return bool(destination["range"]["start"] <= connection.port <= destination["range"]["end"])


# --- both ----------------------------------------------------------------------------------------------------------


def other_end(connection: Connection, direction: str) -> End:
    """The peer that rules of a direction speak of."""
    return connection.destination if direction == "egress" else connection.source


def destination_calls_it(name: str, connection: Connection) -> bool:
    """Whether the port in question has a name at the destination, which must be a pod for that."""
    destination = connection.destination
    if not isinstance(destination, PodState):
        return False
    return any(
        port.name == name and port.number == connection.port and port.protocol == connection.protocol
        for port in destination.ports
    )


def in_block(end: End, cidr: str, version: int) -> bool:
    """Whether an end's address of a version is in a block."""
    addresses = end.addresses if isinstance(end, PodState) else (end,)
    network = ipaddress.ip_network(cidr, strict=False)
    parsed = [ipaddress.ip_address(address) for address in addresses]
    return any(address.version == version == network.version and address in network for address in parsed)


def selected(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Label selector semantics: all of matchLabels and all of matchExpressions; an empty one selects everything."""
    for key, value in ((selector or {}).get("matchLabels") or {}).items():
        if key not in labels or labels[key] != value:
            return False
    for expression in (selector or {}).get("matchExpressions") or []:
        key, values = expression["key"], expression.get("values", [])
        fits = {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not fits[expression["operator"]]:
            return False
    return True
