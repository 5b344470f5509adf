"""Known failures in a run: a mismatch that is listed gets a verdict of its own, and the list is held against the run.

Only mismatches are known failures. What could not be judged stays inconclusive: nobody knows what it would have been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from probe.model.cell import Verdict
from probe.model.events import Event, KnownFailuresSeen, StepDone
from probe.model.known import KnownFailure
from probe.model.packed import PackedCells
from probe.model.record import CellRecord, KnownFailureRecord, StepRecord, cell_of


class KnownFailures:
    """The list of one run, and what the run has seen of each entry so far."""

    def __init__(self, failures: Sequence[KnownFailure], strict: bool = False) -> None:
        self._failures = failures
        self._strict = strict
        self._seen: dict[tuple[str, int, str], dict[KnownFailure, Counter[Verdict]]] = {}

    def watching(self, scenario: str, repeat: int, emit: Callable[[Event], None]) -> Callable[[Event], None]:
        """An ``emit`` for one run of a scenario, which passes events on as they are to be known."""
        if not self._failures:
            return emit

        def see(event: Event) -> None:
            emit(StepDone(self._judged(scenario, repeat, event.record)) if isinstance(event, StepDone) else event)

        return see

    def result(self) -> KnownFailuresSeen:
        """What became of each entry."""
        return KnownFailuresSeen(tuple(map(self._result, self._failures)), self._strict)

    def _result(self, failure: KnownFailure) -> KnownFailureRecord:
        steps = [step[failure] for step in self._seen.values() if failure in step]
        counts: Counter[Verdict] = sum(steps, Counter())
        return KnownFailureRecord(
            entry=str(failure),
            reason=failure.reason,
            place=str(failure.location or ""),
            steps=len(steps),
            matched=counts.total(),
            failed=counts[Verdict.KNOWN],
            passed=counts[Verdict.PASS],
            inconclusive=counts[Verdict.INCONCLUSIVE],
        )

    def _judged(self, scenario: str, repeat: int, step: StepRecord) -> StepRecord:
        """The step with what is known; a step that is judged again counts once."""
        failures = [each for each in self._failures if each.is_about(scenario, step.name)]
        if not failures:
            return step
        counts: dict[KnownFailure, Counter[Verdict]] = {failure: Counter() for failure in failures}
        cells = PackedCells(_judge(cell, failures, counts) for cell in step.cells)
        self._seen[scenario, repeat, step.name] = counts
        return replace(step, cells=cells)


def _judge(
    record: CellRecord, failures: Sequence[KnownFailure], counts: dict[KnownFailure, Counter[Verdict]]
) -> CellRecord:
    mine = [failure for failure in failures if failure.has(cell_of(record))]
    for failure in mine:
        counts[failure][Verdict.KNOWN if record.verdict.is_mismatch else record.verdict] += 1
    if not mine or not record.verdict.is_mismatch:
        return record
    reason = f"known failure ({record.verdict}): {mine[0].reason}"
    return replace(record, verdict=Verdict.KNOWN, reason=f"{reason}; {record.reason}" if record.reason else reason)
