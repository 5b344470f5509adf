"""What changed from one run to another, cell by cell, and what it means for the exit code."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from probe.model.cell import ExitCode, Verdict
from probe.model.errors import UsageError
from probe.model.record import ClusterRecord, RunRecord
from probe.report.diff.latency import Bound, Slowdown, slowdowns
from probe.report.diff.match import Key, Seen, cells_by_key, fails, gravity


class Change(enum.StrEnum):
    """What became of a cell, the gravest first."""

    REGRESSED = "regressed"  # a mismatch that was none, or one of another kind
    UNPROVEN = "unproven"  # it was judged, and what was seen now carries no verdict
    UNSUPPORTED = "unsupported"  # it passed, and cannot be tried any more
    UNDEFINED = "undefined"  # it was judged, and is left open now
    STILL_FAILING = "still-failing"
    REMOVED = "removed"  # only in the run before
    OUTCOME = "outcome"  # as expected both times, by something else: a drop became a reject
    FIXED = "fixed"  # a mismatch that is none any more
    ADDED = "added"  # only in the run after
    SAME = "same"


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell that is not what it was, or that exists on one side only."""

    change: Change
    key: Key
    before: Seen | None
    after: Seen | None


@dataclass(frozen=True, slots=True)
class FactChange:
    """A fact about the cluster, on both sides; equal ones are kept too, since they belong to the answer."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, compared. ``changes`` are without those that are the same; ``counts`` are of all."""

    before: RunRecord
    after: RunRecord
    changes: tuple[CellChange, ...]
    counts: Counter[Change]
    slowdowns: tuple[Slowdown, ...]
    facts: tuple[FactChange, ...]
    bound: Bound

    @property
    def regressed(self) -> bool:
        """Whether anything got worse, surely."""
        return bool(self.counts[Change.REGRESSED]) or any(each.is_worse for each in self.slowdowns)

    @property
    def doubts(self) -> list[str]:
        """Why no regression does not mean that all is well."""
        found = [*_incomplete(self.before, "before"), *_incomplete(self.after, "after")]
        if not self.compared:
            found.append("the runs have no cell in common")
        for change, said in _UNSAID.items():
            if self.counts[change]:
                found.append(f"{self.counts[change]} {said}")
        return found

    @property
    def compared(self) -> int:
        """How many cells both runs have."""
        return self.counts.total() - self.counts[Change.ADDED] - self.counts[Change.REMOVED]

    @property
    def exit_code(self) -> ExitCode:
        """1 for regressions alone; 3 where something was proven before and is not now, or a run was not completed."""
        if self.regressed:
            return ExitCode.MISMATCH
        return ExitCode.HARNESS if self.doubts else ExitCode.PASSED


_UNSAID = {
    Change.UNPROVEN: "that could be judged before could not be judged now",
    Change.UNSUPPORTED: "that passed before cannot be tried any more",
}


def compare(before: RunRecord, after: RunRecord, bound: Bound | None = None) -> Comparison:
    """Compare two runs. Raises UsageError when either has no cell at all."""
    bound = bound or Bound()
    old, new = cells_by_key(before), cells_by_key(after)
    for side, cells in (("before", old), ("after", new)):
        if not cells:
            raise UsageError(f"the run {side} has no cell: there is nothing to compare")
    every = [CellChange(_change(old.get(key), new.get(key)), key, old.get(key), new.get(key)) for key in old | new]
    counts = Counter(each.change for each in every)
    changes = sorted((each for each in every if each.change is not Change.SAME), key=lambda each: _ORDER[each.change])
    slower = tuple(slowdowns(before, after, bound))
    return Comparison(before, after, tuple(changes), counts, slower, tuple(_facts(before, after)), bound)


_ORDER = {change: number for number, change in enumerate(Change)}


def _change(before: Seen | None, after: Seen | None) -> Change:
    if before is None or after is None:
        if after is not None and after.verdict.is_mismatch:
            return Change.REGRESSED
        return Change.ADDED if before is None else Change.REMOVED
    if fails(after.verdict):
        listed = Verdict.KNOWN in (before.verdict, after.verdict)  # the list has changed, not the cluster
        same = before.verdict is after.verdict or (listed and fails(before.verdict))
        return Change.STILL_FAILING if same else Change.REGRESSED
    if gravity(after.verdict) > gravity(before.verdict):
        return {
            Verdict.INCONCLUSIVE: Change.UNPROVEN,
            Verdict.UNSUPPORTED: Change.UNSUPPORTED,
            Verdict.UNDEFINED: Change.UNDEFINED,
        }[after.verdict]
    if fails(before.verdict):
        return Change.FIXED if after.verdict is Verdict.PASS else Change.UNPROVEN
    return Change.OUTCOME if before.outcomes.isdisjoint(after.outcomes) else Change.SAME


def _incomplete(record: RunRecord, side: str) -> Iterator[str]:
    if record.interrupted:
        yield f"the run {side} was interrupted"
    elif record.problems or any(scenario.problems or not scenario.completed for scenario in record.scenarios):
        yield f"the run {side} had problems of its own"


def _facts(before: RunRecord, after: RunRecord) -> Iterator[FactChange]:
    old, new = dict(_facts_of(before.cluster)), dict(_facts_of(after.cluster))
    for name in old | new:
        yield FactChange(name, old.get(name, ""), new.get(name, ""))
    yield FactChange("cni-probe", before.tool, after.tool)


def _facts_of(cluster: ClusterRecord) -> Iterator[tuple[str, str]]:
    used = [node for node in cluster.node_facts if node.used]
    yield "Kubernetes", cluster.version
    yield "network plugin", _distinct(cluster.network_plugins) or "not known"
    yield "nodes", f"{len(cluster.nodes)}: {', '.join(cluster.nodes)}"
    yield "kernel", _distinct([node.kernel for node in used])
    yield "kubelet", _distinct([node.kubelet for node in used])
    yield "runtime", _distinct([node.runtime for node in used])
    yield "address families", _distinct([str(family) for family in cluster.families])


def _distinct(texts: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))
