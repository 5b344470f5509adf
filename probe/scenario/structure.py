"""Document -> typed specification, with every structural mistake as a problem in plain words.

pydantic stops looking at a value's meaning once its structure is wrong. So that one mistyped key does not hide the
other mistakes of a file, what is wrong is taken out and the rest is validated again; what was taken out is
remembered as *damage*, so that later passes do not blame others for what is missing because of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from probe.model.errors import Problem
from probe.scenario.document import Document, FieldPath
from probe.scenario.format import API_VERSION, DROPPED, KIND, ScenarioSpec
from probe.scenario.suggest import near_miss, suggest

_ROUNDS = 50  # each takes out at least one mistake; a file with more is reported as far as it was read

# What stands in for a missing key so that the rest can still be checked.
_STAND_INS: dict[str, Any] = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": {},
    "name": "unnamed",
    "verdict": "either",
    "expect": "either",
    "spec": {},
    "fleet": {},
    "steps": [],
    "namespaces": {},
    "external": {},
}

_MISSING_HINTS = {
    "expect": 'state what is expected; "expect: unchanged" repeats what the step before expects',
    "verdict": "allow, deny, drop, reject or either",
    "apiVersion": f"write apiVersion: {API_VERSION}",
}

_WANTED = {
    "string_type": "a string",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document's specification as far as it could be read (None: not at all), and what was taken out."""

    spec: ScenarioSpec | None
    problems: tuple[Problem, ...]
    damage: frozenset[FieldPath]


def parse(document: Document) -> Parsed:
    """Validate a document's structure."""
    data = copy.deepcopy(document.value)
    problems: list[Problem] = []
    damage: set[FieldPath] = set()
    for _ in range(_ROUNDS):
        try:
            return Parsed(ScenarioSpec.model_validate(data), tuple(problems), frozenset(damage))
        except ValidationError as error:
            details = error.errors(include_url=False)
            damage |= _misspelt(data, details)
            for detail in details:
                path = _path_of(data, detail)
                if not _known(path, detail["type"], damage):
                    problems.append(_problem(document, path, detail))
                damage.add(path)
                if not _repair(data, path, detail["type"]):
                    return Parsed(None, tuple(problems), frozenset(damage))
    return Parsed(None, tuple(problems), frozenset(damage))


def _misspelt(data: Any, details: list[ErrorDetails]) -> set[FieldPath]:
    """Keys that are only missing because they are misspelt: the unknown key is the one mistake."""
    unknown = [_path_of(data, detail) for detail in details if detail["type"] == "extra_forbidden"]
    missing = {_path_of(data, detail) for detail in details if detail["type"] == "missing"}
    near = {(*path[:-1], near_miss(str(path[-1]), keys_at(path[:-1]))) for path in unknown}
    return {path for path in missing if path in near}


def _known(path: FieldPath, kind: str, damage: set[FieldPath]) -> bool:
    """Whether a mistake only follows from what was taken out, or stood in for, before."""
    related = (path[: len(other)] == other or other[: len(path)] == path for other in damage)
    return path in damage or (kind == "missing" and any(related))


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


def _problem(document: Document, path: FieldPath, detail: ErrorDetails) -> Problem:
    place = document.root.child(*path)
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        parent = document.root.child(*path[:-1])
        return parent.key_problem(f'missing key "{path[-1]}"', _MISSING_HINTS.get(str(path[-1]), ""))
    if kind == "extra_forbidden":
        return place.key_problem(f'unknown key "{path[-1]}"', suggest(str(path[-1]), keys_at(path[:-1])))
    if kind == "mistake":
        return place.problem(context["message"], context["hint"])
    if kind == "literal_error":
        return place.problem(f"must be {context['expected']}, not {_describe(detail['input'])}")
    if kind in ("string_too_short", "too_short"):
        return place.problem("must not be empty")
    if kind in _WANTED:
        return place.problem(f"must be {_WANTED[kind]}, not {_describe(detail['input'])}", _quote_hint(detail))
    return place.problem(detail["msg"].replace("Input should", "must"))


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


def _repair(data: Any, path: FieldPath, kind: str) -> bool:
    """Take out what is wrong (or add what is missing); False when nothing would be left."""
    if not path:
        return False
    parent = data
    for part in path[:-1]:
        parent = parent[part]
        if parent is DROPPED:
            return True
    key = path[-1]
    if kind == "missing":
        if key in _STAND_INS:
            parent[key] = copy.deepcopy(_STAND_INS[str(key)])
            return True
        return _repair(data, path[:-1], "")
    if isinstance(parent, list):
        parent[int(key)] = DROPPED
    elif isinstance(parent, dict):
        parent.pop(key, None)
    return True


# --- known keys, for did-you-mean ----------------------------------------------------------------------------------


@cache
def _schema() -> dict[str, Any]:
    return ScenarioSpec.model_json_schema()


def keys_at(path: FieldPath) -> set[str]:
    """The keys that the format knows in the mapping at ``path``, from the JSON Schema."""
    nodes = [_schema()]
    for part in path:
        nodes = [child for node in nodes for branch in _branches(node) for child in _children(branch, part)]
    return {key for node in nodes for branch in _branches(node) for key in branch.get("properties", {})}


def _branches(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in node:
        yield from _branches(_schema()["$defs"][node["$ref"].rsplit("/", 1)[-1]])
    elif "anyOf" in node:
        for branch in node["anyOf"]:
            yield from _branches(branch)
    else:
        yield node


def _children(node: dict[str, Any], part: str | int) -> Iterator[dict[str, Any]]:
    if isinstance(part, int):
        candidates = [node.get("items")]
    elif part in node.get("properties", {}):
        candidates = [node["properties"][part]]
    else:
        candidates = [node.get("additionalProperties")]
    yield from (candidate for candidate in candidates if isinstance(candidate, dict))
