"""The arithmetic of the first moments of a pod: what got through, for how long, and how long it waited. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probe.cluster.series import SKIPPED, Arrival, Entry, Run
from probe.engine.judge import Judgement
from probe.model.cell import Expectation, Outcome, Verdict
from probe.model.quantile import quantile
from probe.model.record import StartedPodRecord

_UNMADE = (Outcome.AGENT_ERROR, Outcome.UNSUPPORTED, Outcome.UNRESOLVED)
"""Outcomes of attempts of which nothing left the pod."""


@dataclass(frozen=True, slots=True)
class Moments:
    """A cell of a series from its first attempt on. Attempt ``n`` was due ``phase + n * interval`` seconds after that
    series began.

    ``attempts`` were made, but for those that say nothing of the network; ``passed`` are the numbers of those that got
    through, in whole or in part. ``unsupported``: none could be made, for want of the kernel's support.
    """

    interval: float
    phase: float
    attempts: int
    passed: tuple[int, ...]
    unsupported: bool = False

    @property
    def window(self) -> float:
        """Seconds until nothing got through any more, to one interval, which is in it; 0 when nothing ever did."""
        return 0.0 if not self.passed else self.phase + (self.passed[-1] + 1) * self.interval

    @property
    def wait(self) -> float | None:
        """Seconds until something got through; None when nothing did."""
        return None if not self.passed else self.phase + self.passed[0] * self.interval


def moments(entries: Iterable[Entry], cell: int, interval: float, phase: float, arrived: Iterable[int]) -> Moments:
    """What a series' entries say of one of its cells; ``arrived``: numbers whose request got to the other end."""
    passed, attempts, unmade = set(arrived), 0, set[str]()
    for entry in entries:
        if not isinstance(entry, Run) or entry.cell != cell or entry.outcome == SKIPPED:
            continue
        if entry.outcome in _UNMADE and not entry.established:
            unmade.add(entry.outcome)
            continue
        attempts += entry.count
        if entry.established or entry.outcome == Outcome.CONNECTED:
            passed.update(range(entry.first, entry.first + entry.count))
    return Moments(interval, phase, attempts, tuple(sorted(passed)), not attempts and unmade == {Outcome.UNSUPPORTED})


def arrivals(entries: Iterable[Entry], agent: int) -> dict[int, list[int]]:
    """The numbers of the requests of an agent that arrived where these entries are from, by its cell."""
    found: dict[int, list[int]] = {}
    for entry in entries:
        if isinstance(entry, Arrival) and entry.agent == agent:
            found.setdefault(entry.cell, []).append(entry.number)
    return found


def judge_race(
    expected: Expectation, limit: float | None, pods: Sequence[StartedPodRecord], trouble: str, control: str
) -> Judgement:
    """The verdict on the pods of one cell. ``limit``: the longest window (or wait) that is accepted; None: any.

    ``trouble`` says why too little is known of it, ``control`` why silence proves no denial (both empty: all is well).
    A leak is one whatever else is unknown.
    """
    times = [pod.seconds for pod in pods if pod.seconds is not None]
    packets = ""
    if expected.denies and any(times):
        leaked, attempts = sum(pod.packets for pod in pods), sum(pod.attempts for pod in pods)
        packets = f"{leaked} of {attempts} attempts got through; {spread_words(times)}"
        if limit is not None and max(times) > limit:
            return Judgement(Verdict.LEAK, f"{packets}, at most {limit * 1000:.0f} ms are accepted")
    if trouble or not pods:
        return Judgement(Verdict.INCONCLUSIVE, trouble or "no pod was measured")
    if expected is Expectation.ALLOW:
        if len(times) < len(pods):
            return Judgement(Verdict.BLOCKED, f"{len(pods) - len(times)} of {len(pods)} new pods never got through")
        return _within(limit, times, Verdict.BLOCKED, "waited")
    if packets and limit is None:
        return Judgement(Verdict.UNDEFINED, packets)
    if control:
        return Judgement(Verdict.INCONCLUSIVE, control)
    return Judgement(Verdict.PASS, spread_words(times) if any(times) else "")


def judge_reuse(judgement: Judgement, pods: Sequence[StartedPodRecord]) -> Judgement:
    """The same where addresses were to be used again: without one that was, only what is wrong however counts."""
    if any(pod.reused for pod in pods) or judgement.verdict not in (Verdict.PASS, Verdict.UNDEFINED):
        return judgement
    said = f"none of {len(pods)} new pods got an address that another had just given up"
    return Judgement(Verdict.UNSUPPORTED, said)


def _within(limit: float | None, times: Sequence[float], verdict: Verdict, what: str) -> Judgement:
    if limit is not None and max(times) > limit:
        return Judgement(verdict, f"{what} too long: {spread_words(times)}, at most {limit * 1000:.0f} ms are accepted")
    return Judgement(Verdict.PASS, f"{what}: {spread_words(times)}")


def spread_words(times: Sequence[float]) -> str:
    """``p50 12 ms, p99 40 ms, max 40 ms of 20 pods``."""
    p50, p99, worst = (quantile(times, share) * 1000 for share in (0.5, 0.99, 1.0))
    return f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {worst:.0f} ms of {len(times)} pods"
