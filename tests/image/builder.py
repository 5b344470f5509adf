"""buildah for tests: a storage of its own, no registry, no namespaces that a CI machine might refuse."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BASE = "localhost/test/python"
FOREIGN = "linux/amd64" if platform.machine() == "aarch64" else "linux/arm64"
"""A platform whose programs don't run here."""


class Builder:
    """buildah, with images and containers in ``storage``."""

    def __init__(self, storage: Path) -> None:
        config = storage / "storage.conf"
        config.write_text(
            f'[storage]\ndriver = "vfs"\ngraphroot = "{storage}/images"\nrunroot = "{storage}/run"\n', "utf-8"
        )
        self.environment = {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(config),
            "BUILDAH_ISOLATION": "chroot",
            "BUILDER": "buildah",
        }

    def run(self, *words: str) -> str:
        """One command; its output."""
        return self._done(["buildah", *words]).strip()

    def build(self, name: str, base: str, *platforms: str) -> str:
        """Build the agent's image as `make image` does; its name."""
        self._done(["scripts/image", name, *platforms], BASE_IMAGE=base)
        return name

    def config(self, image: str) -> dict[str, Any]:
        """The image's configuration as the OCI has it."""
        found: dict[str, Any] = json.loads(self.run("inspect", "--type", "image", image))["OCIv1"]
        return found

    @contextmanager
    def container(self, image: str) -> Iterator[tuple[str, Path]]:
        """A container and the root of its file system, until the end of the block."""
        name = self.run("from", "--pull-never", image)
        try:
            yield name, Path(self.run("mount", name))
        finally:
            self.run("rm", name)

    def _done(self, command: list[str], **environment: str) -> str:
        done = subprocess.run(
            command,
            env=self.environment | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout
