"""One fault on an embedded cluster: which scenarios notice it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import Family, Verdict
from probe.model.errors import CniProbeError
from probe.model.events import ProblemSeen, RunDone
from probe.model.record import RunRecord
from probe.model.scenario import Scenario
from probe.report.fold import Recorder, count_cells
from probe.report.problems import troubles
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions

CLEAN = "none"
"""The name of no fault at all."""

CONVERGE = 2.0
"""Seconds for enforcement to settle, which takes a hundredth of it here: a cell that leaks is waited for so long."""
LIMIT = 0.4
"""Seconds in which every change must be in force where a fault is one of time. A quiet machine takes a tenth of it."""


@dataclass(frozen=True, slots=True)
class Catch:
    """A scenario that noticed: in which step, the first cell that was wrong, and how many were."""

    scenario: str
    step: str
    cell: str
    verdict: str
    cells: int


@dataclass(frozen=True, slots=True)
class Detection:
    """What became of a fault. Of ``touched`` scenarios ``ran`` were run, until ``catches`` were enough."""

    fault: str
    touched: int
    ran: int
    catches: tuple[Catch, ...] = ()
    inconclusive: int = 0
    problems: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def is_capped(self) -> bool:
        """Whether more scenarios might have noticed: not all were run."""
        return self.ran < self.touched

    def to_json(self) -> dict[str, Any]:
        """For `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Detection:
        """What `to_json` gave."""
        catches = tuple(Catch(**each) for each in data["catches"])
        return cls(**data | {"catches": catches, "problems": tuple(data["problems"])})


async def detect(
    fault: str,
    scenarios: Sequence[Scenario],
    stop_after: int | None = None,
    options: SandboxOptions | None = None,
    limit: float | None = None,
) -> Detection:
    """Run the scenarios in order on a cluster with the fault (``CLEAN``: without) until ``stop_after`` have noticed.

    With a ``limit`` in seconds, what is enforced later than that is noticed, too.
    """
    began = time.monotonic()
    cluster = replace(options or SandboxOptions(families=tuple(Family)), fault=None if fault == CLEAN else fault)
    recorder = Recorder()

    if scenarios:
        try:
            async with Sandbox.start(cluster) as sandbox, connect(str(sandbox.kubeconfig)) as api:
                run = RunOptions(
                    allow_cluster_scoped=True,
                    allow_host_network=True,
                    stop_after=stop_after,
                    lanes=1 if stop_after else None,  # the next one is begun only if it is needed
                )
                await run_scenarios(api, [_impatient(scenario, limit) for scenario in scenarios], run, recorder.see)
        except CniProbeError as error:
            recorder.see(ProblemSeen(str(error)))
        recorder.see(RunDone("2026-01-01T00:00:00+00:00", 0.0, False))
    return _judged(fault, len(scenarios), recorder.record(), time.monotonic() - began)


def _impatient(scenario: Scenario, limit: float | None) -> Scenario:
    timeouts = replace(scenario.timeouts, converge=min(CONVERGE, scenario.timeouts.converge), enforcement=limit)
    return replace(scenario, timeouts=timeouts)


def _judged(fault: str, touched: int, record: RunRecord, seconds: float) -> Detection:
    return Detection(
        fault=fault,
        touched=touched,
        ran=len(record.scenarios),
        catches=tuple(_catches(record)),
        inconclusive=record.counts.get(Verdict.INCONCLUSIVE, 0),
        problems=tuple(map(str, troubles(record))) if record.scenarios else (),
        seconds=round(seconds, 1),
    )


def _catches(record: RunRecord) -> Iterable[Catch]:
    for scenario in record.scenarios:
        wrong = [
            (step, cell)
            for step in scenario.steps
            if any(verdict.is_mismatch for verdict in count_cells(step.cells))
            for cell in step.cells
            if cell.verdict.is_mismatch
        ]
        if wrong:
            step, cell = wrong[0]
            label = f"{cell.source} -> {cell.destination} {cell.port}/{cell.protocol}"
            yield Catch(scenario.name, step.name, label, cell.verdict.value, len(wrong))
