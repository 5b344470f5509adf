"""Paths -> scenarios, or every problem of all of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from probe.model.errors import Location, Problem, ScenarioError
from probe.model.scenario import Scenario
from probe.scenario.build import Built, build
from probe.scenario.document import Document
from probe.scenario.files import files_of
from probe.scenario.format.document import API_VERSION, FLEET_KIND, KIND
from probe.scenario.matrix import expand, told_once
from probe.scenario.run_config_format import RUN_CONFIG_KIND
from probe.scenario.shared import FleetReader
from probe.scenario.yaml import read_yaml

_SUFFIXES = (".yaml", ".yml")
_HINTS = {
    RUN_CONFIG_KIND: "a run takes it with --config FILE",
    FLEET_KIND: "a scenario takes it with spec.fleet: {from: FILE}",
}
"""Our other kinds of files, and how they are used."""


def load_scenarios(paths: Sequence[str | Path]) -> list[Scenario]:
    """The scenarios of files, and of the ``*.yaml`` and ``*.yml`` files below directories, in order.

    Manifests that lie in a directory are skipped, and so is what is hidden; a named file must hold scenarios.
    Raises ScenarioError with every problem of every file; then nothing is returned.
    """
    problems: list[Problem] = []
    built: list[Built] = []
    seen: set[Path] = set()
    fleets = FleetReader()
    for path in map(Path, paths):
        found = 0
        for file in files_of(path, _SUFFIXES, problems):
            real = file.resolve()
            found += 1
            if real not in seen:
                seen.add(real)
                built += _load_file(file, fleets, problems, skip_manifests=path.is_dir())
        if path.is_dir() and not _has_scenario(path, built, problems):
            hint = "scenarios are *.yaml files of kind Scenario" if found else "it holds no *.yaml or *.yml file"
            problems.append(Problem(Location(str(path)), "", "no scenario in this directory", hint))
    problems += _duplicate_names(built)
    if not paths:
        problems.append(Problem(Location("."), "", "no path was given"))
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return [each.scenario for each in built if each.scenario is not None]


def _load_file(file: Path, fleets: FleetReader, problems: list[Problem], *, skip_manifests: bool) -> Iterator[Built]:
    reading = read_yaml(file, str(file))
    if skip_manifests and reading.complete and all(_is_manifest(document.value) for document in reading.documents):
        return  # somebody else's file: its mistakes are found where it is applied
    problems += reading.problems
    taken = {problem.location for problem in reading.problems}
    for document in reading.documents:
        if _is_scenario(document.value):
            members, found = expand(document)
            problems += found
            built = [build(member, fleets) for member in members]
            told = told_once(
                [(member.suffix, each.problems) for member, each in zip(members, built, strict=True)], document.file
            )
            problems += (problem for problem in told if problem.location not in taken)
            yield from built
        elif not (skip_manifests and _is_manifest(document.value)):
            problems.append(_not_a_scenario(document))


def _is_manifest(value: Any) -> bool:
    """Whether it is some other Kubernetes object."""
    is_object = isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("apiVersion", "kind"))
    return is_object and not _is_scenario(value)


def _is_scenario(value: Any) -> bool:
    """By kind or by apiVersion, so that a slip in one of them is reported instead of skipped."""
    if not isinstance(value, dict) or value.get("kind") in _HINTS:
        return False
    group = str(value.get("apiVersion", "")).partition("/")[0]
    nameless = "spec" in value and "kind" not in value
    return value.get("kind") == KIND or group == API_VERSION.partition("/")[0] or nameless


def _not_a_scenario(document: Document) -> Problem:
    value = document.value
    if not isinstance(value, dict):
        return document.root.problem("a scenario must be a mapping", f"begin with apiVersion: {API_VERSION}")
    if _is_manifest(value):
        hint = _HINTS.get(value["kind"], "apply it in a step of a scenario")
        return document.root.child("kind").problem(f"kind is {value['kind']}, not {KIND}", hint)
    return document.root.problem(f"not a scenario: apiVersion: {API_VERSION} and kind: {KIND} are missing")


def _has_scenario(path: Path, built: Sequence[Built], problems: Sequence[Problem]) -> bool:
    prefix = str(path)
    files = [each.place.document.file for each in built] + [problem.location.file for problem in problems]
    return any(Path(file).is_relative_to(prefix) for file in files)


def _duplicate_names(built: Sequence[Built]) -> Iterator[Problem]:
    first: dict[str, Built] = {}
    for each in built:
        if each.name is None:
            continue
        other = first.setdefault(each.name, each)
        if other is not each:
            message = f'two scenarios are called "{each.name}"'
            yield each.place.problem(message, f"the other one is at {other.place.location}")
