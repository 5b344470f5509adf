"""The letters of a matrix. They read without colour and differ in shape, not only in case.

A cell that did what was expected shows what was seen; one that did not shows its verdict, so that the eye finds
the few capital letters that matter among dots and crosses.
"""

from __future__ import annotations

from collections.abc import Iterable

from probe.model.cell import Expectation, Outcome, Verdict
from probe.model.record import CellRecord
from probe.report.text import NO_BREAK

ABSENT = "_"
MIXED = "~"

_EXPECTED = {
    Expectation.ALLOW: ".",
    Expectation.DENY: "X",
    Expectation.DROP: "D",
    Expectation.REJECT: "R",
    Expectation.EITHER: "?",
}
_VERDICT = {
    Verdict.LEAK: "L",
    Verdict.BLOCKED: "B",
    Verdict.MISROUTED: "M",
    Verdict.WRONG_DENIAL: "W",
    Verdict.KNOWN: "K",
    Verdict.INCONCLUSIVE: "!",
    Verdict.UNSUPPORTED: "-",
    Verdict.UNDEFINED: "?",
}
_COLOUR = dict.fromkeys("LBMW", "red") | dict.fromkeys("K!?-", "yellow") | {".": "green", "X": "cyan", "R": "cyan"}

EXPECTED_MEANINGS = {
    ".": "allow",
    "X": "deny",
    "D": "drop",
    "R": "reject",
    "?": "either",
    MIXED: "not all the same",
    ABSENT: "not tried",
}
OBSERVED_MEANINGS = {
    ".": "connected",
    "X": "no answer",
    "R": "rejected",
    "L": "LEAK",
    "B": "BLOCKED",
    "M": "MISROUTED",
    "W": "WRONG DENIAL",
    "K": "known failure",
    "!": "INCONCLUSIVE",
    "?": "undefined",
    "-": "unsupported",
    MIXED: "not all the same",
    ABSENT: "not tried",
}
WORST_FIRST = "LBMWK!-?"
GLYPHS = {".": "→", "X": "×", "R": "⊗", "D": "×"}
"""How pages draw symbols that mean no deviation; the others are letters there, too."""


def expected_symbol(cell: CellRecord) -> str:
    """What the scenario expects of the cell."""
    return _EXPECTED[cell.expected]


def observed_symbol(cell: CellRecord) -> str:
    """What was seen where that is fine, the verdict's letter where it is not."""
    if cell.verdict is not Verdict.PASS:
        return _VERDICT[cell.verdict]
    if cell.outcome is Outcome.CONNECTED:
        return "."
    return "R" if cell.outcome is not None and cell.outcome.is_rejection else "X"


def fold_lanes(symbols: Iterable[str | None]) -> str:
    """One symbol per port in a row, or a single one when all that were tried agree; empty when none was."""
    lanes = list(symbols)
    tried = {symbol for symbol in lanes if symbol is not None}
    if len(tried) <= 1:
        return "".join(tried)
    return "".join(ABSENT if symbol is None else symbol for symbol in lanes)


def fold_many(symbols: Iterable[str]) -> str:
    """Many cells in one place: the bad letters if there are any, else the common symbol, else ``~``."""
    found = set(symbols)
    bad = "".join(symbol for symbol in WORST_FIRST if symbol in found)
    if bad and found != {bad}:
        return bad + MIXED if found - set(bad) else bad
    return "".join(found) if len(found) <= 1 else MIXED


def colour_of(symbol: str) -> str:
    """The colour's name, or nothing."""
    return _COLOUR.get(symbol, "")


def legend(expected: Iterable[str], observed: Iterable[str]) -> list[str]:
    """What the symbols that occur mean, one line for each side that is shown."""
    lines = []
    for name, symbols, words in (("expected", expected, EXPECTED_MEANINGS), ("observed", observed, OBSERVED_MEANINGS)):
        used = set("".join(symbols))
        if used:
            lines.append(
                f"{name}: " + "  ".join(f"{symbol}{NO_BREAK}{word}" for symbol, word in words.items() if symbol in used)
            )
    return lines
