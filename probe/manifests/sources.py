"""Paths of the command line -> YAML readings of files, of directories' files, and of stdin.

A file that is named must be readable. In a directory there may be what is not for Kubernetes at all (a chart's values,
a template, a kustomization): that is left out with a warning, while a file that is only broken is an error there, too,
since nobody knows what it should have said.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probe.model.errors import Location, Problem
from probe.scenario.files import files_of
from probe.scenario.yaml import Reading, decode_yaml

STDIN: Final = "-"
_STDIN_NAME: Final = "<stdin>"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_TEMPLATE: Final = "{{"

ReadStdin = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Source:
    """One file as read. ``found``: it lies in a directory that was named, so it may be none of ours."""

    name: str
    text: str
    reading: Reading
    found: bool

    def is_template(self, problems: Sequence[Problem]) -> bool:
        """Whether its problems come from ``{{ }}``: it has to be rendered before it means anything."""
        if _TEMPLATE not in self.text or not problems:
            return False
        lines = self.text.splitlines()
        at = (problem.location.line - 1 for problem in problems)
        return not self.reading.complete or any(_TEMPLATE in lines[index] for index in at if 0 <= index < len(lines))


def read_sources(
    paths: Sequence[str | Path], problems: list[Problem], read_stdin: ReadStdin | None = None
) -> Iterator[tuple[str, list[Source]]]:
    """Each path with its files in order, each file once however often it is named; what is not there is reported."""
    seen: set[Path | str] = set()
    for path in paths:
        if str(path) == STDIN:
            sources = [] if STDIN in seen else [_source(_STDIN_NAME, (read_stdin or _stdin)(), found=False)]
            seen.add(STDIN)
            yield _STDIN_NAME, sources
            continue
        found = []
        for file in files_of(Path(path), _SUFFIXES, problems):
            real = file.resolve()
            if real not in seen:
                seen.add(real)
                found.append(file)
        yield str(path), list(_read(found, Path(path).is_dir(), problems))


def _stdin() -> bytes:
    return sys.stdin.buffer.read()


def _read(files: Sequence[Path], found: bool, problems: list[Problem]) -> Iterator[Source]:
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as error:
            problems.append(Problem(Location(str(file)), "", f"cannot be read: {error.strerror or error}"))
            continue
        if found and _is_blank(data):
            continue
        yield _source(str(file), data, found=found)


def _source(name: str, data: bytes, *, found: bool) -> Source:
    if name.endswith(".json"):
        data = data.replace(b"\t", b" ")  # JSON may be indented with tabs, which YAML forbids; its strings hold none
    return Source(name, data.decode("utf-8-sig", "replace"), decode_yaml(data, name, tolerant=True), found)


def _is_blank(data: bytes) -> bool:
    """Nothing but comments: a file that was switched off."""
    lines = (line.strip() for line in data.splitlines())
    return all(not line or line.startswith(b"#") or line in (b"---", b"...") for line in lines)
