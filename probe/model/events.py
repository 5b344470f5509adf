"""A run as it happens: the stream of events that progress shows and the record is folded from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from probe.model.cell import Cell, Expectation
from probe.model.record import (
    Attempt,
    BaselineRecord,
    ClusterRecord,
    KnownFailureRecord,
    PodRecord,
    SelectionRecord,
    StepRecord,
)
from probe.model.watch import WatchRecord


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run has a cluster; ``run`` is its id (the ``cni-probe.dev/run`` label of all it makes).

    ``rate`` is probes started per second in all, ``in_flight`` sockets at a time for each agent: the bounds on load.
    ``kept``: the pods stay when the run is over.
    """

    run: str
    started: str
    cluster: ClusterRecord
    scenarios: int
    rate: float = 0.0
    in_flight: int = 0
    kept: bool = False


@dataclass(frozen=True, slots=True)
class ScenarioStarted:
    """Namespaces and pods of a scenario are about to be created, for the ``repeat``th time. ``namespaces``: logical to
    actual. ``sources``: the files that it was read from, with the SHA-256 of each."""

    name: str
    file: str
    description: str
    labels: dict[str, str]
    namespaces: dict[str, str]
    pods: int
    steps: int
    repeat: int = 1
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PodReady:
    """A pod's agent answers (or an external endpoint is there)."""

    pod: PodRecord


@dataclass(frozen=True, slots=True)
class FleetReady:
    """All pods of the fleet answer. ``untested`` says what cannot be tested with the fleet as it is placed."""

    seconds: float
    untested: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenAttempt:
    """An attempt that is news: the first of a cell, one with another outcome than before, or a confirmation."""

    cell: Cell
    expected: Expectation
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class RoundDone:
    """One round of probes came back; ``pending`` cells do not match yet. ``seen`` goes into the cells' history."""

    step: str
    phase: str
    cells: int
    pending: int
    seen: tuple[SeenAttempt, ...] = ()


@dataclass(frozen=True, slots=True)
class BaselineDone:
    """The positive control is over."""

    baseline: BaselineRecord


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step's changes are about to be made."""

    name: str
    index: int
    changes: tuple[str, ...]
    cells: int


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step is judged (or was cut short: ``record.completed`` is False).

    Comes again for a step whose verdicts a later control changed; names are unique in a scenario.
    """

    record: StepRecord


@dataclass(frozen=True, slots=True)
class WatchStarted:
    """The last step is about to be watched: ``cells``, each tried every ``interval`` seconds, ``load`` a second in all.

    ``until`` says in words how long.
    """

    step: str
    cells: int
    interval: float
    load: float
    until: str


@dataclass(frozen=True, slots=True)
class WatchNews:
    """How a watch goes: ``seconds`` since it began, ``attempts`` collected so far.

    ``leaks`` and ``outages`` are cells that have had one, ``away`` agents that do not answer at present.
    """

    seconds: float
    attempts: int
    leaks: int
    outages: int
    away: int


@dataclass(frozen=True, slots=True)
class CommandSaid:
    """The command that runs during a watch has written a line. The record of the watch has it, too."""

    text: str


@dataclass(frozen=True, slots=True)
class WatchDone:
    """The watch is over and judged, also one that was cut short."""

    record: WatchRecord


@dataclass(frozen=True, slots=True)
class ProblemSeen:
    """Something went wrong with the harness or the cluster, said once, in one sentence."""

    message: str


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that a reader of the results should know, and that makes none of them doubtful."""

    message: str


@dataclass(frozen=True, slots=True)
class ScenarioDone:
    """The scenario is over; its namespaces may still be terminating."""

    name: str
    completed: bool


@dataclass(frozen=True, slots=True)
class Selected:
    """Which scenarios the run takes."""

    selection: SelectionRecord


@dataclass(frozen=True, slots=True)
class StoppedEarly:
    """The run was told to stop at so many failed scenarios, and does. ``not_run``: those that it did not come to."""

    not_run: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownFailuresSeen:
    """What became of the known failures. ``strict``: one that passes is to fail the run."""

    failures: tuple[KnownFailureRecord, ...]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """What a run left behind: nothing, or the named namespaces."""

    remaining: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunDone:
    """The run is over. Its counts and exit code are the record's to say."""

    finished: str
    seconds: float
    interrupted: bool


Event: TypeAlias = (
    RunStarted
    | ScenarioStarted
    | PodReady
    | FleetReady
    | RoundDone
    | BaselineDone
    | StepStarted
    | StepDone
    | WatchStarted
    | WatchNews
    | CommandSaid
    | WatchDone
    | ProblemSeen
    | Noticed
    | ScenarioDone
    | Selected
    | StoppedEarly
    | KnownFailuresSeen
    | CleanedUp
    | RunDone
)
