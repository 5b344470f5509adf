"""A distribution of times as numbers and as the bars of a small picture."""

from __future__ import annotations

from dataclasses import dataclass

from probe.report.html.latency import BINS_PER_DECADE, Latency
from probe.report.text import duration, safe

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
    """A kind of change. ``ticks`` are positions of the decades with their names."""

    kind: str
    cells: int
    never: int
    median: str
    p95: str
    longest: str
    bars: list[Bar]
    ticks: list[tuple[int, str]]
    width: int


def spread(latency: Latency) -> Spread:
    """The picture and the numbers; without numbers where no cell ever matched."""
    bins, known = latency.bins(), bool(latency.seconds)
    tallest = max(bins)
    bars = [_bar(number, count, tallest) for number, count in enumerate(bins) if count]
    decades = range(0, len(bins) + 1, BINS_PER_DECADE)
    return Spread(
        kind=safe(latency.kind),
        cells=len(latency.seconds),
        never=latency.never,
        median=duration(latency.quantile(0.5)) if known else "–",
        p95=duration(latency.quantile(0.95)) if known else "–",
        longest=duration(latency.seconds[-1]) if known else "–",
        bars=bars,
        ticks=[(number * BAR, _short(number)) for number in decades],
        width=len(bins) * BAR,
    )


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
