"""A cell with its verdict, and the evidence for it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from probe.model.cell import Cell, Expectation, Family, Outcome, Path, Protocol, Verdict, Via
from probe.model.watch import WatchedCell


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
