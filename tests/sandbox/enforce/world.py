"""A cluster without Kubernetes: real nodes and pods (namespaces), plain API objects, and honest little servers.

Everything lives in network namespaces of the test's own. A denial is believed only when the request never arrived
although the servers were alive and had the time: a probe that times out waits until a request that nobody filters
has been answered after it; if its own request was seen, it waits on and is reported as "no-reply" if nothing comes.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import itertools
import os
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from probe.model.cell import Family
from probe.sandbox import linux
from probe.sandbox.enforce.compile import Options
from probe.sandbox.enforce.controller import NodeRules, Stages
from probe.sandbox.enforce.nft import NftLibrary
from probe.sandbox.enforce.read import read_node, read_pod, read_policy, read_services
from probe.sandbox.enforce.readcluster import read_cluster_policy
from probe.sandbox.enforce.view import ClusterView
from probe.sandbox.net.node import PodNetwork
from probe.sandbox.net.plan import AddressPlan
from probe.sandbox.net.underlay import OutsideHost, SandboxNetwork

TCP_PORTS = UDP_PORTS = (80, 81, 90, 5000)
DROPPED = 0.1
"""Seconds without an answer after which a packet counts as dropped, unless its server saw it."""
REPLY = 20.0
"""Seconds to wait for what must come, on a machine however busy."""

KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
ERRNOS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EPERM: "forbidden",  # the own host's packet filter
    errno.EACCES: "unreachable",  # ICMPv6 "administratively prohibited"
}


@dataclass(frozen=True)
class Answer:
    """Connected, dropped, no-reply, refused, reset, unreachable or forbidden; who answered, and which source it saw."""

    outcome: str
    responder: str = ""
    source: str = ""


@dataclass
class Host:
    """A pod or an outside host."""

    name: str
    netns: int
    addresses: Mapping[Family, str]
    node: str = ""
    network: PodNetwork | OutsideHost | None = None
    sockets: list[socket.socket] = field(default_factory=list)

    def socket(self, protocol: str, version: int) -> socket.socket:
        """A non-blocking socket in the host's namespace."""
        with linux.inside_netns(self.netns):
            made = socket.socket(FAMILIES[version], KINDS[protocol])
        made.setblocking(False)
        return made


