"""Fleets that scenarios share: ``spec.fleet.from`` names a file of kind Fleet, and what a scenario adds goes over it.

The file is checked by itself, so its mistakes are told once, in its own words. What it holds becomes a part of the
scenario's document, with its places, before that is read: nothing after this knows that there were two files.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from probe.model.errors import Location, Problem
from probe.scenario.document import Document, FieldPath, Place
from probe.scenario.files import siblings
from probe.scenario.fleet import build_externals, build_namespaces, build_placement
from probe.scenario.format.document import FLEET_KIND, SharedFleetSpec
from probe.scenario.formats import SHARED_FLEET
from probe.scenario.structure import parse
from probe.scenario.suggest import suggest
from probe.scenario.yaml import read_yaml

FLEET: Final = ("spec", "fleet")


@dataclass(frozen=True, slots=True)
class Shared:
    """A scenario's document with its fleet in full. ``file``: where from; None: from none, or it cannot be had.

    ``digest``: of that file.
    """

    document: Document
    problems: tuple[Problem, ...] = ()
    file: str | None = None
    digest: str = ""


@dataclass(slots=True)
class FleetReader:
    """Reads fleets' files, each once: scenarios that run together mostly take the same."""

    _files: dict[str, tuple[Document | None, tuple[Problem, ...]]] = field(default_factory=dict)

    def read(self, path: str) -> tuple[Document | None, tuple[Problem, ...]]:
        """The document of a fleet's file; None, and the problems, when there is anything wrong with it."""
        if path not in self._files:
            self._files[path] = _read(path)
        return self._files[path]


def with_shared_fleet(document: Document, reader: FleetReader) -> Shared:
    """The document with the fleet that it takes; where that cannot be had, without, and with the problems."""
    source = _mapping_at(document.value, FLEET).get("from")
    if source is None:
        return Shared(document)
    place = document.root.child(*FLEET, "from")
    path = os.path.normpath(os.path.join(os.path.dirname(document.file), str(source)))
    if not isinstance(source, str):
        problems: tuple[Problem, ...] = (place.problem("must be the path of a fleet's file"),)
    elif not os.path.isfile(path):
        near = suggest(os.path.basename(path), siblings(path))
        problems = (place.problem(f'no such file: "{source}" (looked for {path})', near),)
    else:
        other, problems = reader.read(path)
        if other is not None:
            return Shared(_grafted(document, other), file=path, digest=other.digest)
    return Shared(_with_fleet(document, {"namespaces": {}, **_without_from(document)}), problems)


_HOW: Final = f"it begins with apiVersion: cni-probe/v1 and kind: {FLEET_KIND}"


def _read(path: str) -> tuple[Document | None, tuple[Problem, ...]]:
    reading = read_yaml(Path(path), path)
    problems = list(reading.problems)
    for index, document in enumerate(reading.documents):
        if index:
            problems.append(document.root.problem("a second document", "a file holds one fleet"))
        elif not isinstance(document.value, dict) or document.value.get("kind") != FLEET_KIND:
            problems.append(document.root.child("kind").problem(f"kind is not {FLEET_KIND}", _HOW))
        else:
            problems += _mistakes(document)
    return (None, tuple(problems)) if problems else (reading.documents[0], ())


def _mistakes(document: Document) -> Iterator[Problem]:
    parsed = parse(document, SHARED_FLEET)
    yield from parsed.problems
    if parsed.spec is not None:
        yield from _meaningless(parsed.spec, parsed.document.root.child("spec"))


def _meaningless(shared: SharedFleetSpec, place: Place) -> list[Problem]:
    problems: list[Problem] = []
    build_namespaces(shared.spec.namespaces, place.child("namespaces"), problems)
    build_externals(shared.spec.external, place.child("external"), problems)
    build_placement(shared.spec.placement, place.child("placement"), problems)
    return problems


# --- two documents become one --------------------------------------------------------------------------------------


def _grafted(document: Document, other: Document) -> Document:
    """The document with the other's ``spec`` under its own fleet."""
    own = _without_from(document)
    fleet = _over(own, _mapping_at(other.value, ("spec",)))
    replaced = {(*FLEET, *path) for path in _leaves(own)}

    def marks(own: Mapping[FieldPath, Location], others: Mapping[FieldPath, Location]) -> dict[FieldPath, Location]:
        moved = {(*FLEET, *path[1:]): mark for path, mark in others.items() if path[:1] == ("spec",) and path[1:]}
        kept = {path: mark for path, mark in moved.items() if not _is_below(path, replaced)}
        return {**kept, **own}

    return replace(
        _with_fleet(document, fleet),
        keys=marks(document.keys, other.keys),
        values=marks(document.values, other.values),
    )


def _with_fleet(document: Document, fleet: dict[str, Any]) -> Document:
    return replace(document, value={**document.value, "spec": {**document.value["spec"], "fleet": fleet}})


def _without_from(document: Document) -> dict[str, Any]:
    return {key: value for key, value in _mapping_at(document.value, FLEET).items() if key != "from"}


def _over(own: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are joined key by key; anything else is replaced. A key with nothing behind it changes nothing."""
    result = dict(shared)
    for key, value in own.items():
        below = shared.get(key)
        if isinstance(value, dict) and isinstance(below, dict):
            result[key] = _over(value, below)
        elif value is not None or key not in shared:
            result[key] = value
    return result


def _leaves(value: Mapping[str, Any], path: FieldPath = ()) -> Iterator[FieldPath]:
    """The paths of all values that are no mappings."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _leaves(item, (*path, key))
        elif item is not None:
            yield (*path, key)


def _is_below(path: FieldPath, paths: set[FieldPath]) -> bool:
    return any(path[:length] in paths for length in range(len(path) + 1))


def _mapping_at(value: Any, path: FieldPath) -> dict[str, Any]:
    """The mapping at a path; an empty one where there is none."""
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
