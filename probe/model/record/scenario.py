"""A scenario: what was deployed, its steps, and where the time went."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.model.record.step import StepRecord
from probe.model.watch import WatchRecord


@dataclass(slots=True)
class PodRecord:
    """A pod (or external endpoint) of the fleet as it was deployed. ``namespace`` is the actual one."""

    id: str
    namespace: str
    name: str
    uid: str
    node: str | None
    addresses: list[str]
    labels: dict[str, str]


@dataclass(slots=True)
class BaselineRecord:
    """The positive control: how many distinct cells had to connect before any change, and how many did."""

    cells: int
    connected: int
    seconds: float
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TimeRecord:
    """Where the time of a scenario went, in seconds.

    ``deploy``: until all pods answered, or were brought back to how they were deployed; ``baseline``: the positive
    control; ``change``: requests that make the steps' changes; ``converge``: until cells matched; ``confirm``: the
    hold, every cell once more with the full timeout; ``closing``: the control with the policies lifted; ``overhead``:
    the rest.
    """

    deploy: float = 0.0
    baseline: float = 0.0
    change: float = 0.0
    converge: float = 0.0
    confirm: float = 0.0
    closing: float = 0.0
    overhead: float = 0.0


@dataclass(slots=True)
class ScenarioRecord:
    """A scenario's run. ``untested`` says in words what this cluster could not test (no second node, one family).

    ``repeat`` counts the runs of one scenario in a record, from 1. ``sources``: path -> SHA-256 (hexadecimal) of every
    file that it was read from, manifests included, as it was then; empty where that is not known. ``watch``: what was
    seen of the last step over time, if it was watched. ``shared_fleet``: other scenarios with the same fleet had used
    its pods before, and they had been brought back to how they were deployed. ``times`` says where its time went (None:
    not known).
    """

    name: str
    file: str
    description: str
    labels: dict[str, str]
    namespaces: dict[str, str]
    pods: list[PodRecord]
    deploy_seconds: float
    baseline: BaselineRecord | None
    steps: list[StepRecord]
    problems: list[str] = field(default_factory=list)
    completed: bool = True
    untested: list[str] = field(default_factory=list)
    repeat: int = 1
    sources: dict[str, str] = field(default_factory=dict)
    watch: WatchRecord | None = None
    shared_fleet: bool = False
    times: TimeRecord | None = None
