"""How long the cluster took to enforce a step's changes, and how exactly that was measured."""

from __future__ import annotations

from dataclasses import dataclass

from probe.model.record.cell import Change, Topology


@dataclass(frozen=True, slots=True)
class SamplingRecord:
    """How exact the times of a step's cells are, in seconds.

    ``interval`` and ``longest``: from an attempt of a cell that did not match yet to its next one, the median and the
    maximum (None: every cell matched at once). ``clock_error`` bounds the error of bringing the agents' clocks to the
    orchestrator's, ``lag`` is how late a prober woke at worst.
    """

    interval: float | None
    longest: float | None
    clock_error: float
    lag: float


@dataclass(frozen=True, slots=True)
class EnforcementRecord:
    """How long after the acknowledgement one kind of change was enforced: quantiles over its cells, in seconds.

    ``cells`` were changed in this way; ``topology`` is where their ends are, empty for all of them together. The
    quantiles are of the ``timed`` cells (None without one), each by the first attempt that saw the change, and so never
    too small. ``never`` cells did not match in time, or not in the end; ``untimed`` ones have no time, because agents
    had too little CPU to tell it, or because they are inconclusive.
    """

    change: Change
    topology: Topology
    cells: int
    timed: int
    never: int
    untimed: int
    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None
