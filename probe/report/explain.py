"""Says in sentences why a cell has its verdict: the reason, what came, by which way, what the other end saw."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from probe.model.cell import Outcome
from probe.model.record import CellRecord, cell_of
from probe.report.text import duration, plural, safe


def label(record: CellRecord) -> str:
    """The cell as one line that no other cell of the step shares."""
    return safe(str(cell_of(record)))


def explain(record: CellRecord, names: Mapping[str, str] | None = None) -> list[str]:
    """Sentences about one cell: the reason of its verdict, then the evidence. ``names``: ids of pods by UID."""
    evidence = [_observed(record), _way(record), _receipt(record), _responder(record, names or {})]
    sentences = [record.reason, *evidence, _decision(record)]
    return [safe(sentence) for sentence in sentences if sentence]


def _decision(record: CellRecord) -> str:
    """What the policies say of it."""
    return f"by the policies: {record.decision.sentence}" if record.decision is not None else ""


def _observed(record: CellRecord) -> str:
    """Outcome and attempts: ``expected deny, observed connected in 0.8 ms; 3 attempts, all connected``."""
    expected = f"expected {record.expected}"
    text = "" if expected in record.reason else f"{expected}, "
    text += f"observed {record.outcome or 'nothing'}"
    if record.outcome is Outcome.CONNECTED and record.latency is not None:
        text += f" in {duration(record.latency)}"
    if record.attempts:
        text += f"; {plural(record.attempts, 'attempt')}{_runs(record)}"
    if record.flaps:
        text += f"; matched and was lost again {plural(record.flaps, 'time')}"
    return text


def _runs(record: CellRecord) -> str:
    """The attempts' outcomes in order, counted if all are known: ``: 2 timed-out, then 1 connected``."""
    runs = [(outcome, sum(1 for _ in run)) for outcome, run in groupby(attempt.outcome for attempt in record.history)]
    errors = sorted({attempt.error for attempt in record.history if attempt.error})
    said = f" ({', '.join(errors)})" if errors else ""
    if len(runs) == 1:
        return f", all {runs[0][0]}{said}" if record.attempts > 1 else said
    counted = len(record.history) == record.attempts  # else the history leaves out what is like its neighbours
    words = [f"{number} {outcome}" if counted else str(outcome) for outcome, number in runs]
    return (": " if runs else "") + ", then ".join(words) + said


def _way(record: CellRecord) -> str:
    """Addresses and nodes of both ends."""
    if not record.source_address and not record.destination_address:
        return ""
    source, destination = record.source_node, record.destination_node
    where = " (same node)" if source and source == destination else ""
    return f"from {_end(record.source_address, source)} to {_end(record.destination_address, destination)}{where}"


def _end(address: str | None, node: str | None) -> str:
    return f"{address or 'an unknown address'}{f' on {node}' if node else ''}"


def _receipt(record: CellRecord) -> str:
    """What the responder says of the last attempt; an arrived request without an answer is a lost reply."""
    receipt = record.receipt
    if receipt is None:
        return ""
    if receipt.arrived is None:
        return "the responder could not be asked whether the request arrived"
    if not receipt.arrived:
        return "the responder's receipts: the request never arrived"
    came = "the responder's receipts: the request arrived"
    source = receipt.source or record.observed_source
    if source:
        came += f", from {source}"
    lost = record.outcome is Outcome.TIMED_OUT
    return came + ("; the reply was lost" if lost else "")


def _responder(record: CellRecord, names: Mapping[str, str]) -> str:
    """Who answered, where it was somebody else; the source as the responder saw it, where no receipt says it."""
    if record.outcome is Outcome.WRONG_RESPONDER:
        responder = record.responder or "something that is no agent"
        return f"answered by {names.get(responder, responder)}"
    if record.observed_source and record.receipt is None:
        return f"the responder saw it come from {record.observed_source}"
    return ""
