"""What the scenario format knows at a path, from its JSON Schema: for did-you-mean and for what a value must be."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from probe.scenario.document import FieldPath
from probe.scenario.format import ScenarioSpec

_TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def keys_at(path: FieldPath) -> set[str]:
    """The keys that the format knows in the mapping at ``path``."""
    return {key for branch in _branches_at(path) for key in branch.get("properties", {})}


def wanted_at(path: FieldPath) -> str:
    """What a value at ``path`` must be: ``a string or a list``."""
    found = [_type(branch) for branch in _branches_at(path)]
    kinds = list(dict.fromkeys(kind for kind in found if kind))
    *some, last = kinds or ["something else"]
    return f"{', '.join(some)} or {last}" if some else last


def home_of(path: FieldPath) -> FieldPath | None:
    """The mapping around or just below that knows the misplaced key at ``path``, if there is one such."""
    parent, key = path[:-1], str(path[-1])
    near = [parent[:length] for length in range(len(parent))] + [(*parent, child) for child in keys_at(parent)]
    homes = [candidate for candidate in near if key in keys_at(candidate)]
    return homes[0] if len(homes) == 1 else None


@cache
def _schema() -> dict[str, Any]:
    return ScenarioSpec.model_json_schema()


def _branches_at(path: FieldPath) -> list[dict[str, Any]]:
    branches = list(_branches(_schema()))
    for part in path:
        branches = [leaf for branch in branches for child in _children(branch, part) for leaf in _branches(child)]
    return branches


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


def _type(branch: dict[str, Any]) -> str | None:
    if "enum" in branch:
        words = [str(word) for word in branch["enum"]]
        return f"a word ({', '.join(words)})"
    return _TYPES.get(branch.get("type", ""))
