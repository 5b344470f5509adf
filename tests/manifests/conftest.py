"""Manifests written in tests, and what comes of reading them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from probe.manifests import ManifestSet, read_manifests

Read: TypeAlias = Callable[..., ManifestSet]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read one named file with this text; ``files`` by name instead are a directory that is read as a whole.

    Problems call the files as they are called here, since reading is done where they are.
    """
    monkeypatch.chdir(tmp_path)

    def read(text: str = "", files: dict[str, str] | None = None, **options: str) -> ManifestSet:
        if files is None:
            Path("all.yaml").write_text(text, "utf-8")
            return read_manifests(["all.yaml"], **options)  # type: ignore[arg-type]
        for name, content in files.items():
            path = Path("dir", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        return read_manifests(["dir"], **options)  # type: ignore[arg-type]

    return read
