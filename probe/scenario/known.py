"""What a file format knows at a path, from its JSON Schema: for did-you-mean and for what a value must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probe.scenario.document import FieldPath

_TYPES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Known:
    """A format's JSON Schema, asked by path."""

    schema: Mapping[str, Any]

    def keys_at(self, path: FieldPath) -> set[str]:
        """The keys that the format knows in the mapping at ``path``."""
        return {key for branch in self._branches_at(path) for key in branch.get("properties", {})}

    def wanted_at(self, path: FieldPath) -> str:
        """What a value at ``path`` must be: ``a string or a list``."""
        found = [_type(branch) for branch in self._branches_at(path)]
        kinds = list(dict.fromkeys(kind for kind in found if kind))
        *some, last = kinds or ["something else"]
        return f"{', '.join(some)} or {last}" if some else last

    def home_of(self, path: FieldPath) -> FieldPath | None:
        """The mapping around or just below that knows the misplaced key at ``path``, if there is one such."""
        parent, key = path[:-1], str(path[-1])
        above = [parent[:length] for length in range(len(parent))]
        near = above + [(*parent, child) for child in self.keys_at(parent)]
        homes = [candidate for candidate in near if key in self.keys_at(candidate)]
        return homes[0] if len(homes) == 1 else None

    def _branches_at(self, path: FieldPath) -> list[Mapping[str, Any]]:
        branches = list(self._branches(self.schema))
        for part in path:
            children = [child for branch in branches for child in _children(branch, part)]
            branches = [leaf for child in children for leaf in self._branches(child)]
        return branches

    def _branches(self, node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        if "$ref" in node:
            yield from self._branches(self.schema["$defs"][node["$ref"].rsplit("/", 1)[-1]])
        elif "anyOf" in node:
            for branch in node["anyOf"]:
                yield from self._branches(branch)
        else:
            yield node


def _children(node: Mapping[str, Any], part: str | int) -> Iterator[Mapping[str, Any]]:
    if isinstance(part, int):
        candidates = [node.get("items")]
    elif part in node.get("properties", {}):
        candidates = [node["properties"][part]]
    else:
        candidates = [node.get("additionalProperties")]
    yield from (candidate for candidate in candidates if isinstance(candidate, dict))


def _type(branch: Mapping[str, Any]) -> str | None:
    if "enum" in branch:
        words = [str(word) for word in branch["enum"]]
        return f"a word ({', '.join(words)})"
    return _TYPES.get(branch.get("type", ""))
