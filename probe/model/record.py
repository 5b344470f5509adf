"""The run record: everything that a run measured, as versioned plain data.

Reports are drawn from a record and from nothing else. In JSON the keys are camelCase (``to_camel``), times are
RFC 3339 in UTC, durations are seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from probe.model.cell import Cell, Expectation, Family, Outcome, Path, Protocol, Verdict, Via
from probe.model.watch import WatchedCell, WatchRecord

RECORD_API_VERSION = "cni-probe/v1"
RECORD_KIND = "RunRecord"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a cell. ``at`` is seconds since the step's change was acknowledged (baseline: since its start).

    ``phase`` is ``baseline``, ``converge``, ``confirm`` or ``control``; ``seconds`` is how long the attempt took;
    ``error`` the errno's name (``ECONNREFUSED``) or a short text.
    """

    phase: str
    at: float
    outcome: Outcome
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the responder's receipts say of the last attempt: whether its request arrived, and from where.

    ``arrived`` is None when the responder could not be asked.
    """

    arrived: bool | None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What the API says of a cell by the policies of its step: ``allow``, ``deny`` or ``undefined``, and why.

    ``rules`` are those that decide (``production/frontend-policy ingress[0]``), ``near_misses`` those that would have
    allowed it but for what ``sentence`` says.
    """

    answer: str
    sentence: str
    rules: list[str] = field(default_factory=list)
    near_misses: list[str] = field(default_factory=list)


class Topology(enum.StrEnum):
    """Where the ends of a cell are, relative to each other."""

    SAME_NODE = "same-node"
    CROSS_NODE = "cross-node"
    OUTSIDE = "outside"  # one end is no pod of the fleet
    UNKNOWN = ""


class Change(enum.StrEnum):
    """What a step's changes turn a cell into. See docs/latency.md for the exact meaning."""

    NEW_DENY = "new-deny"  # it was open, and is isolated or denied by a rule now: until then traffic leaks
    REVOCATION = "revocation"  # its ends were isolated before, and what allowed it is gone: until then traffic leaks
    NEW_ALLOW = "new-allow"  # it was denied, and is allowed now
    NONE = ""  # nothing: it stays as it was, or there was nothing before

    @property
    def words(self) -> str:
        """As people write it."""
        return self.value.replace("-", " ")


@dataclass(slots=True)
class CellRecord:
    """A cell of a step with its verdict and the evidence for it.

    ``matched_after`` is seconds from the acknowledged change until the first attempt that matched the expectation
    showed it (None: none did, or the step left the cell open as it was), ``missed_at`` the last moment before at which
    it was not so yet (None: no attempt came before), so that the change took effect between the two. ``untimed`` says
    why they are no measure of the cluster (empty: they are).
    ``flaps``: how often a match was lost again before the final confirmation. ``change``: what the step's changes turn
    it into (None: a record from before this was known). ``control`` says that the same pair
    connected earlier in the run. ``repeat`` is a copy-paste command that tries the cell again; ``reason`` one
    readable sentence, always set when the verdict is not ``pass``. ``dialled`` is the ``address:port`` that the prober
    was told to dial, which behind a service is not the destination's own. ``decision`` comes with every mismatch.
    ``line`` is that of the rule which states the expectation, in the scenario's file (None: the step's default does).
    ``decided_by`` says which rules of the step's policies allow or deny it (``production/frontend-policy ingress[0]``),
    or, where no rule does, which policies isolate an end of it (``production/frontend-policy``).
    """

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family
    path: Path
    address: str | None
    expected: Expectation
    outcome: Outcome | None
    verdict: Verdict
    reason: str = ""
    latency: float | None = None
    attempts: int = 0
    matched_after: float | None = None
    flaps: int = 0
    control: bool = False
    source_node: str | None = None
    destination_node: str | None = None
    source_address: str | None = None
    destination_address: str | None = None
    observed_source: str | None = None
    responder: str | None = None
    receipt: Receipt | None = None
    history: list[Attempt] = field(default_factory=list)
    repeat: str = ""
    via: Via = Via.ONLY
    topology: Topology = Topology.UNKNOWN
    dialled: str | None = None
    decision: DecisionRecord | None = None
    line: int | None = None
    decided_by: list[str] = field(default_factory=list)
    missed_at: float | None = None
    untimed: str = ""
    change: Change | None = None

    @classmethod
    def of(
        cls, cell: Cell, expected: Expectation, outcome: Outcome | None, verdict: Verdict, reason: str, **evidence: Any
    ) -> CellRecord:
        """The record of a cell; ``evidence`` are the other fields, as far as there is any."""
        return cls(
            source=cell.source,
            destination=cell.destination,
            port=cell.port,
            protocol=cell.protocol,
            family=cell.family,
            path=cell.path,
            address=cell.address,
            via=cell.via,
            expected=expected,
            outcome=outcome,
            verdict=verdict,
            reason=reason,
            **evidence,
        )


