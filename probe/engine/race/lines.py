"""What a race tries: ports of peers by the new pods, and theirs by peers, over every address family that they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from probe.cluster.channel import Target
from probe.engine.agents import Agents
from probe.model.cell import Cell, Family, Path
from probe.model.fleet import External, Port
from probe.model.scenario import StartRace
from probe.scenario.plan import family_of


@dataclass(frozen=True, slots=True)
class Line:
    """A peer's port (outbound), or a port of the new pods and the peer that tries it.

    ``target`` and ``responder``: where the new pods dial, and who must answer there; inbound that depends on the pod.
    ``address``: the one that the scenario gives an endpoint outside. ``trouble``: why it cannot be tried.
    """

    peer: str
    port: Port
    family: Family
    outbound: bool
    address: str | None = None
    target: Target | None = None
    responder: str | None = None
    trouble: str = ""

    def cell(self, pod: str) -> Cell:
        """Between a new pod, or several that go by one name, and the peer."""
        source, destination = (pod, self.peer) if self.outbound else (self.peer, pod)
        path = Path.EXTERNAL if self.is_outside else Path.POD_IP
        return Cell(source, destination, self.port.number, self.port.protocol, self.family, path, self.address)

    @property
    def is_outside(self) -> bool:
        """Whether it leads out of the cluster."""
        return self.address is not None


def lines_of(spec: StartRace, agents: Agents, externals: Sequence[External]) -> list[Line]:
    """All of a race."""
    outside = {external.id: external for external in externals}
    families = list(dict.fromkeys(family for agent in agents.by_pod.values() for family in agent.running.addresses))
    lines: list[Line] = []
    for peer in spec.destinations:
        lines += _outside(outside[peer], families, agents) if peer in outside else _to_pod(peer, agents)
    lines += (
        Line(peer, port, family, outbound=False)
        for peer in spec.sources
        for port in spec.ports
        for family in agents.by_pod[peer].running.addresses
    )
    return lines


def _to_pod(peer: str, agents: Agents) -> Iterator[Line]:
    running = agents.by_pod[peer].running
    for port in running.pod.ports:
        for family, address in running.addresses.items():
            target = Target(address, port.number, port.protocol)
            yield Line(peer, port, family, outbound=True, target=target, responder=running.uid)


def _outside(external: External, families: Sequence[Family], agents: Agents) -> Iterator[Line]:
    for port in external.ports:
        for address in external.addresses:
            line = Line(external.id, port, family_of(address), outbound=True, address=address)
            if line.family not in families:
                continue
            cell = line.cell("")
            there = agents.outside.endpoint(cell)
            if there is None:
                yield Line(external.id, port, line.family, True, address, trouble=agents.outside.reason(cell))
                continue
            target = Target(there.address, port.number, port.protocol)
            silent = "" if there.responder else f"no agent answers at {there.address}, where {external.id} should be"
            yield Line(external.id, port, line.family, True, address, target, there.responder, silent)
