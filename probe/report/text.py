"""Small pieces of text that every format shares: safe words, numbers with units, wrapping, colour.

What stands in a record may come from a cluster that nobody vouches for. ``safe`` keeps it from steering the
terminal that shows it, or from breaking an XML document.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

NO_BREAK = "\xa0"
"""A space at which ``wrapped`` does not break a line."""

# Controls, lone surrogates, unassigned code points (all of XML's forbidden ones are among these three),
# line and paragraph separators, and invisible format characters, which can reverse a line's reading order.
_HOSTILE = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp", "Cf"})


def safe(text: str) -> str:
    """``text`` as one printable line; whatever is not printable is spelt as a Python escape (``\\x1b``)."""
    if text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii") if unicodedata.category(char) in _HOSTILE else char
        for char in text
    )


def one_line(text: str) -> str:
    """``text``, which may have several lines, as one printable line."""
    return safe(" ".join(text.split()))


def plural(number: int, noun: str, many: str = "") -> str:
    """``1 cell``, ``2 cells``."""
    return f"{number} {noun}" if number == 1 else f"{number} {many or noun + 's'}"


def duration(seconds: float) -> str:
    """Seconds as people say them: ``0.8 ms``, ``120 ms``, ``1.7 s``, ``2 min 3 s``."""
    if seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    return f"{round(seconds) // 60} min {round(seconds) % 60} s"


def moment(text: str) -> str:
    """``2026-11-20 10:00:00 UTC``; as it is where it is no RFC 3339 time."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S %Z}".rstrip()
    except ValueError:
        return text


def columns(text: str) -> int:
    """How many terminal columns a line takes: East Asian wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(char) else 2 if _is_wide(char) else 1 for char in text)


def _is_wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def wrapped(text: str, width: int, indent: str = "", hanging: str | None = None) -> list[str]:
    """Lines of at most ``width`` columns; names are never broken, so that they can be copied and searched."""
    limit, lines = max(width, 20), []
    line, empty = indent, True
    text = re.sub(r"(?<=\d) (?=\w)", NO_BREAK, text)  # "1.5 s" and "2 leaks" stay together
    for blanks, word in re.findall("( *)([^ ]+)", text):
        gap = "" if empty else blanks
        for part in _parts(word):
            if not empty and columns(line) + len(gap) + columns(part) > limit:
                lines.append(line)
                line, gap = indent if hanging is None else hanging, ""
            line, gap, empty = f"{line}{gap}{part}", "", False
    return [each.replace(NO_BREAK, " ") for each in [*lines, *([] if empty else [line])]]


def _parts(word: str) -> Iterator[str]:
    """Where a word may be broken: beside each wide character, since such scripts have no blanks between words."""
    if word.isascii():
        yield word
        return
    for wide, run in itertools.groupby(word, key=_is_wide):
        together = "".join(run)
        yield from together if wide else (together,)


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns; the middle goes, because names differ at their ends."""
    if columns(text) <= width:
        return text
    head = (width - 2) // 2
    return f"{_fitting(text, head)}..{_fitting(text[::-1], width - 2 - head)[::-1]}"


def _fitting(text: str, width: int) -> str:
    """As much of the beginning as there are columns."""
    if text.isascii():
        return text[:width]
    taken = itertools.accumulate(map(columns, text))
    return "".join(char for char, used in zip(text, taken, strict=True) if used <= width)


def command(line: str, width: int, indent: str) -> list[str]:
    """A shell command, continued after ``--`` with a backslash when too wide: still one copy and paste."""
    line = safe(line)
    head, separator, tail = line.partition(" -- ")
    if len(indent) + len(line) <= width or not separator:
        return [indent + line]
    return [f"{indent}{head} -- \\", f"{indent}    {tail}"]


_CODES = {"red": "1;31", "yellow": "33", "green": "32", "cyan": "36", "bold": "1", "dim": "2"}


@dataclass(frozen=True, slots=True)
class Paint:
    """ANSI colours, or none. Colour only ever repeats what the characters say already."""

    enabled: bool = False

    def __call__(self, text: str, colour: str) -> str:
        """``text`` in one of ``red``, ``yellow``, ``green``, ``cyan``, ``bold``, ``dim``; empty means as it is."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.enabled and colour and text else text