def cell_of(record: CellRecord | WatchedCell) -> Cell:
    """The cell without what was measured of it."""
    return Cell(
        source=record.source,
        destination=record.destination,
        port=record.port,
        protocol=record.protocol,
        family=record.family,
        path=record.path,
        address=record.address,
        via=record.via,
    )


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A policy that was in force in a step. ``name`` is what ``CellRecord.decided_by`` calls it.

    ``manifest`` is the object as the scenario has it, in logical namespaces; in the cluster it was in the actual ones
    (``ScenarioRecord.namespaces``). ``changed``: this step applied it.
    """

    name: str
    kind: str
    manifest: dict[str, Any]
    changed: bool = False


@dataclass(frozen=True, slots=True)
class SamplingRecord:
    """How exact the times of a step's cells are, in seconds.

    ``interval`` and ``longest``: from an attempt of a cell that did not match yet to its next one, the median and the
    maximum (None: every cell matched at once). ``clock_error`` bounds the error of bringing the agents' clocks to the
    orchestrator's, ``lag`` is how late a prober woke at worst.
    """

    interval: float | None
    longest: float | None
    clock_error: float
    lag: float


@dataclass(frozen=True, slots=True)
class EnforcementRecord:
    """How long after the acknowledgement one kind of change was enforced: quantiles over its cells, in seconds.

    ``cells`` were changed in this way; ``topology`` is where their ends are, empty for all of them together. The
    quantiles are of the ``timed`` cells (None without one), each by the first attempt that saw the change, and so never
    too small. ``never`` cells did not match in time, or not in the end; ``untimed`` ones have no time, because agents
    had too little CPU to tell it, or because they are inconclusive.
    """

    change: Change
    topology: Topology
    cells: int
    timed: int
    never: int
    untimed: int
    p50: float | None
    p90: float | None
    p99: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class StartedPodRecord:
    """A pod of a start race. ``seconds``: how long anything got through (0: nothing ever did), to one interval of
    attempts, or, where it is allowed, how long it took until something did (None: nothing did).

    From the pod's first instant on (``StartRaceRecord.source`` is the pod), from when its address was known (it is the
    destination), or from when its labels were changed. ``packets`` of ``attempts`` got through. ``reused``: another pod
    had given up its address just before.
    """

    name: str
    node: str
    address: str
    seconds: float | None
    packets: int
    attempts: int
    reused: bool = False


@dataclass(frozen=True, slots=True)
class StartRaceRecord:
    """The first moments of new pods, to or from one port over one family: those on the peer's node, those on others, or
    all where the peer is outside.

    The pods together are called ``namespace/name@topology``. ``limit``: seconds that are accepted (None: any);
    ``interval`` is that of attempts; ``p50``, ``p99`` and ``longest`` are of the pods' seconds, by nearest rank.
    """

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family
    topology: Topology
    expected: Expectation
    limit: float | None
    interval: float
    p50: float | None
    p99: float | None
    longest: float | None
    pods: list[StartedPodRecord] = field(default_factory=list)


@dataclass(slots=True)
class StepRecord:
    """A step: what was changed, how long enforcement took, and its cells in plan order.

    ``acknowledged`` is when the API server acknowledged the last change. ``converge_seconds`` runs from there to
    the first instant at which every cell matched (None: never), ``confirm_seconds`` is the confirmation's length.
    ``line``: where the step begins in the scenario's file.
    ``policies`` are all those in force after the changes. ``enforcement`` has the cells that the changes turned, by
    kind and by where their ends are; ``sampling`` says how exact that is. ``slowed``: so many cells were confirmed
    again more slowly, because an agent had too little CPU for what it saw to be believed.
    """

    name: str
    description: str
    changes: list[str]
    acknowledged: str | None
    change_seconds: float
    converge_seconds: float | None
    confirm_seconds: float
    seconds: float
    cells: Sequence[CellRecord]
    problems: list[str] = field(default_factory=list)
    completed: bool = True
    line: int | None = None
    policies: list[PolicyRecord] = field(default_factory=list)
    start_race: list[StartRaceRecord] = field(default_factory=list)
    enforcement: list[EnforcementRecord] = field(default_factory=list)
    sampling: SamplingRecord | None = None
    slowed: int = 0


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


@dataclass(slots=True)
class NodeRecord:
    """A node as NodeStatus.nodeInfo describes it; ``used``: pods of the run may be placed on it."""

    name: str
    kubelet: str = ""
    kernel: str = ""
    os_image: str = ""
    runtime: str = ""
    used: bool = True


@dataclass(slots=True)
class ClusterRecord:
    """Where the run took place. ``families``: of the nodes' pod CIDRs; empty where the cluster does not say.

    ``network_plugins`` are hints from well-known DaemonSets (``calico v3.29.1``); ``node_facts`` has one line a node.
    """

    server: str
    version: str
    nodes: list[str]
    families: list[Family] = field(default_factory=list)
    network_plugins: list[str] = field(default_factory=list)
    node_facts: list[NodeRecord] = field(default_factory=list)


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
class KnownFailureRecord:
    """An entry of a list of known failures, and what became of it: of ``steps`` that it is about ``matched`` cells, of
    which so many failed, passed, or could not be judged.

    ``entry`` is what it is about, ``place`` where it is written.
    """

    entry: str
    reason: str
    place: str = ""
    steps: int = 0
    matched: int = 0
    failed: int = 0
    passed: int = 0
    inconclusive: int = 0

    @property
    def is_outdated(self) -> bool:
        """Whether it passes now."""
        return bool(self.passed) and not self.failed and not self.inconclusive

    @property
    def is_unused(self) -> bool:
        """Whether what it is about was run, and it has no cell of that."""
        return bool(self.steps) and not self.matched


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
