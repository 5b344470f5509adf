"""A distribution of times as numbers and as the bars of a small picture."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from probe.model.enforcement import QUANTILES
from probe.model.record import Topology
from probe.report.latency import Latency
from probe.report.text import duration, safe

BINS_PER_DECADE = 4
_SHORTEST, _LONGEST = 1e-3, 1e2
"""Seconds: the ends of the axis, which is logarithmic. What lies beyond them is counted in the last bin."""
BAR, HEIGHT = 12, 40
"""Pixels: the width of a bar and the height of the picture."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; ``title`` says it in words."""

    x: int
    y: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Spread:
    """A kind of change. ``numbers`` are the quantiles, then the longest of a node and across nodes; ``ticks`` are
    positions of the decades with their names."""

    kind: str
    cells: int
    never: int
    untimed: int
    numbers: list[str]
    bars: list[Bar]
    ticks: list[tuple[int, str]]
    width: int


def spread(latency: Latency) -> Spread:
    """The picture and the numbers; without numbers where no cell ever matched."""
    times = latency.times
    bins = histogram(times.seconds)
    tallest = max(bins)
    bars = [_bar(number, count, tallest) for number, count in enumerate(bins) if count]
    decades = range(0, len(bins) + 1, BINS_PER_DECADE)
    return Spread(
        kind=safe(latency.kind),
        cells=times.cells,
        never=times.never,
        untimed=times.untimed,
        numbers=[
            *(_known(times.quantile(share)) for _, share in QUANTILES),
            *(_known(latency.longest(place)) for place in (Topology.SAME_NODE, Topology.CROSS_NODE)),
        ],
        bars=bars,
        ticks=[(number * BAR, _short(number)) for number in decades],
        width=len(bins) * BAR,
    )


def histogram(times: Iterable[float]) -> list[int]:
    """Numbers of times (in seconds) from ``_SHORTEST`` to ``_LONGEST``."""
    counts = [0] * (BINS_PER_DECADE * round(math.log10(_LONGEST / _SHORTEST)))
    for each in times:
        place = math.floor(math.log10(max(each, _SHORTEST) / _SHORTEST) * BINS_PER_DECADE)
        counts[min(place, len(counts) - 1)] += 1
    return counts


def _known(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


def _short(number: int) -> str:
    """A decade's name: ``1 ms``."""
    seconds = _start(number)
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def _start(number: int) -> float:
    return float(round(10 ** (number / BINS_PER_DECADE) / 1000, 6))


def _bar(number: int, count: int, tallest: int) -> Bar:
    height = round(max(2.0, HEIGHT * count / tallest), 1)
    title = f"{count} between {duration(_start(number))} and {duration(_start(number + 1))}"
    return Bar(number * BAR, round(HEIGHT - height, 1), height, title)
