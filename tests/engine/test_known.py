"""Known failures in the stream of events: a listed mismatch is known, and what is listed is held against the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.engine.known import KnownFailures
from probe.model.cell import Expectation, Family, Outcome, Path, Protocol, Verdict
from probe.model.errors import Location
from probe.model.events import Event, KnownFailuresSeen, ScenarioDone, StepDone
from probe.model.known import KnownFailure
from probe.model.packed import PackedCells
from probe.model.record import CellRecord, StepRecord

DENY, SEEN = Expectation.DENY, Outcome.CONNECTED


def cell(port: int, verdict: Verdict) -> CellRecord:
    return CellRecord(
        "x/a", "x/b", port, Protocol.TCP, Family.IPV4, Path.POD_IP, None, DENY, SEEN, verdict, "it connected"
    )


def step(*cells: CellRecord, name: str = "closed") -> StepDone:
    record = StepRecord(name, "", [], None, 0.0, None, 0.0, 0.0, PackedCells(cells))
    return StepDone(record)


def run(failures: list[KnownFailure], *events: Event, strict: bool = False) -> tuple[list[Event], KnownFailuresSeen]:
    """What comes out for one scenario, and the result."""
    known, out = KnownFailures(failures, strict), list[Event]()
    tell = known.watching("ports", 1, out.append)
    for event in events:
        tell(event)
    return out, known.result()


def verdicts(event: Event) -> list[Verdict]:
    assert isinstance(event, StepDone)
    return [each.verdict for each in event.record.cells]


def test_only_listed_mismatches_become_known_and_keep_their_reason() -> None:
    cells = (cell(80, Verdict.LEAK), cell(81, Verdict.LEAK), cell(80, Verdict.INCONCLUSIVE))
    (event,), _ = run([KnownFailure("ports", "issue 12", ports=("80",))], step(*cells))
    assert verdicts(event) == [Verdict.KNOWN, Verdict.LEAK, Verdict.INCONCLUSIVE]
    assert isinstance(event, StepDone)
    first, second, third = event.record.cells
    assert first.reason == "known failure (leak): issue 12; it connected"
    assert (second, third) == cells[1:]


def test_other_scenarios_and_other_events_pass_as_they_are() -> None:
    events = step(cell(80, Verdict.LEAK)), ScenarioDone("ports", True)
    out, result = run([KnownFailure("sctp", "why")], *events)
    assert out == [*events]
    assert result.failures[0].steps == 0
    assert not result.failures[0].is_unused, "nothing of it was run, which a selection may well want"


def test_an_entry_counts_what_became_of_its_cells() -> None:
    cells = [cell(80, verdict) for verdict in (Verdict.LEAK, Verdict.PASS, Verdict.UNSUPPORTED, Verdict.INCONCLUSIVE)]
    failure = KnownFailure("ports", "why", location=Location("known.yaml", 4, 5))
    _, result = run([failure], step(*cells), step(cell(80, Verdict.BLOCKED), name="open"), strict=True)
    (found,) = result.failures
    assert (found.steps, found.matched, found.failed, found.passed, found.inconclusive) == (2, 5, 2, 1, 1)
    assert (found.entry, found.place, result.strict) == ("ports", "known.yaml:4:5", True)


def test_a_step_that_is_judged_again_counts_once() -> None:
    """As the closing control does: what was inconclusive is then a pass."""
    _, result = run([KnownFailure("ports", "why")], step(cell(80, Verdict.INCONCLUSIVE)), step(cell(80, Verdict.PASS)))
    assert result.failures[0].passed == 1
    assert result.failures[0].is_outdated


@pytest.mark.parametrize(
    ("seen", "outdated"),
    [
        ([Verdict.PASS, Verdict.PASS], True),
        ([Verdict.PASS, Verdict.UNSUPPORTED], True),
        ([Verdict.PASS, Verdict.LEAK], False),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], False),
        ([Verdict.UNSUPPORTED], False),
        ([], False),
    ],
)
def test_an_entry_is_outdated_if_it_only_passes(seen: list[Verdict], outdated: bool) -> None:
    _, result = run([KnownFailure("ports", "why")], step(*(cell(80, verdict) for verdict in seen)))
    assert result.failures[0].is_outdated is outdated


def test_an_entry_without_a_cell_in_its_steps_is_unused() -> None:
    _, result = run([KnownFailure("ports", "why", ports=("90",))], step(cell(80, Verdict.PASS)))
    assert result.failures[0].is_unused


def test_repeats_are_counted_each_for_itself() -> None:
    known, out = KnownFailures([KnownFailure("ports", "why")]), list[Event]()
    for repeat in (1, 2):
        known.watching("ports", repeat, out.append)(step(cell(80, Verdict.LEAK)))
    assert known.result().failures[0].failed == 2


def test_without_a_list_nothing_is_touched() -> None:
    out = list[Event]()
    tell = KnownFailures([]).watching("ports", 1, out.append)
    event = step(replace(cell(80, Verdict.LEAK)))
    tell(event)
    assert out == [event]
