"""Paths -> files: what is named, what lies below directories, and what a path may have meant."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from probe.model.errors import Location, Problem
from probe.scenario.suggest import suggest


def files_of(path: Path, suffixes: Collection[str], problems: list[Problem]) -> Iterator[Path]:
    """The file, or those below the directory that end so and are not hidden; a path that is not there is reported."""
    if path.is_dir():
        yield from sorted(file for file in path.rglob("*") if _is_candidate(file, path, suffixes))
    elif path.exists():
        yield path
    else:
        parent = path.parent
        names = [str(parent / name) for name in os.listdir(parent)] if parent.is_dir() else []
        near = suggest(str(path), names)
        hint = near if near.startswith("did") else ""
        problems.append(Problem(Location(str(path)), "", "no such file or directory", hint))


def _is_candidate(file: Path, directory: Path, suffixes: Collection[str]) -> bool:
    """Hidden are ``.git``, ``.venv`` and the like, whatever the directory itself is called."""
    hidden = any(part.startswith(".") for part in file.relative_to(directory).parts)
    return file.suffix in suffixes and not hidden and file.is_file()


def siblings(path: str) -> list[str]:
    """The names of the files beside one that is not there, for did-you-mean."""
    directory = os.path.dirname(path) or "."
    try:
        return [name for name in os.listdir(directory) if name.endswith((".yaml", ".yml", ".json"))]
    except OSError:
        return []
