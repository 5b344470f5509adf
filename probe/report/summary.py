"""The answer of a run, one sentence first, and what its exit code means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from probe.model.cell import ExitCode, Verdict
from probe.model.record import CellRecord, RunRecord
from probe.report.explain import label
from probe.report.findings import count_words
from probe.report.matrix import needs_explanation
from probe.report.problems import troubles
from probe.report.render import RenderOptions
from probe.report.text import Paint, duration, one_line, plural, safe, wrapped
from probe.report.watch.words import mismatch_words, watches

NOTHING_ENFORCED = "every denial leaked: it looks as if this cluster enforces no NetworkPolicy at all"
_KEEP_HINT = "run again with --keep on a cluster that stays, to repeat probes by hand: the pods are gone"
_NOUNS = {
    Verdict.LEAK: ("leak", "leaks"),
    Verdict.BLOCKED: ("blocked cell", "blocked cells"),
    Verdict.MISROUTED: ("misrouted cell", "misrouted cells"),
    Verdict.WRONG_DENIAL: ("wrong denial", "wrong denials"),
}
_VERBS = {
    Verdict.LEAK: "reached",
    Verdict.BLOCKED: "did not reach",
    Verdict.MISROUTED: "reached somebody else instead of",
    Verdict.WRONG_DENIAL: "was denied in the wrong way by",
}
_MEANINGS = {
    ExitCode.PASSED: "every cell that could be judged did what was expected",
    ExitCode.MISMATCH: "the cluster did something else than expected",
    ExitCode.USAGE: "the command line or a scenario is wrong",
    ExitCode.HARNESS: "not everything could be measured; this proves nothing about what is missing",
    ExitCode.INTERRUPTED: "interrupted; this is what was measured until then",
}


def meaning(code: int) -> str:
    """What an exit code says."""
    return _MEANINGS.get(ExitCode(code), "") if code in set(ExitCode) else "unknown"


def headline(record: RunRecord) -> str:
    """The run in one sentence."""
    cells, steps = sum(record.counts.values()), sum(len(scenario.steps) for scenario in record.scenarios)
    measured = f"{plural(cells, 'cell')} in {plural(steps, 'step')}"
    if any(verdict.is_mismatch for verdict in record.counts):
        mismatches = [cell for cell in _cells(record) if cell.verdict.is_mismatch]
        said = _mismatch_words(mismatches)
        return f"INTERRUPTED, and {said}" if record.interrupted else f"FAIL {said}"
    if bad := [watch for watch in watches(record) if watch.verdict.is_mismatch]:
        said = mismatch_words(bad)
        return f"INTERRUPTED, and {said}" if record.interrupted else f"FAIL {said}"
    if record.interrupted:
        return f"INTERRUPTED after {measured}"
    if record.exit_code == ExitCode.MISMATCH:
        outdated = [failure.entry for failure in record.known_failures if failure.is_outdated]
        return f"FAIL what is known to fail passes: {', '.join(outdated)}"
    if record.exit_code == ExitCode.PASSED:
        left = record.counts | {Verdict.PASS: 0}
        but = f" ({count_words(left)} beside them)" if any(left.values()) else ""
        return f"PASS {plural(record.counts.get(Verdict.PASS, 0), 'cell')} in {plural(steps, 'step')}{but}"
    if doubtful := record.counts.get(Verdict.INCONCLUSIVE, 0):
        return f"INCONCLUSIVE {doubtful} of {measured}"
    if not record.counts.get(Verdict.PASS):
        return "INCONCLUSIVE: not one cell was proven"
    return f"INCONCLUSIVE: {measured} measured, but {plural(sum(1 for _ in troubles(record)), 'problem')} seen"


def summary_lines(record: RunRecord, options: RenderOptions) -> list[str]:
    """Answer, problems, counts, time, files and the exit code's meaning."""
    paint = Paint(options.colour)
    colour = {ExitCode.PASSED: "green", ExitCode.MISMATCH: "red"}.get(ExitCode(record.exit_code), "yellow")
    lines = [paint(line, colour) for line in wrapped(headline(record), options.width, hanging="  ")]
    for trouble in troubles(record):
        lines += [paint(line, "yellow") for line in wrapped(f"! {one_line(str(trouble))}", options.width, "  ", "    ")]
    for note in record.notes:
        lines += wrapped(f"note: {one_line(note)}", options.width, "  ", "    ")
    facts = [count_words(record.counts), duration(record.seconds)]
    if record.run:  # a run that never got as far as a cluster has no id
        facts.append(f"run {safe(record.run)} on {safe(record.cluster.server)} ({safe(record.cluster.version)})")
    lines += wrapped("; ".join(facts), options.width, "  ", "  ")
    if enforces_nothing(record):
        lines += wrapped(NOTHING_ENFORCED, options.width, "  ", "  ")
    if record.kept:
        keep = f"kept as the last step left it; to remove it: cni-probe clean --run {safe(record.run)}"
        lines += wrapped(keep, options.width, "  ", "  ")
    lines += [f"  written: {safe(file)} ({format})" for file, format in options.files]
    for hint in _next(record, {format: file for file, format in options.files}):
        lines += wrapped(f"next: {hint}", options.width, "  ", "    ")
    lines += wrapped(f"exit code {record.exit_code}: {meaning(record.exit_code)}", options.width, "  ", "  ")
    return lines


def _next(record: RunRecord, files: Mapping[str, str]) -> Iterator[str]:
    """What helps whoever has to find out why a cell is not as expected. ``files``: by format."""
    if not any(verdict.is_mismatch or verdict is Verdict.INCONCLUSIVE for verdict in record.counts):
        return
    if "html" in files:
        yield f"look at {safe(files['html'])}, which has the evidence of each cell"
    elif "json" in files:
        yield f"cni-probe report {safe(files['json'])} -o html=run.html, to look at the evidence of each cell"
    else:
        yield "run again with -o html=run.html, to look at the evidence of each cell"
    if not record.kept and any(cell.outcome is not None and needs_explanation(cell) for cell in _cells(record)):
        yield _KEEP_HINT


def enforces_nothing(record: RunRecord) -> bool:
    """Whether there were denials to enforce and each of them leaked."""
    if not record.counts.get(Verdict.LEAK):
        return False
    denials = (cell for cell in _cells(record) if cell.expected.denies and cell.verdict is not Verdict.UNSUPPORTED)
    return all(cell.verdict is Verdict.LEAK for cell in denials)


def _cells(record: RunRecord) -> Iterator[CellRecord]:
    return (cell for scenario in record.scenarios for step in scenario.steps for cell in step.cells)


def _mismatch_words(cells: list[CellRecord]) -> str:
    """``2 leaks, 1 blocked cell: development/backend reached production/frontend on 443/TCP and 1 more``."""
    counts = Counter(cell.verdict for cell in cells)
    kinds = ", ".join(
        f"{counts[verdict]} {_NOUNS[verdict][counts[verdict] > 1]}" for verdict in _NOUNS if counts[verdict]
    )
    worst = min(cells, key=lambda cell: list(_NOUNS).index(cell.verdict))
    source, _, destination = label(worst).partition(" -> ")
    target, _, port = destination.rpartition(f" {worst.port}/{worst.protocol}")
    first = f"{source} {_VERBS[worst.verdict]} {target} on {worst.port}/{worst.protocol}{port}"
    return f"{kinds}: {first}" + (f", and {len(cells) - 1} more" if len(cells) > 1 else "")
