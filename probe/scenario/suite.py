"""Where the conformance suite is: in the package where it is installed, beside it in a checkout."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

from probe.model.errors import UsageError

_SUITE = "conformance"
_PARTS = (_SUITE, "fleets", "scenario.schema.json", "fleet.schema.json")
"""What belongs to it: the scenarios, what they take from beside them, and what editors check them with."""


def conformance_suite() -> Path:
    """The directory of its scenarios, relative to the working directory where that is shorter. Raises UsageError."""
    suite = _shipped() / _SUITE
    here = Path.cwd()
    return suite.relative_to(here) if suite.is_relative_to(here) else suite


def write_suite(directory: Path) -> Path:
    """Copy it out, for people who want to change it; returns where its scenarios are. Raises UsageError."""
    try:
        if directory.exists() and any(directory.iterdir()):
            raise UsageError(f"--write {directory}: is not empty")
        directory.mkdir(parents=True, exist_ok=True)
        for part in _PARTS:
            source, target = _shipped() / part, directory / part
            if source.is_dir():
                shutil.copytree(source, target, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(source, target)
    except OSError as error:
        raise UsageError(f"--write {directory}: {error.strerror or error}") from None
    return directory / _SUITE


def _shipped() -> Path:
    package = Path(str(files("probe")))
    for candidate in (package / "_scenarios", package.parent / "scenarios"):
        if (candidate / _SUITE).is_dir():
            return candidate
    raise UsageError(f"{package} was installed without the conformance scenarios")
