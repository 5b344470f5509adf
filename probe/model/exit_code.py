"""The rule that turns a run's verdicts into its exit code.

It lives with the types because the engine announces the code and reports explain it: one rule, one place.
"""

from __future__ import annotations

from collections.abc import Mapping

from probe.model.cell import ExitCode, Verdict


def exit_code(
    counts: Mapping[Verdict, int], interrupted: bool = False, problems: bool = False, outdated: bool = False
) -> ExitCode:
    """The exit code of a run; the first line that applies decides.

    ``counts`` is the number of cells by verdict, over the whole run; ``problems`` says that something went wrong
    beside the cells: a problem was reported, a scenario or a step is incomplete; ``outdated`` that a known failure
    passes, where that is to count.

    ========================================================  ===
    interrupted                                               130
    a mismatch (a proven leak stays the answer, whatever
    else could not be measured), or a list of known failures
    that is outdated                                            1
    an inconclusive cell, or problems                           3
    not one cell passed: a run that proved nothing must
    never be green                                              3
    otherwise                                                   0
    ========================================================  ===
    """
    if interrupted:
        return ExitCode.INTERRUPTED
    if outdated or any(number for verdict, number in counts.items() if verdict.is_mismatch):
        return ExitCode.MISMATCH
    if problems or counts.get(Verdict.INCONCLUSIVE, 0) or not counts.get(Verdict.PASS, 0):
        return ExitCode.HARNESS
    return ExitCode.PASSED
