"""Findings for people: by file, in aligned columns, what to do below."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final, TypeAlias

from probe.lint.finding import Finding, Level

Paint: TypeAlias = Callable[[str, Level], str]
"""Colours a text by a level, or does not."""

_NARROW: Final = 40


def plain(text: str, level: Level) -> str:
    """Without colours."""
    return text


_COLOURS: Final = {Level.ERROR: "31", Level.WARNING: "33", Level.INFO: "36"}


def coloured(text: str, level: Level) -> str:
    """For terminals."""
    return f"\x1b[{_COLOURS[level]}m{text}\x1b[0m"


def text_lines(findings: Sequence[Finding], paint: Paint = plain, width: int = 0) -> Iterator[str]:
    """A heading for each file; for each finding its place, level, rule and message, and the hint below. ``width`` 0:
    not wrapped, for files and pipes."""
    places = max((len(_place(each)) for each in findings), default=0)
    rules = max((len(each.rule) for each in findings), default=0)
    indent = " " * (2 + places + 2 + len(Level.WARNING) + 2 + rules + 2)
    for file, group in groupby(findings, key=lambda each: each.location.file):
        yield file
        for each in group:
            head = f"  {_place(each):<{places}}  {paint(f'{each.level:<7}', each.level)}  {each.rule:<{rules}}  "
            first, *more = _wrap(each.message, width - len(indent))
            yield head + first
            yield from (indent + line for line in more)
            for number, line in enumerate(_wrap(each.hint, width - len(indent) - 3) if each.hint else ()):
                yield f"{indent}{'   ' if number else '-> '}{line}"


def _place(finding: Finding) -> str:
    return f"{finding.location.line}:{finding.location.column}"


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) if width > _NARROW else [text]


def counts_text(findings: Sequence[Finding]) -> str:
    """``2 errors, 1 warning``; ``nothing found`` without any."""
    counts = Counter(each.level for each in findings)
    words = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "info"}
    said = [
        f"{counts[level]} {word}{'s' if counts[level] > 1 and level is not Level.INFO else ''}"
        for level, word in words.items()
        if counts[level]
    ]
    return ", ".join(said) or "nothing found"
