"""What people call the ends of a flow on the command line -> endpoints: pods, nodes, addresses, services."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar

from probe.model.cell import Family, Protocol
from probe.model.errors import UsageError
from probe.model.fleet import Port
from probe.model.snapshot import NodeState, PodState, ServicePort, ServiceState, Snapshot
from probe.policy.ports import FIRST_PORT, LAST_PORT
from probe.policy.universe import VERSIONS, AddressRange
from probe.scenario.suggest import suggest, suggest_id

End: TypeAlias = PodState | NodeState | AddressRange
"""What has an address of its own."""

_Known = TypeVar("_Known")

_SERVICES = ("service", "services", "svc")
_FORMS = "NAMESPACE/POD, an IP address, node/NAME, or as a destination service/NAMESPACE/NAME"


Found: TypeAlias = tuple[End | ServiceState, str]
"""What a word means, and a sentence about it where it is something else than it was called by (else empty)."""


def find_source(text: str, snapshot: Snapshot) -> tuple[End, str]:
    """What traffic comes from. Raises UsageError as ``find_end``."""
    end, note = find_end(text, snapshot)
    if isinstance(end, ServiceState):
        raise UsageError(f"--from {text}: nothing comes from a service: name a pod, a node or an address")
    return end, note


def find_end(text: str, snapshot: Snapshot) -> Found:
    """What a word means. Raises UsageError for what there is not, with what was probably meant."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return _by_name(text, snapshot)
    return _by_address(str(address), snapshot)


# --- names ---------------------------------------------------------------------------------------------------------


def _by_name(text: str, snapshot: Snapshot) -> Found:
    """A pod's id wins over the other readings: a namespace may be called ``node`` or ``service``."""
    kind, _, rest = text.partition("/")
    pods = {pod.id: pod for pod in snapshot.pods}
    if text in pods:
        return _pod(pods[text])
    if kind in _SERVICES and "/" in rest:
        return _one("service", rest, {service.id: service for service in snapshot.services}), ""
    if kind == "node" and rest:
        return _one("node", rest, {node.name: node for node in snapshot.nodes}), ""
    if kind == "pod" and "/" in rest:
        return _pod(_one("pod", rest, pods))
    if rest:
        return _pod(_one("pod", text, pods))
    alike = [id for id in pods if id.rpartition("/")[2] == text]
    hint = f'did you mean "{alike[0]}"?' if alike else f"write {_FORMS}"
    raise UsageError(f'"{text}" is no end of a flow ({hint})')


def _pod(pod: PodState) -> Found:
    return pod, f"{pod.id} stands for the pods of {pod.workload}" if pod.workload else ""


def _one(kind: str, name: str, known: Mapping[str, _Known]) -> _Known:
    if name in known:
        return known[name]
    hint = (suggest_id(name, known) if "/" in name else "") or suggest(name, known)
    raise UsageError(f'unknown {kind} "{name}" ({hint or f"there are {len(known)}"})')


# --- addresses -----------------------------------------------------------------------------------------------------


def _by_address(address: str, snapshot: Snapshot) -> Found:
    """Whose address it is. Pods on their node's network share the node's."""
    pods = [pod for pod in snapshot.pods if _has(pod.addresses, address)]
    own = [pod for pod in pods if not pod.host_network]
    nodes = [node for node in snapshot.nodes if _has(node.addresses, address)]
    services = [service for service in snapshot.services if _has(service.cluster_ips, address)]
    if own:
        return own[0], f"{address} is the address of pod {own[0].id}"
    if nodes:
        return nodes[0], f"{address} is the address of node {nodes[0].name}"
    if services:
        return services[0], f"{address} is the cluster address of service {services[0].id}"
    if pods:
        names = ", ".join(pod.id for pod in pods)
        raise UsageError(f"{address} is the address of a node that pods are on the network of: name one ({names})")
    inside = any(ipaddress.ip_address(address) in ipaddress.ip_network(cidr) for cidr in snapshot.pod_cidrs)
    unknown = sum(not pod.addresses for pod in snapshot.pods)
    if inside and unknown:
        text = f"{address} may be the address of one of {unknown} pods whose own is not known; it is taken for none"
        return AddressRange.of(address), text
    return AddressRange.of(address), ""


def _has(addresses: Sequence[str], address: str) -> bool:
    return any(ipaddress.ip_address(each) == ipaddress.ip_address(address) for each in addresses)


def family_of(ends: Sequence[End | ServiceState], asked: str | None) -> Family:
    """The family in use: what is asked for, or the first that all ends have as far as their addresses are known.

    Raises UsageError if there is none.
    """
    known = [found for end in ends if (found := _families(end))]
    common = [family for family in Family if all(family in found for found in known)]
    if asked is None:
        if not common:
            raise UsageError("one end has only an IPv4 address, the other only an IPv6 one")
        return common[0]
    if Family(asked) not in common:
        raise UsageError(f"--family {asked}: an end has only addresses of the other family")
    return Family(asked)


def _families(end: End | ServiceState) -> set[Family]:
    if isinstance(end, AddressRange):
        return {end.family}
    addresses = end.cluster_ips if isinstance(end, ServiceState) else end.addresses
    versions = {ipaddress.ip_address(address).version for address in addresses}
    return {family for family, version in VERSIONS.items() if version in versions}


# --- ports ---------------------------------------------------------------------------------------------------------


def find_port(text: str, destination: End) -> Port:
    """``80/TCP``, ``80``, or what a pod calls one of its ports. Raises UsageError."""
    number, protocol = _number(text)
    if number is not None:
        return Port(number, protocol or Protocol.TCP)
    ports = destination.ports if isinstance(destination, PodState) else ()
    named = [port for port in ports if port.name == text.partition("/")[0] and protocol in (None, port.protocol)]
    if named:
        return named[0]
    raise UsageError(_unknown_port(text, [port.name for port in ports if port.name]))


def find_service_port(text: str, service: ServiceState) -> ServicePort:
    """A service's port by number (of the service's own or of the nodes') or name. Raises UsageError."""
    number, protocol = _number(text)
    for port in service.ports:
        named = port.name == text.partition("/")[0] or number in (port.number, port.node_port)
        if named and protocol in (None, port.protocol):
            return port
    if service.headless and number is not None:
        return ServicePort(number, protocol or Protocol.TCP)
    known = ", ".join(
        f"{port.number}/{port.protocol}{f' ({port.name})' if port.name else ''}" for port in service.ports
    )
    raise UsageError(f"--port {text}: service {service.id} has no such port (it has: {known or 'none'})")


def _number(text: str) -> tuple[int | None, Protocol | None]:
    """The number and the protocol of ``80/TCP``, as far as given."""
    number, separator, word = text.partition("/")
    if separator and word.upper() not in list(Protocol):
        raise UsageError(f'--port {text}: "{word}" is not a known protocol ({suggest(word.upper(), Protocol)})')
    protocol = Protocol(word.upper()) if separator else None
    if not number.isascii() or not number.isdigit():
        return None, protocol
    if not FIRST_PORT <= int(number) <= LAST_PORT:
        raise UsageError(f"--port {text}: a port is a number from {FIRST_PORT} to {LAST_PORT}")
    return int(number), protocol


def _unknown_port(text: str, names: Sequence[str]) -> str:
    hint = suggest(text.partition("/")[0], names) or "write NUMBER/PROTOCOL, such as 80/TCP"
    return f'--port {text}: the destination calls none of its ports "{text.partition("/")[0]}" ({hint})'
