"""A run as it happens: the stream of events that progress shows and the record is folded from.

Scenarios run side by side, so their events interleave. ``scenario`` is the place in the plan, from 0, of the scenario
that an event belongs to (None: to the run as a whole; in journals of before it was there, to the latest one).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
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
    TimeRecord,
)
from probe.model.watch import WatchRecord


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run has a cluster; ``run`` is its id (the ``cni-probe.dev/run`` label of all it makes).

    ``rate`` is probes started per second in all, ``in_flight`` sockets at a time for each agent: the bounds on load.
    ``kept``: the pods stay when the run is over. ``lanes``: at most so many scenarios run side by side.
    """

    run: str
    started: str
    cluster: ClusterRecord
    scenarios: int
    rate: float = 0.0
    in_flight: int = 0
    kept: bool = False
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class ScenarioStarted:
    """A scenario is about to run, for the ``repeat``th time. ``namespaces``: logical to actual.
    ``sources``: the files that it was read from, with the SHA-256 of each.

    Comes again where it begins anew, on other pods: what was seen of it until then does not count.
    """

    name: str
    file: str
    description: str
    labels: dict[str, str]
    namespaces: dict[str, str]
    pods: int
    steps: int
    repeat: int = 1
    sources: dict[str, str] = field(default_factory=dict)
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class PodReady:
    """A pod's agent answers (or an external endpoint is there)."""

    pod: PodRecord
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class FleetReady:
    """All pods of the fleet answer. ``untested`` says what cannot be tested with the fleet as it is placed.

    ``shared``: the pods were there already, for other scenarios with the same fleet.
    """

    seconds: float
    untested: tuple[str, ...] = ()
    scenario: int | None = None
    shared: bool = False


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
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class BaselineDone:
    """The positive control is over."""

    baseline: BaselineRecord
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A step's changes are about to be made."""

    name: str
    index: int
    changes: tuple[str, ...]
    cells: int
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step is judged (or was cut short: ``record.completed`` is False).

    Comes again for a step whose verdicts a later control changed; names are unique in a scenario.
    """

    record: StepRecord
    scenario: int | None = None


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
    scenario: int | None = None


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
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class CommandSaid:
    """The command that runs during a watch has written a line. The record of the watch has it, too."""

    text: str


@dataclass(frozen=True, slots=True)
class WatchDone:
    """The watch is over and judged, also one that was cut short."""

    record: WatchRecord
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class ProblemSeen:
    """Something went wrong with the harness or the cluster, said once, in one sentence."""

    message: str
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that a reader of the results should know, and that makes none of them doubtful."""

    message: str
    scenario: int | None = None


@dataclass(frozen=True, slots=True)
class ScenarioDone:
    """The scenario is over; its namespaces may still be there. ``times``: where its time went."""

    name: str
    completed: bool
    scenario: int | None = None
    times: TimeRecord | None = None


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

ScenarioEvent: TypeAlias = (
    ScenarioStarted
    | PodReady
    | FleetReady
    | RoundDone
    | BaselineDone
    | StepStarted
    | StepDone
    | WatchStarted
    | WatchNews
    | WatchDone
    | ProblemSeen
    | Noticed
    | ScenarioDone
)
"""Events that may belong to one scenario."""


def of_scenario(event: Event, index: int) -> Event:
    """The event with the scenario that it belongs to; one of the run as a whole stays what it is."""
    return replace(event, scenario=index) if isinstance(event, ScenarioEvent) else event
