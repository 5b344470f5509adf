"""The first moments of new pods."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.model.cell import Cell, Expectation, Family, Protocol
from probe.model.quantile import quantile
from probe.model.record.cell import Topology


@dataclass(frozen=True, slots=True)
class StartedPodRecord:
    """A pod of a start race. ``seconds``: how long anything got through (0: nothing ever did), to one interval of
    attempts, or, where it is allowed, how long it took until something did (None: nothing did).

    From the pod's first instant on (``StartRaceRecord.source`` is the pod), from when its address was known (it is the
    destination), or from when its labels were changed. ``packets`` of ``attempts`` got through. ``reused``: another pod
    had given up its address just before.
    """

    name: str
    node: str
    address: str
    seconds: float | None
    packets: int
    attempts: int
    reused: bool = False


@dataclass(frozen=True, slots=True)
class StartRaceRecord:
    """The first moments of new pods, to or from one port over one family: those on the peer's node, those on others, or
    all where the peer is outside.

    The pods together are called ``namespace/name@topology``. ``limit``: seconds that are accepted (None: any);
    ``interval`` is that of attempts; ``p50``, ``p99`` and ``longest`` are of the pods' seconds, by nearest rank.
    """

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family
    topology: Topology
    expected: Expectation
    limit: float | None
    interval: float
    p50: float | None
    p99: float | None
    longest: float | None
    pods: list[StartedPodRecord] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        cell: Cell,
        topology: Topology,
        expected: Expectation,
        pods: list[StartedPodRecord],
        *,
        limit: float | None,
        interval: float,
    ) -> StartRaceRecord:
        """The record of a cell that stands for these pods, with the quantiles of their seconds."""
        times = [pod.seconds for pod in pods if pod.seconds is not None]
        p50, p99, longest = (quantile(times, share) if times else None for share in (0.5, 0.99, 1.0))
        return cls(
            source=cell.source,
            destination=cell.destination,
            port=cell.port,
            protocol=cell.protocol,
            family=cell.family,
            topology=topology,
            expected=expected,
            limit=limit,
            interval=interval,
            p50=p50,
            p99=p99,
            longest=longest,
            pods=pods,
        )
