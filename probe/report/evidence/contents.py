"""What lies in an evidence folder: the files of a record, of its policies and of its scenarios, with names of ours.

Names come from a record that nobody vouches for: they stay within the folder. A scenario's file is taken from where the
record says it was, and only as it was: one that has changed since, or whose digest the record does not have, would
prove something else than what was run.
"""

from __future__ import annotations

import hashlib
import os.path
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from probe.model.record import RunRecord, ScenarioRecord
from probe.report.text import safe
from probe.report.words import scenario_name

MAX_SOURCE = 8 << 20
"""Bytes of a scenario's file, as many as are read of one to run it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as a scenario applied it; ``steps`` are those in which it was in force, by ``scenario: step``."""

    name: str
    kind: str
    scenario: str
    file: str
    text: str
    steps: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Source:
    """A file that scenarios were read from. ``file`` and ``data`` are None where it cannot be shown as it was run;
    ``missing`` says why."""

    path: str
    digest: str
    file: str | None = None
    data: bytes | None = None
    missing: str = ""


class Names:
    """Paths within the folder for names of anybody's: printable, without a way out, and none of them twice."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, *parts: str, suffix: str = "") -> str:
        stem = "/".join(_part(part) for path in parts for part in path.split("/") if part not in ("", ".", ".."))
        name, number = f"{stem}{suffix}", 1
        while name.lower() in self._taken:  # some file systems take upper and lower case for the same
            number += 1
            name = f"{stem}-{number}{suffix}"
        self._taken.add(name.lower())
        return name


def _part(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)[:100]


def policies(record: RunRecord) -> list[Policy]:
    """Every policy once a scenario, and once more for each other content that it had there."""
    names = Names()
    found: dict[tuple[str, str, str], Policy] = {}
    for scenario in record.scenarios:
        for step in scenario.steps:
            for policy in step.policies:
                text = _manifest(policy.manifest)
                key = scenario.name, policy.name, text
                if key not in found:
                    file = names("policies", scenario.name, policy.name, suffix=".yaml")
                    found[key] = Policy(policy.name, policy.kind, scenario.name, file, text)
                found[key].steps.append(f"{scenario_name(scenario)}: {step.name}")
    return list(found.values())


def _manifest(manifest: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=False, width=100)


def sources(record: RunRecord) -> list[Source]:
    """The files that the run's scenarios were read from, as far as they are still what they were."""
    known = dict(_stated(record.scenarios))
    names = Names()
    paths = [path for path, digest in known if digest]
    top = _common([os.path.abspath(path) for path in paths])
    return [_source(path, digest, top, names) for path, digest in known]


def _stated(scenarios: Sequence[ScenarioRecord]) -> Iterator[tuple[tuple[str, str], None]]:
    """Paths with digests; without one where the record has none, as those of older versions."""
    for scenario in scenarios:
        for path, digest in (scenario.sources or {scenario.file: ""}).items():
            yield (path, digest), None


def _common(paths: Sequence[str]) -> str:
    """The directory that all the files are below: their places towards each other are kept, so that they can be run."""
    return os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""


def _source(path: str, digest: str, top: str, names: Names) -> Source:
    if not digest:
        return Source(path, "", missing="the record does not say what it was")
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MAX_SOURCE + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else None
        return Source(path, digest, missing=f"it cannot be read any more: {said or error}")
    if hashlib.sha256(data).hexdigest() != digest:
        return Source(path, digest, missing="it was changed since the run")
    return Source(path, digest, names("sources", os.path.relpath(os.path.abspath(path), top)), data)


def source_words(source: Source) -> str:
    """Why a file is not in the folder: ``scenarios/a.yaml: it was changed since the run``."""
    return safe(f"{source.path}: {source.missing}")
