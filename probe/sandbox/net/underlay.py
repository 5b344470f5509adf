"""The network between the nodes: a bridge in the sandbox's own namespace, and who is plugged into it.

Pods keep their source address all the way to an endpoint outside the cluster: there is no masquerading, the
endpoint routes the pods' ranges back through their nodes. A policy that looks at sources, and a responder that
reports them, therefore see the pod; a cluster that masquerades shows its nodes' addresses there instead.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from pyroute2 import IPRoute

from probe.model.cell import Family
from probe.sandbox import linux
from probe.sandbox.net import links
from probe.sandbox.net.node import NodeNetwork
from probe.sandbox.net.plan import Address, AddressPlan, Network, NodePlan
from probe.sandbox.net.thread import NetnsThread, sysctl, sysctl_if_present

BRIDGE = "underlay"
BRIDGE_MAC = "02:ac:12:00:ff:ff"


@dataclass(frozen=True, slots=True)
class OutsideHost:
    """A host outside the cluster: its namespace (held by the file descriptor) and addresses."""

    netns: int
    addresses: tuple[Address, ...]
    mac: str


class SandboxNetwork:
    """Underlay and nodes; an async context manager that builds both."""

    def __init__(self, plan: AddressPlan) -> None:
        self.plan = plan
        self.nodes: dict[str, NodeNetwork] = {}
        self._thread = NetnsThread("underlay", linux.open_netns())
        self._serial = itertools.count(1)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._stack.push_async_callback(self._thread.close)
        await self._thread.netlink(self._create_bridge)
        for node_plan in self.plan.node_plans:
            node = NodeNetwork(node_plan, self.plan, NetnsThread(node_plan.name, linux.new_netns()))
            self._stack.push_async_callback(node.close)
            await self._connect(node, node_plan)
            self.nodes[node.name] = node
        await self._thread.netlink(self._route_pods)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _create_bridge(self, ipr: IPRoute) -> None:
        sysctl({"net.ipv4.ip_forward": "1"})  # so that what has no route is answered "unreachable", not lost
        if Family.IPV6 in self.plan.families:
            sysctl({"net.ipv6.conf.all.forwarding": "1", "net.ipv6.conf.default.accept_dad": "0"})
        # Where br_netfilter is loaded it would show bridged frames to this namespace's packet filter.
        sysctl_if_present({"net.bridge.bridge-nf-call-iptables": "0", "net.bridge.bridge-nf-call-ip6tables": "0"})
        links.up(ipr, "lo")
        ipr.link("add", kind="bridge", ifname=BRIDGE, address=BRIDGE_MAC, br_mcast_snooping=0)
        index = links.up(ipr, BRIDGE)
        for gateway, cidr in zip(self.plan.gateways, self.plan.underlay_cidrs, strict=True):
            links.add_address(ipr, index, gateway, cidr.prefixlen)
        for address, mac in _node_neighbours(self.plan.node_plans).items():
            links.add_neighbour(ipr, index, address, mac)

    def _route_pods(self, ipr: IPRoute) -> None:
        _route_pods(ipr, links.up(ipr, BRIDGE), self.plan.node_plans)

    async def _connect(self, node: NodeNetwork, plan: NodePlan) -> None:
        await node.prepare()
        await self._thread.netlink(lambda ipr: self._plug(ipr, plan.name, plan.mac, node.netns))
        gateways = dict.fromkeys(self.plan.gateways, BRIDGE_MAC)
        await node.connect({**gateways, **_node_neighbours(self.plan.node_plans)})

    def _plug(self, ipr: IPRoute, name: str, mac: str, netns: int) -> None:
        near = links.VethEnd(name, f"ee{mac[2:]}", self._thread.netns)
        index = links.add_veth(ipr, near, links.VethEnd("eth0", mac, netns))
        ipr.link("set", index=index, master=links.up(ipr, BRIDGE))

    async def plug(self, node: str, connected: bool) -> None:
        """Pull a node's cable, or put it back: what is sent to it meanwhile is lost without an answer."""
        await self._thread.netlink(lambda ipr: links.switch(ipr, node, connected))

    async def add_outside_host(self, addresses: tuple[Address, ...]) -> OutsideHost:
        """A host outside the cluster that has these addresses and is routed from every node.

        The caller has asked ``plan.refusal`` of each. Raises OSError when the kernel refuses something.
        """
        serial = next(self._serial)
        host = OutsideHost(linux.new_netns(), addresses, f"02:ac:12:01:{serial >> 8:02x}:{serial & 0xFF:02x}")
        try:
            await self._thread.netlink(lambda ipr: self._plug(ipr, f"outside-{serial}", host.mac, host.netns))
            await self._thread.run(lambda: self._configure_outside(host))
            for node in self.nodes.values():
                for address in addresses:
                    await node.reach(address, host.mac)
        except BaseException:
            os.close(host.netns)
            raise
        return host

    def _configure_outside(self, host: OutsideHost) -> None:
        with linux.inside_netns(host.netns):
            sysctl_if_present({"net.ipv6.conf.default.accept_dad": "0", "net.ipv4.ip_unprivileged_port_start": "0"})
            with IPRoute() as ipr:
                links.up(ipr, "lo")
                index = links.up(ipr, "eth0")
                for address in host.addresses:
                    links.add_address(ipr, index, address)
                versions = {address.version for address in host.addresses}
                for address, mac in _node_neighbours(self.plan.node_plans).items():
                    if address.version in versions:
                        links.add_neighbour(ipr, index, address, mac)
                for cidr in self.plan.underlay_cidrs:
                    if cidr.version in versions:
                        links.add_route(ipr, str(cidr), index)
                _route_pods(ipr, index, self.plan.node_plans, versions)

    async def remove_outside_host(self, host: OutsideHost) -> None:
        """Take the routes to it away and let go of its namespace."""
        for node in self.nodes.values():
            for address in host.addresses:
                await node.forget(address)
        os.close(host.netns)


def _route_pods(ipr: IPRoute, index: int, nodes: Iterable[NodePlan], versions: Iterable[int] = (4, 6)) -> None:
    routes = ((cidr, via) for node in nodes for cidr, via in zip(node.pod_cidrs, node.addresses, strict=True))
    for cidr, via in _of_versions(routes, versions):
        links.add_route(ipr, str(cidr), index, via=via)


def _of_versions(
    routes: Iterable[tuple[Network, Address]], versions: Iterable[int]
) -> Iterable[tuple[Network, Address]]:
    wanted = set(versions)
    return (route for route in routes if route[0].version in wanted)


def _node_neighbours(nodes: Iterable[NodePlan]) -> Mapping[Address, str]:
    return {address: node.mac for node in nodes for address in node.addresses}
