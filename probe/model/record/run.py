"""A whole run, and what it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.model.cell import Verdict
from probe.model.record.cluster import ClusterRecord
from probe.model.record.known import KnownFailureRecord
from probe.model.record.scenario import ScenarioRecord

RECORD_API_VERSION = "cni-probe/v1"
RECORD_KIND = "RunRecord"


@dataclass(slots=True)
class SelectionRecord:
    """Which of the scenarios that there were a run took. ``asked`` says how they were chosen (``--tag sctp``),
    ``shard`` which part of them this is (``2/3``), ``shuffle`` is the seed of their order. ``left_out`` has those that
    the run was not allowed to take, with the reason.
    """

    scenarios: int
    taken: int
    asked: list[str] = field(default_factory=list)
    shard: str | None = None
    shuffle: int | None = None
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RunRecord:
    """A whole run. ``counts`` maps each verdict that occurred to its number of cells.

    ``kept`` says that the run's pods were left in the cluster, so that ``CellRecord.repeat`` can be used. ``notes`` are
    what a reader should know and what makes no result doubtful. ``not_run`` are the scenarios that a run which was told
    to stop at failures did not come to. ``lanes``: at most so many scenarios ran side by side, so that the sum of their
    times is more than the run's.
    """

    run: str
    tool: str
    started: str
    finished: str
    seconds: float
    cluster: ClusterRecord
    scenarios: list[ScenarioRecord]
    counts: dict[Verdict, int]
    exit_code: int
    interrupted: bool = False
    kept: bool = False
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    selection: SelectionRecord | None = None
    known_failures: list[KnownFailureRecord] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    lanes: int = 1
    api_version: str = RECORD_API_VERSION
    kind: str = RECORD_KIND
