"""From API objects (plain JSON dicts) to the view. Reads only what the objects say, defaulted or not.

The API server has validated what it stores. What still cannot be read is an error that names the object: to skip it
would leave a policy unenforced in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

from probe.model.cell import Family, Protocol
from probe.model.errors import SandboxError
from probe.sandbox.enforce.selectors import EVERYTHING, Selector
from probe.sandbox.enforce.view import (
    Backend,
    BlockPeer,
    Node,
    NodePort,
    Pod,
    PodPeer,
    Policy,
    PortMatch,
    Rule,
    Service,
    ServicePort,
)

Obj = Mapping[str, Any]
T = TypeVar("T")


def named(read: Callable[[Obj], T]) -> Callable[[Obj], T]:
    """Say which object it was that cannot be read: a SandboxError."""

    @wraps(read)
    def reader(obj: Obj) -> T:
        try:
            return read(obj)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            meta = obj.get("metadata", {})
            what = "/".join(filter(None, (obj.get("kind", "object"), meta.get("namespace"), meta.get("name"))))
            raise SandboxError(f"enforcement cannot read {what}: {error!r}") from error

    return reader


def addresses_of(values: Iterable[str]) -> dict[Family, str]:
    """Addresses by family, spelt canonically; the first of each family counts."""
    found: dict[Family, str] = {}
    for value in values:
        address = ip_address(value)
        found.setdefault(Family.IPV4 if address.version == 4 else Family.IPV6, str(address))
    return found


@named
def read_pod(obj: Obj) -> Pod:
    """A pod, whatever its state."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    addresses = [entry["ip"] for entry in status.get("podIPs") or ()] or [status.get("podIP")]
    # Init containers count too: one that restarts always is a sidecar and serves.
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return Pod(
        uid=meta["uid"],
        namespace=meta["namespace"],
        name=meta["name"],
        labels=meta.get("labels") or {},
        node=spec.get("nodeName") or "",
        addresses=addresses_of(filter(None, addresses)),
        ports={
            (port["name"], Protocol(port.get("protocol") or "TCP")): int(port["containerPort"])
            for container in containers
            for port in container.get("ports") or ()
            if port.get("name")
        },
        host_network=bool(spec.get("hostNetwork")),
        phase=status.get("phase") or "Pending",
        terminating="deletionTimestamp" in meta,
        created=meta.get("creationTimestamp") or "",
    )


@named
def read_node(obj: Obj) -> Node:
    """A node; names among its addresses are of no concern."""
    listed = (obj.get("status") or {}).get("addresses") or ()
    published: dict[Family, set[str]] = {}
    for entry in listed:
        if entry["type"] in ("InternalIP", "ExternalIP"):
            for family, address in addresses_of([entry["address"]]).items():
                published.setdefault(family, set()).add(address)
    return Node(
        labels=obj["metadata"].get("labels") or {},
        addresses=addresses_of(entry["address"] for entry in listed if entry["type"] == "InternalIP"),
        published={family: frozenset(addresses) for family, addresses in published.items()},
    )


@named
def read_policy(obj: Obj) -> Policy:
    """A NetworkPolicy. Absent policyTypes: Ingress always, Egress if there are egress rules."""
    meta, spec = obj["metadata"], obj.get("spec") or {}
    types = spec.get("policyTypes") or ("Ingress", *(("Egress",) if spec.get("egress") else ()))
    ingress, egress = _rules(spec.get("ingress"), "from"), _rules(spec.get("egress"), "to")
    return Policy(
        namespace=meta["namespace"],
        name=meta["name"],
        selector=Selector.read(spec.get("podSelector") or {}),
        ingress=ingress if "Ingress" in types else None,
        egress=egress if "Egress" in types else None,
        unlisted=(*(ingress if "Ingress" not in types else ()), *(egress if "Egress" not in types else ())),
    )


def _rules(rules: Iterable[Obj] | None, peers_key: str) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            peers=tuple(map(_peer, rule[peers_key])) if rule.get(peers_key) else None,
            ports=tuple(map(_port, rule["ports"])) if rule.get("ports") else None,
        )
        for rule in rules or ()
    )


def _peer(peer: Obj) -> PodPeer | BlockPeer:
    block, namespaces, pods = peer.get("ipBlock"), peer.get("namespaceSelector"), peer.get("podSelector")
    if block is not None:
        excepts = tuple(ip_network(text, strict=False) for text in block.get("except") or ())
        return BlockPeer(ip_network(block["cidr"], strict=False), excepts)
    if namespaces is None and pods is None:
        raise ValueError("a peer that says nothing")
    return PodPeer(
        namespaces=None if namespaces is None else Selector.read(namespaces),
        pods=EVERYTHING if pods is None else Selector.read(pods),
    )


def _port(entry: Obj) -> PortMatch:
    port, end = entry.get("port"), entry.get("endPort")
    return PortMatch(Protocol(entry.get("protocol") or "TCP"), port, None if end is None else int(end))


def read_services(services: Iterable[Obj], slices: Iterable[Obj]) -> tuple[Service, ...]:
    """Services with their EndpointSlices (discovery.k8s.io/v1)."""
    by_service: dict[tuple[str, str], list[Obj]] = {}
    for piece in slices:
        meta = piece["metadata"]
        owner = (meta.get("labels") or {}).get("kubernetes.io/service-name")
        if owner:
            by_service.setdefault((meta["namespace"], owner), []).append(piece)
    found = (
        _service({**obj, "slices": by_service.get((obj["metadata"]["namespace"], obj["metadata"]["name"]), ())})
        for obj in services
    )
    return tuple(service for service in found if service.addresses)


@named
def _service(obj: Obj) -> Service:
    meta, spec = obj["metadata"], obj.get("spec") or {}
    values = spec.get("clusterIPs") or [spec.get("clusterIP")]
    addresses = addresses_of(value for value in values if value and value != "None")
    ports = tuple(
        ServicePort(
            address=address,
            family=family,
            protocol=Protocol(port.get("protocol") or "TCP"),
            port=int(port["port"]),
            backends=_backends(obj["slices"], family, port.get("name") or ""),
            local=spec.get("internalTrafficPolicy") == "Local",
        )
        for family, address in addresses.items()
        for port in spec.get("ports") or ()
    )
    node_ports = tuple(
        NodePort(
            family=family,
            protocol=Protocol(port.get("protocol") or "TCP"),
            port=int(port["nodePort"]),
            backends=_backends(obj["slices"], family, port.get("name") or ""),
            local=spec.get("externalTrafficPolicy") == "Local",
        )
        for family in addresses
        for port in spec.get("ports") or ()
        if port.get("nodePort")
    )
    return Service(meta["namespace"], meta["name"], addresses, ports, node_ports)


def _backends(slices: Iterable[Obj], family: Family, port_name: str) -> tuple[Backend, ...]:
    """Ready endpoints of a service port: a slice's port belongs to the service port of the same name."""
    return tuple(
        sorted(
            {
                Backend(str(ip_address(endpoint["addresses"][0])), int(port["port"]), endpoint.get("nodeName") or "")
                for piece in slices
                if piece.get("addressType") == family
                for port in piece.get("ports") or ()
                if (port.get("name") or "") == port_name and port.get("port")
                for endpoint in piece.get("endpoints") or ()
                if (endpoint.get("conditions") or {}).get("ready") is not False
            }
        )
    )
