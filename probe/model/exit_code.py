"""The rule that turns a run's verdicts into its exit code.

It lives with the types because the engine announces the code and reports explain it: one rule, one place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from probe.model.cell import ExitCode, Verdict
from probe.model.record import RunRecord


def exit_code(
    counts: Mapping[Verdict, int],
    interrupted: bool = False,
    problems: bool = False,
    outdated: bool = False,
    watched: Collection[Verdict] = (),
) -> ExitCode:
    """The exit code of a run; the first line that applies decides.

    ``counts`` is the number of cells by verdict, over the whole run; ``problems`` says that something went wrong
    beside the cells: a problem was reported, a scenario or a step is incomplete; ``outdated`` that a known failure
    passes, where that is to count. ``watched``: the verdicts of watches.

    ========================================================  ===
    interrupted                                               130
    a mismatch of a cell or of a watch (a proven leak stays
    the answer, whatever else could not be measured), or a
    list of known failures that is outdated                     1
    an inconclusive cell or watch, or problems                  3
    not one cell passed: a run that proved nothing must
    never be green                                              3
    otherwise                                                   0
    ========================================================  ===
    """
    if interrupted:
        return ExitCode.INTERRUPTED
    seen = {verdict for verdict, number in counts.items() if number} | {*watched}
    if outdated or any(verdict.is_mismatch for verdict in seen):
        return ExitCode.MISMATCH
    if problems or Verdict.INCONCLUSIVE in seen or not counts.get(Verdict.PASS, 0):
        return ExitCode.HARNESS
    return ExitCode.PASSED


def record_exit_code(record: RunRecord, *, problems: bool, outdated: bool = False) -> ExitCode:
    """The exit code of a run as its record tells it, but for ``problems`` and ``outdated``."""
    watched = {scenario.watch.verdict for scenario in record.scenarios if scenario.watch is not None}
    return exit_code(record.counts, record.interrupted, problems, outdated, watched)
