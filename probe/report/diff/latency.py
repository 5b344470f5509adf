"""Whether enforcement became slower: repeated runs compared as distributions, never two numbers.

Within a run the cells of a change wait for the same update, so a run is one observation however many cells it has: for
each kind of change the mean, over its steps, of the time until the last cell was as expected. Revocations count as new
denies: both are windows in which traffic leaks, and earlier records do not tell them apart. The observations of both
sides are ranked together (Mann and Whitney's U, exact by counting all arrangements where these are few, by its normal
approximation else). Slower is said only if chance explains the ranks with at most ``Bound.chance`` and the medians are
at least ``Bound.seconds`` apart: records of earlier versions are no finer than the timeout of an attempt (0.4 s), so
smaller differences may be the measurement's own.
"""

from __future__ import annotations

import enum
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median

from probe.model.enforcement import Times
from probe.model.record import Change, RunRecord
from probe.report.latency import turns

_EXACT = 20_000
"""Arrangements that are counted one by one at the most."""


class Kind(enum.StrEnum):
    """What a step changes of a cell, as far as its expectation tells."""

    DENY = "new deny"
    ALLOW = "new allow"


_KINDS = {Change.NEW_DENY: Kind.DENY, Change.REVOCATION: Kind.DENY, Change.NEW_ALLOW: Kind.ALLOW}


@dataclass(frozen=True, slots=True)
class Bound:
    """When slower is said. ``chance``: the largest probability of such ranks by chance alone; ``seconds``: the least
    difference of the medians."""

    chance: float = 0.01
    seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Slowdown:
    """A kind of change: one time a run on each side, in seconds, in the order of the runs.

    ``chance``: how probable it is that the runs after rank so high by chance alone; None where there are too few runs
    to tell, whatever they show.
    """

    kind: Kind
    before: tuple[float, ...]
    after: tuple[float, ...]
    chance: float | None
    is_worse: bool

    @property
    def medians(self) -> tuple[float, float]:
        """Before and after, in seconds."""
        return median(self.before), median(self.after)


def slowdowns(before: RunRecord, after: RunRecord, bound: Bound) -> Iterator[Slowdown]:
    """Each kind of change that both runs have."""
    shared = _steps_of(before) & _steps_of(after)
    for kind in Kind:
        old, new = _observations(before, kind, shared), _observations(after, kind, shared)
        if old and new:
            yield _compare(kind, old, new, bound)


def _compare(kind: Kind, before: tuple[float, ...], after: tuple[float, ...], bound: Bound) -> Slowdown:
    least = len(Kind) / math.comb(len(before) + len(after), len(after))  # if all runs after were slower than any before
    if least > bound.chance:
        return Slowdown(kind, before, after, None, False)
    chance = min(1.0, len(Kind) * chance_of(before, after))  # both kinds are tested: Bonferroni's correction
    worse = chance <= bound.chance and median(after) - median(before) >= bound.seconds
    return Slowdown(kind, before, after, chance, worse)


def runs_needed(bound: Bound) -> int:
    """How many runs a side it takes until anything can be told."""
    return next(runs for runs in itertools.count(1) if len(Kind) / math.comb(2 * runs, runs) <= bound.chance)


def chance_of(before: Sequence[float], after: Sequence[float]) -> float:
    """The probability that ``after`` ranks as high or higher above ``before`` if both come from one distribution."""
    seen = _wins(before, after)
    if math.comb(len(before) + len(after), len(after)) > _EXACT:
        return _approximated(seen, len(before), len(after))
    together = [*before, *after]
    everything = set(range(len(together)))
    wins = [
        _wins([together[index] for index in everything - set(chosen)], [together[index] for index in chosen])
        for chosen in itertools.combinations(range(len(together)), len(after))
    ]
    return sum(each >= seen for each in wins) / len(wins)


def _wins(before: Sequence[float], after: Sequence[float]) -> float:
    """Mann and Whitney's U of ``after``: pairs in which it is larger, ties as halves."""
    return sum((new > old) + (new == old) / 2 for new in after for old in before)


def _approximated(wins: float, before: int, after: int) -> float:
    mean, spread = before * after / 2, math.sqrt(before * after * (before + after + 1) / 12)
    return 1 - NormalDist().cdf((wins - 0.5 - mean) / spread)


# --- observations --------------------------------------------------------------------------------------------------


def _steps_of(record: RunRecord) -> set[tuple[str, str]]:
    return {(scenario.name, step.name) for scenario in record.scenarios for step in scenario.steps}


def _observations(record: RunRecord, kind: Kind, shared: set[tuple[str, str]]) -> tuple[float, ...]:
    """One time for each repetition."""
    times: dict[int, list[float]] = {}
    for scenario in record.scenarios:
        for step, turned in turns(scenario):
            changed = Times()
            for cell, change in turned:
                if _KINDS[change] is kind:
                    changed.add(cell)
            slowest = changed.quantile(1.0)
            if slowest is not None and (scenario.name, step.name) in shared:
                times.setdefault(scenario.repeat, []).append(slowest)
    return tuple(fmean(times[repeat]) for repeat in sorted(times))
