"""What a comparison says, in words that the renderers share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.model.record import RunRecord
from probe.report.diff.compare import CellChange, Change, Comparison
from probe.report.diff.latency import Bound, Slowdown, runs_needed
from probe.report.diff.match import Seen
from probe.report.explain import explain
from probe.report.text import duration, moment, plural, safe

TITLES = {
    Change.REGRESSED: "regressions",
    Change.UNPROVEN: "could be judged before and not now",
    Change.UNSUPPORTED: "passed before and cannot be tried now",
    Change.UNDEFINED: "judged before and left open now",
    Change.STILL_FAILING: "failing as before",
    Change.REMOVED: "only in the run before",
    Change.OUTCOME: "as expected both times, by another outcome",
    Change.FIXED: "fixed",
    Change.ADDED: "only in the run after",
    Change.SAME: "the same",
}
"""How each kind of change is called, the gravest first."""


def answer(found: Comparison) -> str:
    """The answer in one sentence."""
    slower = [each for each in found.slowdowns if each.is_worse]
    parts = []
    if found.counts[Change.REGRESSED]:
        parts.append(plural(found.counts[Change.REGRESSED], "regression"))
    parts += [f"{each.kind}s are enforced later" for each in slower]
    if parts:
        return " and ".join(parts)
    if found.doubts:
        return "no regression was found, but not all is said: " + "; ".join(found.doubts)
    return f"no regression in {plural(found.compared, 'cell')}"


def counts(found: Comparison) -> str:
    """``2 regressed, 1 fixed, 461 same``."""
    return ", ".join(f"{found.counts[each]} {each}" for each in Change if found.counts[each])


def run_line(record: RunRecord) -> str:
    """Which run, when, where."""
    return safe(f"run {record.run} of {moment(record.started)} on {record.cluster.server} ({record.cluster.version})")


def cell_line(each: CellChange) -> str:
    """The cell, and what it was and is: ``shop/api -> shop/web 80/TCP: pass (timed-out), now leak (connected)``."""
    was, now = _side(each.before), _side(each.after)
    return safe(f"{each.key.cell}: {f'{was}, now {now}' if was != now else was}")


def _side(seen: Seen | None) -> str:
    if seen is None:
        return "absent"
    outcomes = " or ".join(sorted(str(outcome) for outcome in seen.outcomes if outcome))
    times = f", {seen.failed} of {seen.times} times" if seen.times > 1 and seen.verdict.is_mismatch else ""
    return f"{seen.verdict} ({outcomes or 'nothing seen'}{times})"


def reasons(each: CellChange) -> list[str]:
    """Why a mismatch or a doubt is one; empty for the rest."""
    telling = (Change.REGRESSED, Change.UNPROVEN)
    return explain(each.after.worst) if each.change in telling and each.after is not None else []


def grouped(changes: Sequence[CellChange]) -> Iterator[tuple[str, list[CellChange]]]:
    """Changes by where they are: ``scenario: step``."""
    found: dict[str, list[CellChange]] = {}
    for each in changes:
        found.setdefault(safe(f"{each.key.scenario}: {each.key.step}"), []).append(each)
    yield from found.items()


def latency_line(each: Slowdown, bound: Bound) -> str:
    """Medians on both sides and what they allow to say."""
    before, after = each.medians
    runs = f"{plural(len(each.before), 'run')} before, {len(each.after)} after"
    head = f"{each.kind}: {duration(before)} before, {duration(after)} after (medians; {runs})"
    if each.chance is None:
        return f"{head}: too few to tell; --repeat {runs_needed(bound)} on both sides would"
    verdict = "slower" if each.is_worse else "no slower beyond the bound"
    return f"{head}: {verdict} (chance {each.chance:.2%})"


def bound_line(bound: Bound) -> str:
    """What counts as slower."""
    return (
        f"slower means: medians at least {duration(bound.seconds)} apart, and ranks that chance alone gives in at most "
        f"{bound.chance:.1%} of cases"
    )
