"""The closing control: what was denied must connect again once the policies are lifted.

A connection before a denial shows that the pair could connect; only one after it shows that it still could, and that
nothing but the policy was in the way: a path that broke in the middle of a run looks like a perfect denial. Steps
that open again what an earlier one closed give this proof by themselves. For the rest, when the last step is judged,
the scenario's policies are lifted and the denied cells tried again, between the very same pods. The same goes for
pods that were created under a policy and never had a chance to connect before.

What stays silent is inconclusive, and so is what cannot be tried because the cluster does not do as it is asked. A
pair whose pods were deleted by the scenario cannot be tried and keeps its verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from probe.cluster.deployment import Deployment
from probe.engine.agent import Sample
from probe.engine.agents import Agents
from probe.engine.controls import Controls, Pair, connect_again
from probe.engine.evidence import Judged, Scribe
from probe.engine.judge import Evidence
from probe.model.cell import Cell, Outcome, Verdict
from probe.model.enforcement import Tally
from probe.model.errors import ClusterError
from probe.model.events import Event, StepDone
from probe.model.packed import PackedCells
from probe.model.record import CellRecord, StepRecord
from probe.model.scenario import Timeouts

_UNTRIED = "the pair could not be tried again with the policies lifted"


@dataclass(frozen=True, slots=True)
class Denial:
    """A denied cell between the pods that were its ends, and what speaks for the denial so far."""

    pair: Pair
    evidence: Evidence


@dataclass(slots=True)
class Denials:
    """The denials of a step, by the cell's place in its record, as it is written."""

    controls: Controls
    found: dict[int, Denial] = field(default_factory=dict)

    def watched(self, cells: Iterable[Judged]) -> Iterator[CellRecord]:
        """The records of ``cells``, of which the denials are noted on the way."""
        same: dict[Evidence, Evidence] = {}  # most denials of a step have nothing of their own
        for place, judged in enumerate(cells):
            if _is_denied(judged.record):
                evidence = same.setdefault(judged.evidence, judged.evidence)
                self.found[place] = Denial(self.controls.pair(judged.cell), evidence)
            yield judged.record


@dataclass(slots=True)
class JudgedStep:
    """A step's record, and those of its denials for which a later control is still to come.

    ``confirmed_at``: when its confirmation ended, on the monotonic clock.
    """

    record: StepRecord
    confirmed_at: float
    denials: Denials

    def settle(self) -> None:
        """Let go of the denials that no later control can change."""
        self.denials.found = {
            place: denial
            for place, denial in self.denials.found.items()
            if not self._is_closed(denial.pair) or self._is_earned(denial)
        }

    def unclosed(self) -> list[Cell]:
        """Denied cells whose very pods are still there and have not connected since."""
        return [each.pair[0] for each in self.denials.found.values() if not self._is_closed(each.pair)]

    def _is_closed(self, pair: Pair) -> bool:
        """Whether the pair has connected again, or never can, since its pods are gone."""
        controls = self.denials.controls
        return controls.connected_after(pair, self.confirmed_at) or controls.pair(pair[0]) != pair

    def _is_earned(self, denial: Denial) -> bool:
        """Whether a denial that wanted its control has it now: a later step opened what was closed from the first."""
        return not denial.evidence.control and self.denials.controls.vouched(denial.pair, self.confirmed_at)

    def revise(self, scribe: Scribe, tried: Mapping[Cell, str]) -> StepRecord | None:
        """The record with the ``tried`` cells judged again, each with what it means if it did not connect.

        So are those that a later step gave their control. None when that changes nothing.
        """
        again = {
            place: denial
            for place, denial in self.denials.found.items()
            if denial.pair[0] in tried or self._is_earned(denial)
        }
        if not again:
            return None
        known = self.record.cells
        judged: dict[int, CellRecord] = {}
        changed = False
        for place, record in enumerate(known):
            if place in again:
                judged[place] = self._judge_again(scribe, record, again[place], tried)
                changed |= judged[place].verdict is not record.verdict
        if not changed:
            return None
        tally = Tally()
        cells = PackedCells(tally.counted(judged.get(place, record) for place, record in enumerate(known)))
        return replace(self.record, cells=cells, enforcement=tally.records())

    def _judge_again(self, scribe: Scribe, record: CellRecord, denial: Denial, tried: Mapping[Cell, str]) -> CellRecord:
        pair = denial.pair
        evidence = replace(
            denial.evidence,
            control=self.denials.controls.vouched(pair, self.confirmed_at),
            unclosed="" if self._is_closed(pair) else tried[pair[0]],
        )
        return scribe.judge_again(Judged(pair[0], evidence, record))


@dataclass(slots=True)
class Closing:
    """What the closing control found. ``lifted_at``: when the policies were gone, on the monotonic clock (None: nothing
    had to be tried). ``silent``: the denied cells that stayed so without them.
    """

    lifted_at: float | None = None
    silent: list[Cell] = field(default_factory=list)


async def run_closing_control(
    steps: Sequence[JudgedStep],
    deployment: Deployment,
    agents: Agents,
    controls: Controls,
    timeouts: Timeouts,
    scribe: Scribe,
    emit: Callable[[Event], None],
    *,
    restore: bool,
) -> Closing:
    """Lift the policies, try again what was denied, and emit a new ``StepDone`` for each step that this changes.

    ``restore`` puts the policies back for whoever looks at the fleet afterwards. Raises ClusterError when policies
    cannot be deleted or restored; what could not be tried is judged so before.
    """
    closing = Closing()
    unclosed = [step.unclosed() for step in steps]
    tried = list(dict.fromkeys(cell for cells in unclosed for cell in cells))
    why = dict.fromkeys(tried, _UNTRIED)
    try:
        if tried:
            lifted = await deployment.lift_policies()
            closing.lifted_at = time.monotonic()
            await agents.refresh()
            samples = await connect_again(tried, agents, controls, timeouts.attempt, timeouts.baseline)
            why = {cell: _meaning(samples[cell]) for cell in tried}
            closing.silent = [
                cell for cell in tried if not controls.connected_after(controls.pair(cell), closing.lifted_at)
            ]
            if restore:
                await deployment.restore_policies(lifted)
    except ClusterError as error:
        why = {cell: f"{reason} ({error})" if reason == _UNTRIED else reason for cell, reason in why.items()}
        raise
    finally:
        for step, cells in zip(steps, unclosed, strict=True):
            revised = step.revise(scribe, {cell: why[cell] for cell in cells})
            if revised is not None:
                emit(StepDone(revised))
    return closing


def _meaning(sample: Sample) -> str:
    """What the last attempt means for the denial, if it did not connect."""
    if sample.outcome is Outcome.AGENT_ERROR:
        return f"{_UNTRIED}: {sample.error}"
    return "the pair stayed silent when the policies were lifted, so something else than a policy was in the way"


def _is_denied(record: CellRecord) -> bool:
    """Whether the verdict rests on a denial: proven so far, or wanting only its control."""
    if not record.expected.denies or record.outcome is None or not record.outcome.is_denial:
        return False
    proven = record.verdict in (Verdict.PASS, Verdict.WRONG_DENIAL)
    return proven or (record.verdict is Verdict.INCONCLUSIVE and not record.control)
