"""A node's network: its namespace, the thread in it, and the pods that are plugged into it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pyroute2 import IPRoute

from probe.model.cell import Family
from probe.sandbox import linux
from probe.sandbox.net import links
from probe.sandbox.net.plan import GATEWAY, Address, AddressPlan, AddressPool, NodePlan, family_of, host_cidr
from probe.sandbox.net.thread import NetnsThread, sysctl, sysctl_if_present

T = TypeVar("T")

HOST_END_MAC = "ee:ee:ee:ee:ee:ee"
"""Hardware address of every pod link's node end; the links have two ends each, so it need not be unique."""

_NODE_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
}
_NODE_SYSCTLS_IPV6 = {"net.ipv6.conf.all.forwarding": "1", "net.ipv6.conf.default.accept_dad": "0"}
_NODE_SYSCTLS_WISHED = {
    # A probe's connection is over at once; a full mesh must not fill the table with finished ones.
    "net.netfilter.nf_conntrack_tcp_timeout_time_wait": "10",
    "net.netfilter.nf_conntrack_tcp_timeout_close": "2",
    "net.ipv4.icmp_ratelimit": "0",  # every rejection answered, however many
    "net.ipv6.icmp.ratelimit": "0",
}
_POD_SYSCTLS_WISHED = {"net.ipv6.conf.default.accept_dad": "0", "net.ipv6.conf.default.accept_ra": "0"}


@dataclass(frozen=True, slots=True)
class PodNetwork:
    """A pod's namespace (held by the file descriptor), its addresses, and its interface on the node's side."""

    netns: int
    addresses: tuple[Address, ...]
    host_interface: str
    host_index: int
    mac: str


class NodeNetwork:
    """One node. ``run`` is where everything that concerns its namespace happens."""

    def __init__(self, plan: NodePlan, cluster: AddressPlan, thread: NetnsThread) -> None:
        self.plan = plan
        self.name = plan.name
        self._cluster = cluster
        self._thread = thread
        self._pool = AddressPool(plan.pod_cidrs)
        self._serial = itertools.count(1)

    @property
    def netns(self) -> int:
        """File descriptor of the node's network namespace."""
        return self._thread.netns

    async def run(self, fn: Callable[[], T]) -> T:
        """Run ``fn`` in the thread that lives in the node's network namespace; its result or exception is returned."""
        return await self._thread.run(fn)

    async def prepare(self) -> None:
        """Make the namespace a router with a loopback."""

        def work(ipr: IPRoute) -> None:
            sysctl(_NODE_SYSCTLS)
            if Family.IPV6 in self._cluster.families:
                sysctl(_NODE_SYSCTLS_IPV6)
            sysctl_if_present(_NODE_SYSCTLS_WISHED)
            links.up(ipr, "lo")

        await self._thread.netlink(work)

    async def connect(self, neighbours: Mapping[Address, str]) -> None:
        """Configure eth0, which the underlay has plugged in: addresses, neighbours, routes to the other nodes' pods."""

        def work(ipr: IPRoute) -> None:
            index = links.up(ipr, "eth0")
            for address, cidr in zip(self.plan.addresses, self._cluster.underlay_cidrs, strict=True):
                links.add_address(ipr, index, address, cidr.prefixlen)
            for address, mac in neighbours.items():
                if address not in self.plan.addresses:
                    links.add_neighbour(ipr, index, address, mac)
            for gateway in self._cluster.gateways:
                links.add_route(ipr, links.default_of(gateway), index, via=gateway)
            for other in self._cluster.node_plans:
                if other.index != self.plan.index:
                    for cidr, address in zip(other.pod_cidrs, other.addresses, strict=True):
                        links.add_route(ipr, str(cidr), index, via=address)

        await self._thread.netlink(work)

    async def reach(self, address: Address, mac: str) -> None:
        """Route an endpoint outside the cluster, which is a neighbour on the underlay."""

        def work(ipr: IPRoute) -> None:
            index = links.up(ipr, "eth0")
            links.add_neighbour(ipr, index, address, mac)
            links.add_route(ipr, host_cidr(address), index)

        await self._thread.netlink(work)

    async def forget(self, address: Address) -> None:
        """Take back `reach`."""
        await self._thread.netlink(lambda ipr: links.remove_routes(ipr, (address,), links.up(ipr, "eth0")))

    async def attach(self, sysctls: Mapping[str, str], wanted: str = "") -> PodNetwork:
        """A new pod's network namespace, connected and configured; ``wanted`` as of `AddressPool.allocate`.

        Raises LookupError when there is no address for it, OSError when a sysctl of the pod's is refused.
        """
        addresses = self._pool.allocate(wanted)
        serial = next(self._serial)
        try:
            return await self._thread.netlink(lambda ipr: self._attach(ipr, addresses, serial, dict(sysctls)))
        except BaseException:
            self._pool.release(addresses)
            raise

    def _attach(self, ipr: IPRoute, addresses: tuple[Address, ...], serial: int, sysctls: dict[str, str]) -> PodNetwork:
        netns = linux.new_netns()
        mac = f"0a:58:00:{self.plan.index:02x}:{serial >> 8 & 0xFF:02x}:{serial & 0xFF:02x}"
        name = f"pod{serial}"
        try:
            with linux.inside_netns(netns):
                self._prepare_pod(sysctls)
            near, far = links.VethEnd(name, HOST_END_MAC, self.netns), links.VethEnd("eth0", mac, netns)
            index = links.add_veth(ipr, near, far)
            with linux.inside_netns(netns):
                _configure_pod(addresses)
            for address in addresses:
                links.add_neighbour(ipr, index, address, mac)
                links.add_route(ipr, host_cidr(address), index, source=self._own(address))
        except BaseException:
            os.close(netns)
            raise
        return PodNetwork(netns, addresses, name, index, mac)

    def _prepare_pod(self, sysctls: dict[str, str]) -> None:
        sysctl_if_present(_POD_SYSCTLS_WISHED)
        if Family.IPV6 not in self._cluster.families:
            sysctl_if_present({"net.ipv6.conf.default.disable_ipv6": "1"})
        sysctl(sysctls)

    def _own(self, address: Address) -> Address:
        return next(own for own in self.plan.addresses if own.version == address.version)

    async def detach(self, pod: PodNetwork) -> None:
        """Unplug a pod: nothing reaches its address from now on, which goes back to the pool.

        The link itself goes with the pod's namespace, when its processes are gone; taking it down by hand would
        cost 15 ms of the kernel's time for each pod.
        """
        await self._thread.netlink(lambda ipr: links.remove_routes(ipr, pod.addresses, pod.host_index))
        os.close(pod.netns)
        self._pool.release(pod.addresses)

    async def close(self) -> None:
        """End the thread."""
        await self._thread.close()


def _configure_pod(addresses: tuple[Address, ...]) -> None:
    with IPRoute() as ipr:
        links.up(ipr, "lo")
        index = links.up(ipr, "eth0")
        for address in addresses:
            gateway = GATEWAY[family_of(address)]
            links.add_address(ipr, index, address)
            links.add_neighbour(ipr, index, gateway, HOST_END_MAC)
            links.add_route(ipr, links.default_of(address), index, via=gateway, source=address)
