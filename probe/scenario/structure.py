"""Document -> typed specification, with every structural mistake as a problem in plain words.

pydantic stops looking at a value's meaning once its structure is wrong. So that one mistyped key does not hide the
other mistakes of a file, what is wrong is taken out and the rest is validated again; what was taken out is
remembered as *damage*, so that later passes do not blame others for what is missing because of it. A required key
that is only misspelt is read as what it means, so that what stands below it is checked too.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from probe.model.errors import Problem
from probe.scenario.document import Document, FieldPath, format_path
from probe.scenario.format.strict import DROPPED, Dropped
from probe.scenario.known import Known
from probe.scenario.suggest import near_miss, suggest

_ROUNDS = 50  # each takes out at least one mistake; a file with more is reported as far as it was read

_MISTYPED = ("string", "int", "float", "bool", "list", "dict", "model", "model_attributes")

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Format(Generic[T]):
    """A file format.

    ``stand_ins`` stand in for missing keys, by name, so that the rest can still be checked; ``hints`` help with them.
    """

    model: type[T]
    stand_ins: Mapping[str, Any]
    hints: Mapping[str, str]

    @cached_property
    def known(self) -> Known:
        """What the format knows at each path."""
        return Known(self.model.model_json_schema())


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A document's specification as far as it could be read (None: not at all), and what was taken out.

    ``document`` knows the places of misspelt keys by what they mean as well.
    """

    spec: T | None
    problems: tuple[Problem, ...]
    damage: frozenset[FieldPath]
    document: Document


def parse(document: Document, format: Format[T], damage: Collection[FieldPath] = ()) -> Parsed[T]:
    """Validate a document's structure. ``damage``: what was taken out of it before."""
    parser = _Parser(format, document, copy.deepcopy(document.value), damage=set(damage))
    spec = parser.parse()
    return Parsed(spec, tuple(parser.problems), frozenset(parser.damage), parser.document)


@dataclass(slots=True)
class _Parser(Generic[T]):
    format: Format[T]
    document: Document
    data: Any
    problems: list[Problem] = field(default_factory=list)
    damage: set[FieldPath] = field(default_factory=set)
    renamed: set[FieldPath] = field(default_factory=set)

    def parse(self) -> T | None:
        for _ in range(_ROUNDS):
            try:
                return self.format.model.model_validate(self.data)
            except ValidationError as error:
                # all paths before any repair: what is taken out can no longer be found in the data
                found = [(_path_of(self.data, detail), detail) for detail in error.errors(include_url=False)]
                if not self._repair_all(found):
                    return None
        return None

    def _repair_all(self, found: list[tuple[FieldPath, ErrorDetails]]) -> bool:
        meant = dict(_misspelt(found, self.format.known))
        settled = {*meant, *meant.values()}
        for path, detail in found:
            if path in settled:
                if path in meant:
                    self.problems.append(_problem(self.document, path, detail, self.format))
                    self._rename(path, meant[path])
                continue
            if not self._follows(path, detail["type"]):
                self.problems.append(_problem(self.document, path, detail, self.format))
            self.damage.add(path)
            if not _repair(self.data, path, detail["type"], self.format.stand_ins):
                return False
        return True

    def _rename(self, path: FieldPath, meant: FieldPath) -> None:
        parent = _value_at(self.data, path[:-1])
        if isinstance(parent, dict):  # else it was taken out with a mistake above
            parent[meant[-1]] = parent.pop(path[-1])
            self.renamed.add(meant)
            self.document = self.document.with_alias(path, meant)

    def _follows(self, path: FieldPath, kind: str) -> bool:
        """Whether a mistake only follows from what was taken out, stood in for, or perhaps wrongly guessed before."""
        related = (path[: len(other)] == other or other[: len(path)] == path for other in self.damage)
        return path in self.damage or path in self.renamed or (kind == "missing" and any(related))


def _misspelt(found: list[tuple[FieldPath, ErrorDetails]], known: Known) -> Iterator[tuple[FieldPath, FieldPath]]:
    """Unknown keys with the missing ones that they must mean: together they are one mistake."""
    missing = {path for path, detail in found if detail["type"] == "missing"}
    for path, detail in found:
        near = near_miss(str(path[-1]), known.keys_at(path[:-1])) if detail["type"] == "extra_forbidden" else None
        if near and (*path[:-1], near) in missing:
            missing.discard((*path[:-1], near))  # a second key like it is just unknown
            yield path, (*path[:-1], near)


def _path_of(data: Any, detail: ErrorDetails) -> FieldPath:
    """pydantic's location without the names of union branches and the like, which the document does not have."""
    path: list[str | int] = []
    value = data
    parts = list(detail["loc"])
    for index, part in enumerate(parts):
        last = index == len(parts) - 1 and detail["type"] == "missing"
        if last or (isinstance(value, dict) and part in value):
            path.append(part)
            value = value.get(part) if isinstance(value, dict) else None
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path.append(part)
            value = value[part]
    return tuple(path)


def _problem(document: Document, path: FieldPath, detail: ErrorDetails, format: Format[T]) -> Problem:
    place = document.root.child(*path)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        parent = document.root.child(*path[:-1])
        return parent.key_problem(f'missing key "{path[-1]}"', format.hints.get(str(path[-1]), ""))
    if kind == "extra_forbidden":
        return place.key_problem(f'unknown key "{path[-1]}"', _unknown_hint(path, format.known))
    if kind == "mistake":
        return place.problem(context["message"], context["hint"])
    if kind == "literal_error":
        return place.problem(f"must be {context['expected']}, not {_describe(detail['input'])}")
    if kind in ("string_too_short", "too_short"):
        return place.problem("must not be empty")
    if kind.removesuffix("_type") in _MISTYPED:
        return place.problem(
            f"must be {format.known.wanted_at(path)}, not {_describe(detail['input'])}", _quote_hint(detail)
        )
    return place.problem(detail["msg"].replace("Input should", "must"))


def _unknown_hint(path: FieldPath, known: Known) -> str:
    key, keys = str(path[-1]), known.keys_at(path[:-1])
    home = None if near_miss(key, keys) else known.home_of(path)
    return f"it belongs under {format_path(home)}" if home else suggest(key, keys)


def _describe(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= 40 else "a text"
    return "a list" if isinstance(value, list) else "a mapping"


def _quote_hint(detail: ErrorDetails) -> str:
    value = detail["input"]
    if detail["type"] == "string_type" and isinstance(value, bool | int | float):
        return f'write "{str(value).lower()}" in quotes'
    return ""


def _value_at(data: Any, path: FieldPath) -> Any:
    """The value at a path, or DROPPED when it is there no more."""
    for part in path:
        if isinstance(data, dict):
            data = data.get(str(part), DROPPED)
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
        else:
            return DROPPED
    return data


def _repair(data: Any, path: FieldPath, kind: str, stand_ins: Mapping[str, Any]) -> bool:
    """Take out what is wrong (or add what is missing); False when nothing would be left."""
    if not path:
        return False
    parent, key = _value_at(data, path[:-1]), path[-1]
    if isinstance(parent, Dropped):
        return True
    if kind == "missing":
        if key in stand_ins:
            parent[key] = copy.deepcopy(stand_ins[str(key)])
            return True
        return _repair(data, path[:-1], "", stand_ins)
    if isinstance(parent, list):
        parent[int(key)] = DROPPED
    elif isinstance(parent, dict):
        parent.pop(key, None)
    return True
