"""From a cell to where it is dialled and who must answer, or to why it cannot be tried.

The only place that knows which address a path means: the pod's own, its Service's, a node's, an endpoint's outside, or
the nameserver that the prober itself would ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from probe.cluster.nodes import Node
from probe.cluster.running import RunningPod
from probe.cluster.services import Services
from probe.engine.agent import Agent, Sample
from probe.engine.externals import Outside
from probe.model.cell import Cell, Family, Outcome, Path, Protocol, Via

NOT_OURS = (Path.EXTERNAL, Path.DNS)
"""Paths that lead to no pod of the fleet: nobody there can be asked for receipts or for its health."""

_DNS_PORT = 53
_API_SERVICE = "kubernetes.default"
"""The Service that every cluster has (https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/)."""
_NO_SUCH_PROTOCOL = ("EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EPROTOTYPE")
_CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True, slots=True)
class Route:
    """Where to dial. ``responder`` is what the right one calls itself (None: whoever answers there).

    With ``query`` a nameserver is asked for that name.
    """

    address: str
    port: int
    responder: str | None
    query: str = ""

    @property
    def endpoint(self) -> str:
        """``address:port``, for IPv6 ``[address]:port``."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(slots=True)
class Routes:
    """What is known of a cluster besides the pods: the nodes that a fleet may use, and the harness's Services."""

    nodes: Sequence[Node]
    services: Services
    _by_name: Mapping[str, Node] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {node.name: node for node in self.nodes}

    def resolve(self, cell: Cell, agents: Mapping[str, Agent], outside: Outside) -> Route | Sample:
        """Where to dial for a cell, or the sample that says why it can't be.

        ``agents`` by logical pod id, the cell's source included.
        """
        source = agents[cell.source]
        if source.running.strayed:
            return _unsupported(source.running.strayed)
        if cell.family not in source.running.addresses:
            return _unsupported(f"{cell.source} has no {cell.family} address")
        if cell.path is Path.EXTERNAL:
            return _outside(cell, outside)
        if cell.path is Path.DNS:
            return _nameserver(cell, source)
        destination = agents.get(cell.destination)
        if destination is None:
            return Sample(Outcome.AGENT_ERROR, f"{cell.destination} is not running")
        if destination.running.strayed:
            return _unsupported(destination.running.strayed)
        own = destination.running.addresses.get(cell.family)
        if own is None:
            return _unsupported(f"{cell.destination} has no {cell.family} address")
        if destination.unbound and (error := destination.unbound.get((cell.port, cell.protocol, cell.family))):
            return _unbound(cell, destination.running, error)
        if cell.path is Path.CLUSTER_IP:
            return self._cluster_ip(cell, destination.running)
        if cell.path is Path.NODE_PORT:
            return self._node_port(cell, source.running, destination.running)
        return Route(own, cell.port, destination.running.uid)

    def _cluster_ip(self, cell: Cell, destination: RunningPod) -> Route | Sample:
        door = self.services.door(cell.destination, cell.via)
        port = door.ports.get((cell.via, cell.port, cell.protocol)) if door else None
        if door is None or port is None:
            return _no_service(cell)
        address = door.addresses.get(cell.family)
        return Route(address, port, destination.uid) if address else _no_family(cell, door.addresses)

    def _node_port(self, cell: Cell, source: RunningPod, destination: RunningPod) -> Route | Sample:
        door = self.services.door(cell.destination, cell.via)
        port = door.node_ports.get((cell.port, cell.protocol)) if door else None
        if door is None or port is None:
            return _no_service(cell)
        if cell.family not in door.addresses:
            return _no_family(cell, door.addresses)
        entry = self._entry(cell, source.node, destination.node)
        return entry if isinstance(entry, Sample) else Route(entry, port, destination.uid)

    def _entry(self, cell: Cell, source: str, destination: str) -> str | Sample:
        """The address of the node through which a node port is tried."""
        if cell.via is not Via.OTHER_NODE:
            own = self._by_name.get(destination)
            address = own.addresses.get(cell.family) if own else None
            return address or _unsupported(
                f"{destination}, the node of {cell.destination}, has no {cell.family} address"
            )
        own_only = None
        for node in self.nodes:
            address = node.addresses.get(cell.family) if node.name != destination else None
            # Through a third node if there is one: then the packet leaves the source's node before it is translated.
            if address and node.name != source:
                return address
            own_only = own_only or address
        if own_only:
            return own_only
        if len(self.nodes) < 2:
            return _unsupported(f"there is no other node than {destination}, which is {cell.destination}'s")
        return _unsupported(f"no other node than {destination} has an {cell.family} address")


def _outside(cell: Cell, outside: Outside) -> Route | Sample:
    endpoint = outside.endpoint(cell)
    if endpoint is None:
        return _unsupported(outside.reason(cell))
    if endpoint.responder is None:
        return Sample(
            Outcome.AGENT_ERROR, f"no agent answers at {endpoint.address}, where {cell.destination} should be"
        )
    return Route(endpoint.address, cell.port, endpoint.responder)


def _nameserver(cell: Cell, source: Agent) -> Route | Sample:
    """The first nameserver of the prober's own ``resolv.conf`` that has the family."""
    resolver = source.resolver
    for address in resolver.nameservers:
        if (Family.IPV6 if ":" in address else Family.IPV4) is cell.family:
            return Route(address, _DNS_PORT, None, api_name(resolver.search))
    known = f"only {', '.join(resolver.nameservers)}" if resolver.nameservers else "none at all"
    return _unsupported(f"{cell.source} has no {cell.family} nameserver ({known})")


def api_name(search: Sequence[str]) -> str:
    """The full name of the API server's Service, with the cluster's domain as a pod's search domains have it."""
    services = (domain.rstrip(".") for domain in search if domain.startswith("svc."))
    return f"{_API_SERVICE}.{next(services, f'svc.{_CLUSTER_DOMAIN}')}"


def _unbound(cell: Cell, destination: RunningPod, error: str) -> Sample:
    """Why a port of a pod is not served: what cannot be there is unsupported, what can is a mistake to be told."""
    if cell.protocol is Protocol.SCTP and error in _NO_SUCH_PROTOCOL:
        return _unsupported(f"no SCTP sockets in the kernel of {destination.node} ({error})")
    where = ""
    if destination.pod.host_network:
        where = (
            f"; it shares the network of {destination.node}, where another process may have the port, and where a port "
            "below 1024 needs the node's net.ipv4.ip_unprivileged_port_start"
        )
    text = f"{cell.destination} cannot listen on {cell.port}/{cell.protocol} {cell.family} ({error}){where}"
    return Sample(Outcome.AGENT_ERROR, text)


def _no_service(cell: Cell) -> Sample:
    return Sample(Outcome.AGENT_ERROR, f"no service leads to {cell.destination} {cell.port}/{cell.protocol}")


def _no_family(cell: Cell, families: Mapping[Family, str]) -> Sample:
    return _unsupported(f"the service of {cell.destination} got no {cell.family} address (only {', '.join(families)})")


def _unsupported(why: str) -> Sample:
    return Sample(Outcome.UNSUPPORTED, why)
