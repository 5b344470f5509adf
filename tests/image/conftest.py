"""The agent's image, really built: by buildah, as root, from a base made of this machine's files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.base import populate
from tests.image.builder import BASE, FOREIGN, Builder

FOREIGN_PROGRAM = b"no program of this machine's\n"


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """buildah with a storage of its own, in which the base images are."""
    if shutil.which("buildah") is None:
        pytest.skip("there is no buildah: scripts/setup-image installs it")
    if os.geteuid() != 0:
        pytest.skip("images are built and entered as root")
    builder = Builder(tmp_path_factory.mktemp("storage"))
    with builder.container("scratch") as (name, root):
        populate(root)
        builder.run("commit", "--quiet", name, BASE)
    yield builder
    builder.run("rmi", "--all", "--force")


@pytest.fixture(scope="session")
def image(builder: Builder) -> str:
    """The agent's image on the base, as `make image` builds it."""
    return builder.build("localhost/cni-probe-agent:test", BASE)


@pytest.fixture(scope="session")
def foreign_base(builder: Builder) -> str:
    """A base for this platform and another one, of which no program can run here."""
    with builder.container(BASE) as (name, root):
        for program in (root / "usr/local/bin").glob("python3.*"):
            program.write_bytes(FOREIGN_PROGRAM)
        builder.run("config", "--arch", FOREIGN.partition("/")[2], name)
        builder.run("commit", "--quiet", name, "localhost/test/foreign")
    both = "localhost/test/both"
    builder.run("manifest", "create", both)
    builder.run("manifest", "add", both, BASE)
    builder.run("manifest", "add", "--arch", FOREIGN.partition("/")[2], both, "localhost/test/foreign")
    return both


@pytest.fixture
def files(builder: Builder, image: str) -> Iterator[Path]:
    """The root of a container of the image."""
    with builder.container(image) as (_, root):
        yield root


@pytest.fixture(scope="session")
def no_docker(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which none of the builders is found."""
    tools = tmp_path_factory.mktemp("tools")
    for name in ("sh", "cat", "uname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    assert subprocess.run([tools / "sh", "-c", "true"], check=True).returncode == 0
    return {"PATH": str(tools)}
