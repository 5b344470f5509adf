"""Small pieces of text that every format shares: safe words, numbers with units, wrapping, colour.

What stands in a record may come from a cluster that nobody vouches for. ``safe`` keeps it from steering the
terminal that shows it, or from breaking an XML document.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from dataclasses import dataclass

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


def columns(text: str) -> int:
    """How many terminal columns a line takes: East Asian wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def wrapped(text: str, width: int, indent: str = "", hanging: str | None = None) -> list[str]:
    """Lines of at most ``width`` columns; names are never broken, so that they can be copied and searched."""
    lines = textwrap.wrap(
        re.sub(r"(?<=\d) (?=\w)", NO_BREAK, text),  # "1.5 s" and "2 leaks" stay together
        width=max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent if hanging is None else hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(NO_BREAK, " ") for line in lines]


def shortened(text: str, width: int) -> str:
    """``text`` in at most ``width`` characters; the middle goes, because names differ at their ends."""
    if len(text) <= width:
        return text
    head = (width - 2) // 2
    return f"{text[:head]}..{text[len(text) - (width - 2 - head) :]}"


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
