"""ASCII truth tables: another way to write the rules of an expectation.

    80/TCP     a/web  a/db  external/vault
    a/web      .      X     .
    a/db       X      .     ?

The first line has the ports (``*``: all) and the destinations, each other line a source and a word for each
destination. An empty line ends a table; the next line begins another one, for other ports or names. ``|`` and
lines of dashes may be drawn in and mean nothing; ``#`` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from probe.model.cell import Expectation, Stated
from probe.scenario.format.expect import STATED
from probe.scenario.suggest import suggest

Mistake: TypeAlias = tuple[str, str]

WORDS: dict[str, Stated] = {
    ".": Expectation.ALLOW,
    "X": Expectation.DENY,
    "x": Expectation.DENY,
    "?": Expectation.EITHER,
    **{str(word): word for word in STATED},
}
NOT_STATED = "-"


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the table, and its line and column in the text (from 0)."""

    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One stated cell of a table."""

    ports: Token
    source: Token
    destination: Token
    verdict: Stated
    word: Token


@dataclass(frozen=True, slots=True)
class Table:
    """The stated cells, all names and port lists that occur, and the mistakes of the text with their positions."""

    entries: tuple[Entry, ...]
    sources: tuple[Token, ...]
    destinations: tuple[Token, ...]
    ports: tuple[Token, ...]
    mistakes: tuple[tuple[Token, Mistake], ...]


def parse_table(text: str) -> Table:
    """Read a table. Mistakes are returned, never raised."""
    table = _Reader()
    for line in _lines(text):
        table.take(line)
    if table.header and not table.rows:
        table.mistakes.append((table.header[0], ("the table has no row", "write a line for each source")))
    if not table.entries and not table.mistakes:
        table.mistakes.append((Token("", 0, 0), ("the table states nothing", "")))
    return Table(
        tuple(table.entries), tuple(table.sources), tuple(table.destinations), tuple(table.ports), tuple(table.mistakes)
    )


def _lines(text: str) -> Iterator[list[Token]]:
    for number, raw in enumerate(text.splitlines()):
        line = raw.partition("#")[0].replace("|", " ")
        if line.strip() and not line.strip(" -=+:"):
            # a line of dashes is a ruler; a single dash alone cannot be a row
            continue
        yield [Token(match[0], number, match.start()) for match in re.finditer(r"\S+", line)]


class _Reader:
    def __init__(self) -> None:
        self.header: list[Token] = []
        self.rows = 0
        self.entries: list[Entry] = []
        self.sources: list[Token] = []
        self.destinations: list[Token] = []
        self.ports: list[Token] = []
        self.mistakes: list[tuple[Token, Mistake]] = []
        self._seen: set[tuple[str, str, str]] = set()

    def take(self, line: list[Token]) -> None:
        if not line:
            if self.rows:
                self.header = []
            return
        if not self.header:
            self._begin(line)
        else:
            self._row(line)

    def _begin(self, line: list[Token]) -> None:
        self.header, self.rows = line, 0
        self.ports.append(line[0])
        self.destinations += line[1:]
        if len(line) == 1:
            hint = "write ports (or *) and the destinations: 80/TCP  production/web  external/vault"
            self.mistakes.append((line[0], ("the table's first line has no destination", hint)))

    def _row(self, line: list[Token]) -> None:
        self.rows += 1
        source, words, destinations = line[0], line[1:], self.header[1:]
        self.sources.append(source)
        if len(words) != len(destinations):
            message = f"{len(words)} words for {len(destinations)} destinations"
            self.mistakes.append((source, (message, "write - where nothing is stated")))
        for destination, word in zip(destinations, words, strict=False):
            self._cell(source, destination, word)

    def _cell(self, source: Token, destination: Token, word: Token) -> None:
        if word.text == NOT_STATED:
            return
        if word.text not in WORDS:
            hint = suggest(word.text, STATED) if len(word.text) > 2 else ""
            self.mistakes.append(
                (word, (f'"{word.text}" is not a word of truth tables', hint or ". X ? - or a verdict"))
            )
            return
        key = self.header[0].text, source.text, destination.text
        if key in self._seen:
            self.mistakes.append((word, (f"{source.text} -> {destination.text} is stated twice", "")))
        self._seen.add(key)
        self.entries.append(Entry(self.header[0], source, destination, WORDS[word.text], word))
