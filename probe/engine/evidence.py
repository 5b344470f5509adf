"""From a cell's track to its record: who asked whom, what the responder says, the verdict and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address

from probe.engine.agent import Agent, Sample
from probe.engine.agents import Agents
from probe.engine.computed import StepOracle
from probe.engine.judge import Evidence, judge
from probe.engine.routes import NOT_OURS, Route
from probe.engine.starvation import starved
from probe.engine.track import Track
from probe.model.cell import Cell, Outcome, Path, Verdict
from probe.model.record import CellRecord, Change, DecisionRecord, Receipt, Topology

_NEVER_ARRIVED, _UNASKED = Receipt(False), Receipt(None)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was asked after the confirmation. ``arrived``: nonce -> source; ``troubles``: by cell, empty when fine."""

    arrived: Mapping[str, str]
    troubles: Mapping[Cell, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A cell's record, and the evidence that its verdict was judged by."""

    cell: Cell
    evidence: Evidence
    record: CellRecord


def topology_of(cell: Cell, source: Agent | None, destination: Agent | None) -> Topology:
    """Where the two ends are, relative to each other; unknown once a pod is gone."""
    if cell.path in (Path.EXTERNAL, Path.DNS):
        return Topology.OUTSIDE
    if source is None or destination is None:
        return Topology.UNKNOWN
    same = source.running.node == destination.running.node
    return Topology.SAME_NODE if same else Topology.CROSS_NODE


def _own_address(cell: Cell, destination: Agent | None, route: Route | None) -> str | None:
    """The destination's own address, whatever was dialled to get there."""
    if destination is not None:
        return destination.running.addresses.get(cell.family)
    return cell.address or (route.address if route and cell.path is Path.DNS else None)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes the records of a step's cells. ``program`` is how the agent's is called in its container,
    ``oracle`` knows what the step's policies say."""

    agents: Agents
    kubectl: str
    program: str
    confirm_timeout: float
    oracle: StepOracle | None = None

    def judge(
        self, track: Track, control: bool, findings: Findings | None, change: Change = Change.NONE, late: str = ""
    ) -> Judged:
        """Judge a cell and write its record. ``findings`` is None when the step was cut short before confirming.

        ``late``: what was later than the run tolerates.
        """
        cell = track.planned.cell
        sample = track.confirmed if findings is not None else None
        receipt = self._receipt(cell, sample, findings)
        evidence = self._evidence(track, sample, control, receipt, findings, late)
        return Judged(cell, evidence, self._record(track, evidence, receipt, change))

    def judge_again(self, judged: Judged) -> CellRecord:
        """The record of a cell with the verdict that its evidence carries now."""
        record = judged.record
        judgement = judge(record.expected, judged.evidence)
        return replace(
            record,
            verdict=judgement.verdict,
            reason=judgement.reason,
            control=judged.evidence.control,
            repeat="" if judgement.verdict is Verdict.PASS else self._repeat(judged.cell, self._route(judged.cell)),
        )

    def _record(self, track: Track, evidence: Evidence, receipt: Receipt | None, change: Change) -> CellRecord:
        cell = track.planned.cell
        judgement = judge(track.planned.expectation, evidence)
        passed = judgement.verdict is Verdict.PASS
        last = track.last
        connected = last is not None and last.outcome is Outcome.CONNECTED
        source = self.agents.by_pod.get(cell.source)
        destination = self.agents.by_pod.get(cell.destination)
        route = None if passed and cell.path is not Path.DNS else self._route(cell)
        return CellRecord.of(
            cell,
            track.planned.expectation,
            last.outcome if last else None,
            judgement.verdict,
            judgement.reason,
            topology=topology_of(cell, source, destination),
            latency=round(last.seconds, 6) if last and connected else None,
            attempts=track.attempts,
            matched_after=_rounded(track.matched_after),
            missed_at=_rounded(track.missed_at),
            untimed=track.doubt,
            flaps=track.flaps,
            change=change,
            control=evidence.control,
            source_node=source.running.node if source else None,
            destination_node=destination.running.node if destination else None,
            source_address=source.running.addresses.get(cell.family) if source else None,
            destination_address=_own_address(cell, destination, route),
            dialled=last.dialled if last else None,
            observed_source=last.observed if last else None,
            responder=last.responder if last else None,
            receipt=receipt,
            history=track.history,
            repeat="" if passed else self._repeat(cell, route),
            decision=self._decision(cell, judgement.verdict),
            line=track.planned.line,
            decided_by=self.oracle.deciders(cell) if self.oracle is not None else [],
        )

    def _decision(self, cell: Cell, verdict: Verdict) -> DecisionRecord | None:
        """What the policies say, where that is asked; what is inconclusive may become a mismatch by a later control."""
        doubtful = verdict.is_mismatch or verdict is Verdict.INCONCLUSIVE
        return self.oracle.record(cell) if self.oracle is not None and doubtful else None

    def _route(self, cell: Cell) -> Route | None:
        """Where the cell is dialled now, if it can be."""
        route = self.agents.route(cell) if cell.source in self.agents.by_pod else None
        return None if isinstance(route, Sample) else route

    def _receipt(self, cell: Cell, sample: Sample | None, findings: Findings | None) -> Receipt | None:
        """Receipts are asked for where the prober saw no answer; who is no pod of the fleet keeps none for us."""
        if sample is None or findings is None or sample.outcome is Outcome.CONNECTED or not sample.nonce:
            return None
        if cell.path in NOT_OURS:
            return _UNASKED
        source = findings.arrived.get(sample.nonce)
        if source is not None:
            return Receipt(True, source)
        return _UNASKED if findings.troubles.get(cell) else _NEVER_ARRIVED

    def _repeat(self, cell: Cell, route: Route | None) -> str:
        source = self.agents.by_pod.get(cell.source)
        if source is None or route is None or not self.kubectl:
            return ""
        options = f"--timeout {self.confirm_timeout:g}" + (f" --query {route.query}" if route.query else "")
        return (
            f"{self.kubectl} exec -n {source.running.namespace} {source.running.name} -c agent -- "
            f"{self.program} dial {route.address} {route.port}/{cell.protocol} {options}"
        )

    def _evidence(
        self,
        track: Track,
        sample: Sample | None,
        control: bool,
        receipt: Receipt | None,
        findings: Findings | None,
        late: str,
    ) -> Evidence:
        if sample is None or findings is None:
            return Evidence(None, control=control, late=late)
        return Evidence(
            outcome=sample.outcome,
            error=sample.error,
            established=sample.established,
            control=control,
            responder_trouble=findings.troubles.get(track.planned.cell, ""),
            prober_trouble=self._prober_trouble(track, sample),
            arrived=receipt.arrived if receipt else None,
            late=late,
        )

    def _prober_trouble(self, track: Track, sample: Sample) -> str:
        """What keeps an attempt from speaking for its pod: no time to look, or packets that were not the pod's."""
        if slow := starved(sample, track.planned.expectation, self.confirm_timeout):
            return slow
        cell = track.planned.cell
        source = self.agents.by_pod.get(cell.source)
        own = source.running.addresses.get(cell.family) if source else None
        if sample.local is None or own is None or sample.local == own or cell.is_self:
            return ""
        used = ip_address(sample.local.strip("[]"))
        if used.is_unspecified:  # the kernel chose no address: the request never left, for want of a route or by a hook
            return f"{cell.source} had no route to send it" if sample.error == "ENETUNREACH" else ""
        if source and source.running.pod.host_network:
            return ""  # a node has many addresses, one for each of its networks, and all are the pod's
        return "" if used == ip_address(own) else f"it was sent from {used}, not from {cell.source}'s address {own}"