class World:
    """Two nodes, whatever pods a test asks for, and enforcement applied by hand."""

    def __init__(self, network: SandboxNetwork, *, serving: bool = True) -> None:
        self.network = network
        self.hosts: dict[str, Host] = {}
        self.namespaces: dict[str, dict[str, str]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.policies: list[dict[str, Any]] = []
        self.nodes: dict[str, dict[str, Any]] = {}
        self.services: list[dict[str, Any]] = []
        self.slices: list[dict[str, Any]] = []
        self.options = Options()
        self.tcp_ports: tuple[int, ...] = TCP_PORTS if serving else ()
        self.udp_ports: tuple[int, ...] = UDP_PORTS if serving else ()
        self.stages = Stages()
        self.seen: set[str] = set()
        self._nonces = itertools.count(1)
        self._library = NftLibrary()
        self._rules: dict[str, NodeRules] = {}

    # the cluster

    async def open(self) -> None:
        for name, node in self.network.nodes.items():
            self._rules[name] = NodeRules(node, self._library)
            space = os.dup(node.netns)
            addresses = {_family(str(address)): str(address) for address in node.plan.addresses}
            self.hosts[name] = Host(name, space, addresses, name)
            listed = [{"type": "InternalIP", "address": address} for address in addresses.values()]
            self.nodes[name] = {
                "kind": "Node",
                "metadata": {"name": name, "labels": {"node": name}},
                "status": {"addresses": [*listed, {"type": "Hostname", "address": name}]},
            }
            self._serve(self.hosts[name])

    async def close(self) -> None:
        for host in self.hosts.values():
            self._silence(host)
        for name in [name for name in self.hosts if name in self.network.nodes]:
            os.close(self.hosts.pop(name).netns)
        for rules in self._rules.values():
            await rules.close()
        for host in self.hosts.values():
            if isinstance(host.network, OutsideHost):
                await self.network.remove_outside_host(host.network)
            elif host.network:
                await self.network.nodes[host.node].detach(host.network)

    async def pod(
        self, name: str, node: str, labels: dict[str, str] | None = None, ports: Iterable[dict[str, Any]] = ()
    ) -> None:
        """Create a pod ``namespace/name`` and its servers; its namespace too, if need be."""
        space, _, short = name.partition("/")
        self.namespaces.setdefault(space, {"kubernetes.io/metadata.name": space, "ns": space})
        attached = await self.network.nodes[node].attach({"net.ipv4.ip_unprivileged_port_start": "0"})
        addresses = {_family(str(address)): str(address) for address in attached.addresses}
        host = self.hosts[name] = Host(name, attached.netns, addresses, node, attached)
        self._serve(host)
        self.pods[name] = {
            "kind": "Pod",
            "metadata": {"namespace": space, "name": short, "uid": f"uid-{name}", "labels": labels or {"pod": short}},
            "spec": {"nodeName": node, "containers": [{"name": "agent", "ports": list(ports)}]},
            "status": {"phase": "Running", "podIPs": [{"ip": address} for address in addresses.values()]},
        }

    async def outside(self, name: str, *addresses: str) -> None:
        """Create a host outside the cluster."""
        made = await self.network.add_outside_host(tuple(map(ipaddress.ip_address, addresses)))
        self.hosts[name] = Host(name, made.netns, {_family(it): it for it in addresses}, "", made)
        self._serve(self.hosts[name])

    async def remove(self, name: str) -> None:
        """Take a pod away; its address is free again."""
        host = self.hosts.pop(name)
        self._silence(host)
        assert isinstance(host.network, PodNetwork)
        await self.network.nodes[host.node].detach(host.network)
        self.pods.pop(name, None)

    @property
    def view(self) -> ClusterView:
        return ClusterView(
            pods=tuple(map(read_pod, self.pods.values())),
            namespaces=self.namespaces,
            policies=tuple(read_policy(it) for it in self.policies if it["kind"] == "NetworkPolicy"),
            cluster_policies=tuple(read_cluster_policy(it) for it in self.policies if it["kind"] != "NetworkPolicy"),
            services=read_services(self.services, self.slices),
            nodes={name: read_node(obj) for name, obj in self.nodes.items()},
        )

    async def enforce(self, *policies: dict[str, Any]) -> None:
        """Make these the only policies, of whatever kinds, in every kernel."""
        self.policies = list(policies)
        view = self.view
        for name, rules in self._rules.items():
            ruleset = self.stages.compile(name, self.stages.see(name, view), self.options)
            await self.stages.install(name, rules, ruleset)

    # servers: they answer "name source" to whatever arrives, and remember it

    def _serve(self, host: Host) -> None:
        for protocol, ports in (("TCP", self.tcp_ports), ("UDP", self.udp_ports)):
            for port in ports:
                made = host.socket(protocol, 6)
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                made.bind(("::", port))
                if protocol == "TCP":
                    made.listen(128)
                self._watch(host, made, self._accept if protocol == "TCP" else self._datagram)

    def _watch(self, host: Host, made: socket.socket, act: Any) -> None:
        host.sockets.append(made)
        asyncio.get_running_loop().add_reader(made, act, host, made)

    def _accept(self, host: Host, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setblocking(False)
        self._watch(host, connection, self._stream)

    def _stream(self, host: Host, connection: socket.socket) -> None:
        try:
            data = connection.recv(4096)
            if data:
                connection.send(self._reply(host, data, connection.getpeername()))
                return
        except OSError:
            pass
        asyncio.get_running_loop().remove_reader(connection)
        host.sockets.remove(connection)
        connection.close()

    def _datagram(self, host: Host, made: socket.socket) -> None:
        try:
            data, source = made.recvfrom(4096)
            made.sendto(self._reply(host, data, source), source)
        except OSError:  # an ICMP error of an earlier reply
            pass

    def _reply(self, host: Host, data: bytes, source: Any) -> bytes:
        self.seen.update(data.decode().split())
        return f"{host.name} {source[0].removeprefix('::ffff:')}\n".encode()

    def _silence(self, host: Host) -> None:
        for made in host.sockets:
            asyncio.get_running_loop().remove_reader(made)
            made.close()
        host.sockets.clear()

    # probes

    def nonce(self) -> str:
        return f"n{next(self._nonces)}"

    async def dial(self, source: str, address: str, port: int, protocol: str = "TCP") -> Answer:
        """One attempt from a host to an address, judged by what came back and by what arrived."""
        flow = Flow(self, source, address, port, protocol)
        try:
            return await flow.say()
        finally:
            flow.close()

    async def fence(self) -> None:
        """Come back when a request that nobody filters (a node's to itself) has been answered."""
        name, node = next((name, host) for name, host in self.hosts.items() if name in self.network.nodes)
        with node.socket("UDP", 4) as made:
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(REPLY):
                await loop.sock_connect(made, (node.addresses[Family.IPV4], UDP_PORTS[0]))
                await loop.sock_sendall(made, self.nonce().encode())
                assert (await loop.sock_recv(made, 100)).decode().startswith(name)

    async def probe(self, source: str, target: str, port: int, protocol: str = "TCP") -> Answer:
        """One attempt over each family that both hosts have; they must agree, else the test has found something."""
        ends = self.hosts[source].addresses, self.hosts[target].addresses
        families = [family for family in Family if all(family in end for end in ends)]
        answers = await asyncio.gather(
            *(self.dial(source, self.hosts[target].addresses[family], port, protocol) for family in families)
        )
        outcomes = {answer.outcome for answer in answers}
        assert len(outcomes) == 1, (
            f"{source} -> {target} {port}/{protocol}: {dict(zip(families, answers, strict=True))}"
        )
        if "connected" in outcomes:
            assert {answer.responder for answer in answers} == {target}
        return answers[0]

    async def sources_of(self, target: str, port: int = 80, protocol: str = "TCP") -> set[str]:
        """Which pods reach the target."""
        return await self._connected(((pod, target) for pod in self.pods if pod != target), 0, port, protocol)

    async def targets_of(self, source: str, port: int = 80, protocol: str = "TCP") -> set[str]:
        """Which pods and outside hosts the source reaches."""
        others = (name for name in self.hosts if name != source and name not in self.network.nodes)
        return await self._connected(((source, other) for other in others), 1, port, protocol)

    async def _connected(self, pairs: Iterable[tuple[str, str]], end: int, port: int, protocol: str) -> set[str]:
        tried = list(pairs)
        answers = await asyncio.gather(*(self.probe(source, target, port, protocol) for source, target in tried))
        strange = {
            pair: it for pair, it in zip(tried, answers, strict=True) if it.outcome not in ("connected", "dropped")
        }
        assert not strange
        return {pair[end] for pair, it in zip(tried, answers, strict=True) if it.outcome == "connected"}


class Flow:
    """A connection (or a UDP socket that keeps its 5-tuple) that can be used again and again."""

    def __init__(self, world: World, source: str, address: str, port: int, protocol: str) -> None:
        self._world = world
        self.socket = world.hosts[source].socket(protocol, ipaddress.ip_address(address).version)
        self._address = (address, port)
        self._connected = False
        self._is_open = False  # a TCP connection has been made, but no answer seen yet

    async def say(self) -> Answer:
        """Send one request and judge it."""
        nonce = self._world.nonce()
        attempt = asyncio.ensure_future(self._exchange(nonce))
        done, _ = await asyncio.wait([attempt], timeout=DROPPED)
        if not done:
            await self._world.fence()
        if not done and (nonce in self._world.seen or self._is_open):
            done, _ = await asyncio.wait([attempt], timeout=REPLY)
        if not done:
            attempt.cancel()
            await asyncio.wait([attempt])
            return Answer("no-reply" if nonce in self._world.seen else "dropped")
        self._is_open = False
        return attempt.result()

    async def _exchange(self, nonce: str) -> Answer:
        loop = asyncio.get_running_loop()
        try:
            if not self._connected:
                await loop.sock_connect(self.socket, self._address)
                self._connected = True
                self._is_open = self.socket.type == socket.SOCK_STREAM
            await loop.sock_sendall(self.socket, f"{nonce}\n".encode())
            data = await loop.sock_recv(self.socket, 4096)
        except OSError as error:
            return Answer(ERRNOS[error.errno or 0])
        if not data:
            return Answer("reset")
        name, _, source = data.decode().strip().partition(" ")
        return Answer("connected", name, source)

    def close(self) -> None:
        self.socket.close()


def may_make_namespaces() -> bool:
    """Whether this process may do what a world takes: as root, or inside a user namespace."""
    with ThreadPoolExecutor(1) as thread:  # which ends in its namespace, and takes it along
        return thread.submit(linux.unshare, linux.CLONE_NEWNET).exception() is None


def _family(address: str) -> Family:
    return Family.IPV6 if ":" in address else Family.IPV4


@asynccontextmanager
async def new_world(
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6), nodes: int = 2, *, serving: bool = True
) -> AsyncIterator[World]:
    """Two nodes in namespaces of their own; nothing of it is left afterwards. ``serving``: with servers."""
    underlay = linux.new_netns()
    try:
        with linux.inside_netns(underlay):
            network = SandboxNetwork(AddressPlan(families, nodes))
        async with network:
            world = World(network, serving=serving)
            await world.open()
            try:
                yield world
            finally:
                await world.close()
    finally:
        os.close(underlay)
