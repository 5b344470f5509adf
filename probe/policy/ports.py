"""What rules say of ports: ranges of numbers, and names that each destination resolves for itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from probe.model.cell import Protocol
from probe.model.fleet import Port

FIRST_PORT, LAST_PORT = 1, 65535


@dataclass(frozen=True, slots=True)
class PortRange:
    """Ports of a protocol by number, both ends included."""

    protocol: Protocol
    first: int = FIRST_PORT
    last: int = LAST_PORT

    def covers(self, port: int, protocol: Protocol) -> bool:
        """Whether a port is one of them."""
        return protocol is self.protocol and self.first <= port <= self.last

    def __str__(self) -> str:
        if (self.first, self.last) == (FIRST_PORT, LAST_PORT):
            return f"all of {self.protocol}"
        return f"{self.first}{f'-{self.last}' if self.last > self.first else ''}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class NamedPort:
    """The port that the destination's containers give a name (ContainerPort.name).

    ``protocol`` None takes the container port's, whatever it is (ClusterNetworkPolicyProtocol.destinationNamedPort);
    NetworkPolicyPort asks for one.
    """

    name: str
    protocol: Protocol | None = None

    def covers(self, port: int, protocol: Protocol, served: Iterable[Port]) -> bool:
        """Whether a port of a destination that declares the ports ``served`` is the one."""
        if self.protocol not in (None, protocol):
            return False
        return any((each.name, each.number, each.protocol) == (self.name, port, protocol) for each in served)

    def __str__(self) -> str:
        return f'"{self.name}"{f"/{self.protocol}" if self.protocol else ""}'


PortMatch: TypeAlias = PortRange | NamedPort
