"""The few sentences of rtnetlink that the sandbox speaks, over an open IPRoute."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from pyroute2 import IPRoute

from probe.sandbox.net.plan import Address, host_cidr

_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_SCOPE_LINK = 253
_IFA_F_NODAD = 0x02
_RTNH_F_ONLINK = 0x04


@dataclass(frozen=True, slots=True)
class VethEnd:
    """One end of a veth pair: its name there, its hardware address, and the namespace it lives in."""

    name: str
    mac: str
    netns: int


def add_veth(ipr: IPRoute, near: VethEnd, far: VethEnd) -> int:
    """Create a pair from ``near``'s namespace, near end up; returns the near end's index."""
    peer = {"ifname": far.name, "address": far.mac, "net_ns_fd": far.netns}
    ipr.link("add", kind="veth", ifname=near.name, address=near.mac, state="up", peer=peer)
    return socket.if_nametoindex(near.name)


def up(ipr: IPRoute, name: str) -> int:
    """Set a link up; returns its index."""
    switch(ipr, name, True)
    return socket.if_nametoindex(name)


def switch(ipr: IPRoute, name: str, on: bool) -> None:
    """Set a link up or down."""
    ipr.link("set", index=socket.if_nametoindex(name), state="up" if on else "down")


def add_address(ipr: IPRoute, index: int, address: Address, prefix: int | None = None) -> None:
    """Give a link an address, without duplicate address detection: who has which address is ours to say."""
    flags = {"IFA_FLAGS": _IFA_F_NODAD} if address.version == 6 else {}
    ipr.addr("add", index=index, address=str(address), prefixlen=prefix or address.max_prefixlen, **flags)


def add_neighbour(ipr: IPRoute, index: int, address: Address, mac: str) -> None:
    """Write down a neighbour for good."""
    ipr.neigh(
        "replace", ifindex=index, dst=str(address), lladdr=mac, state="permanent", family=_FAMILY[address.version]
    )


def add_route(
    ipr: IPRoute, destination: str, index: int, *, via: Address | None = None, source: Address | None = None
) -> None:
    """Route a CIDR (``0.0.0.0/0`` for all) over a link, directly or through a gateway that is on the link."""
    route: dict[str, object] = {"dst": destination, "oif": index}
    if via is not None:
        route |= {"gateway": str(via), "flags": _RTNH_F_ONLINK}
    elif ":" not in destination:
        route |= {"scope": _SCOPE_LINK}
    if source is not None:
        route |= {"prefsrc": str(source)}
    ipr.route("replace", family=socket.AF_INET6 if ":" in destination else socket.AF_INET, **route)


def remove_routes(ipr: IPRoute, addresses: Iterable[Address], index: int) -> None:
    """Remove the routes to single addresses."""
    for address in addresses:
        scope = _SCOPE_LINK if address.version == 4 else 0
        ipr.route("del", family=_FAMILY[address.version], dst=host_cidr(address), oif=index, scope=scope)


def default_of(address: Address) -> str:
    """The CIDR of everything in the address' family."""
    return "0.0.0.0/0" if address.version == 4 else "::/0"
