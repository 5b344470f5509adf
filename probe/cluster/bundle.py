"""The files of a run as a ConfigMap: scenarios and what they refer to, at the same places to each other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from probe.model.actions import Apply
from probe.model.errors import UsageError
from probe.model.scenario import Scenario

_MAX_BYTES = 1024 * 1024
"""What a ConfigMap may hold (ConfigMap.data)."""


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file: its key in the ConfigMap, its path below the mount point, and its content."""

    key: str
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """All files, and the paths of those that are scenarios, in the order in which they were loaded."""

    files: tuple[BundledFile, ...]
    scenarios: tuple[str, ...]

    @property
    def data(self) -> dict[str, str]:
        """ConfigMap.data."""
        return {file.key: file.text for file in self.files}

    @property
    def items(self) -> list[dict[str, str]]:
        """The volume's items: a key cannot have a slash, a path can."""
        return [{"key": file.key, "path": file.path} for file in self.files]


def bundle(scenarios: Sequence[Scenario]) -> Bundle:
    """Read the files of loaded scenarios. Raises UsageError when they are too large, or cannot be read any more."""
    main = list(dict.fromkeys(scenario.file for scenario in scenarios))
    applied = [
        action.origin
        for scenario in scenarios
        for step in scenario.steps
        for action in step.actions
        if isinstance(action, Apply)
    ]
    fleets = [scenario.fleet_file for scenario in scenarios if scenario.fleet_file is not None]
    places = {name: Path(os.path.abspath(name)) for name in dict.fromkeys((*main, *applied, *fleets))}
    root = os.path.commonpath([path.parent for path in places.values()])
    files = _read({path: PurePosixPath(path.relative_to(root)) for path in places.values()})
    size = sum(len(file.text.encode()) + len(file.key) for file in files)
    if size > _MAX_BYTES:
        raise UsageError(
            f"the files have {size:,} bytes, and a ConfigMap holds {_MAX_BYTES:,}: make jobs of fewer scenarios each"
        )
    return Bundle(files, tuple(str(places[name].relative_to(root)) for name in main))


def _read(places: Mapping[Path, PurePosixPath]) -> tuple[BundledFile, ...]:
    keys = _keys(places.values())
    files = []
    for path, relative in places.items():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {path}: {error}") from None
        files.append(BundledFile(keys[relative], str(relative), text))
    return tuple(files)


def _keys(paths: Iterable[PurePosixPath]) -> dict[PurePosixPath, str]:
    """A key for each path: what a key may not have becomes ``-``, and equal ones are numbered."""
    keys: dict[PurePosixPath, str] = {}
    for path in paths:
        plain = re.sub(r"[^A-Za-z0-9._-]", "-", str(path))[-200:]
        key, number = plain, 1
        while key in keys.values():
            number += 1
            key = f"{number}-{plain}"
        keys[path] = key
    return keys
