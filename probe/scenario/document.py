"""YAML documents as plain values beside the position of every key and value.

Errors about a scenario are only useful with file, line and column, and they come from several passes (YAML,
structure, meaning), so a value is called by its path in the document (a ``Place``) and looked up when needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from probe.model.errors import Location, Problem

FieldPath: TypeAlias = tuple[str | int, ...]
"""Keys and indices from a document's root to a value."""

Mark: TypeAlias = tuple[int, int]
"""Line and column, from 1."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something at ``path`` that YAML readers take differently. ``duplicate``: a key that was written before."""

    path: FieldPath
    problem: Problem
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value (dict, list, str, int, float, bool, None) and where each part was written.

    A part may come from another file (see ``shared``), so every mark has its own. ``doubts`` are left to whoever reads
    the fields; only tolerant reading has any. ``written`` is for parts that were moved or copied (see ``matrix``): the
    path in the file by the path here, for what is at it and below it. ``digest``: SHA-256 of the file as it was read,
    in hexadecimal.
    """

    file: str
    value: Any
    keys: Mapping[FieldPath, Location]
    values: Mapping[FieldPath, Location]
    literals: Mapping[FieldPath, Location] = field(default_factory=dict)  # where the text of ``|`` blocks begins
    start: Mark = (1, 1)
    doubts: tuple[Doubt, ...] = ()
    digest: str = ""
    written: Mapping[FieldPath, FieldPath] = field(default_factory=dict)

    def written_at(self, path: FieldPath) -> FieldPath:
        """The path that a part has in the file."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.written:
                return self.written[path[:length]] + path[length:]
        return path

    @property
    def root(self) -> Place:
        """The document as a place."""
        return Place(self, ())

    def with_alias(self, path: FieldPath, alias: FieldPath) -> Document:
        """The document with what was written at ``path`` found at ``alias`` as well."""

        def also(marks: Mapping[FieldPath, Location]) -> dict[FieldPath, Location]:
            below = {at[len(path) :]: mark for at, mark in marks.items() if at[: len(path)] == path}
            return {**marks, **{(*alias, *rest): mark for rest, mark in below.items()}}

        return replace(self, keys=also(self.keys), values=also(self.values), literals=also(self.literals))


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a document, called by its path."""

    document: Document
    path: FieldPath

    def child(self, *parts: str | int) -> Place:
        """A place below this one."""
        return Place(self.document, self.path + parts)

    @property
    def location(self) -> Location:
        """Where the value was written, or the nearest enclosing value that was."""
        values = self.document.values
        found = (values.get(self.path[:length]) for length in range(len(self.path), -1, -1))
        return next(filter(None, found), Location(self.document.file, *self.document.start))

    @property
    def key_location(self) -> Location:
        """Where the key (a list's item: the value) was written."""
        return self.document.keys.get(self.path) or self.location

    @property
    def field(self) -> str:
        """The path in the file for people: ``spec.steps[1].expect``."""
        return format_path(self.document.written_at(self.path)) or "document"

    @property
    def _key_field(self) -> str:
        """As ``field``; but a key may stand elsewhere than its value."""
        if self.path not in self.document.keys:
            return self.field
        return format_path(self.document.written_at(self.path[:-1]) + self.path[-1:])

    def problem(self, message: str, hint: str = "") -> Problem:
        """A mistake in the value."""
        return Problem(self.location, self.field, message, hint)

    def key_problem(self, message: str, hint: str = "") -> Problem:
        """A mistake in the key, or in what the value lacks."""
        return Problem(self.key_location, self._key_field, message, hint)

    def text_location(self, line: int, column: int) -> Location:
        """A position inside a literal block's text (from 0), or of the text as a whole for other styles."""
        mark = self.document.literals.get(self.path)
        return Location(mark.file, mark.line + line, mark.column + column) if mark else self.location


def format_path(path: Sequence[str | int]) -> str:
    """``("spec", "steps", 1, "label", "a/b")`` as ``spec.steps[1].label["a/b"]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z0-9_-]+", part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text
