"""Ports of nodes that pods have taken: two pods cannot have one port of a node."""

from __future__ import annotations

from collections.abc import Iterator

from probe.sandbox.store import Obj

_ANY = ("", "0.0.0.0", "::")

Port = tuple[str, int, str]
"""Protocol, number, and the address of the node that it is bound to (empty: all)."""


class HostPorts:
    """Who has which ports of which node, in the making."""

    def __init__(self) -> None:
        self._taken: dict[str, set[Port]] = {}

    def take(self, node: str, pod: Obj) -> None:
        """The pod is there: its ports are taken."""
        self._taken.setdefault(node, set()).update(_ports(pod))

    def fit(self, node: str, pod: Obj) -> bool:
        """Whether all ports that the pod asks for are free there."""
        return not any(_clash(one, other) for one in _ports(pod) for other in self._taken.get(node, ()))


def _ports(pod: Obj) -> Iterator[Port]:
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            if number := port.get("hostPort"):
                address = port.get("hostIP") or ""
                yield port.get("protocol") or "TCP", int(number), "" if address in _ANY else address


def _clash(one: Port, other: Port) -> bool:
    return one[:2] == other[:2] and (one[2] == other[2] or "" in (one[2], other[2]))
