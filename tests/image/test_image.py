"""The agent's image: what is in it, how it runs, and that a machine can build it for platforms that it is not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.image.base import DATABASE, INSTALLERS
from tests.image.builder import BASE, FOREIGN, ROOT, Builder
from tests.image.conftest import FOREIGN_PROGRAM
from tests.image.container import agent_pid, running

pytestmark = pytest.mark.image

MIB = 1 << 20


def size_of(root: Path) -> int:
    """Bytes of all files below a directory."""
    found = (Path(directory, name) for directory, _, names in os.walk(root) for name in names)
    return sum(path.lstat().st_size for path in found)


def test_an_agent_of_the_image_works_as_a_pod_restricted_would_run_it(
    builder: Builder, image: str, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = builder.config(image)["config"]
    with running(files, tmp_path, config, ["serve", "--port", "80/TCP", "--port", "53/UDP"]) as agent:
        with agent.control() as control:
            assert control.hello()["listeners"][0]["error"] is None, "port 80 needs no privilege"
            rows = control.dial(("127.0.0.1", 80, "TCP"), ("127.0.0.1", 53, "UDP"))
            assert [rows[index][0] for index in range(2)] == ["connected", "connected"]
        status = Path(f"/proc/{agent_pid(agent.socket_path)}/status").read_text()
        entry = dict(line.split(":\t", 1) for line in status.splitlines())
        assert entry["Uid"].split() == ["65532"] * 4
        assert entry["Gid"].split() == ["65532"] * 4
        assert int(entry["CapEff"], 16) == 0
        rss = int(entry["VmRSS"].split()[0]) * 1024
        done = agent.run(*config["Entrypoint"], "ready")
        assert (done.returncode, done.stderr) == (0, b"")
        write = "import pathlib; pathlib.Path('/opt/agent/x').touch()"
        assert b"Read-only file system" in agent.run("python3", "-c", write).stderr
    with capsys.disabled():
        print(f"\nagent in the image: RSS {rss / MIB:.1f} MiB", end=" ")
    assert rss < 20 * MIB


def test_what_the_agent_imports_was_compiled_when_the_image_was_built(
    builder: Builder, image: str, files: Path, tmp_path: Path
) -> None:
    config = builder.config(image)["config"]
    with running(files, tmp_path, config, ["serve"]) as agent:
        program = (
            "import sys, cni_probe_agent.__main__, encodings.idna\n"
            "loaded = [m for m in list(sys.modules.values()) if getattr(m, '__cached__', None)]\n"
            "import os\n"
            "print([m.__name__ for m in loaded if not os.path.exists(m.__cached__)])\n"
        )
        assert agent.run("python3", "-c", program).stdout.decode().strip() == "[]"


def test_nothing_is_left_that_installs_or_raises_privileges(image: str, files: Path) -> None:
    assert [name for name in INSTALLERS if os.path.lexists(files / name)] == []
    found = {path.name for path in files.rglob("*")}
    assert not found & {"pip", "ensurepip", "setuptools"}
    assert "stale.pyc" not in found
    raised = [path for path in files.rglob("*") if path.is_file() and path.stat().st_mode & 0o6000]
    assert raised == []
    assert (files / DATABASE).exists(), "scanners read what is installed"


def test_it_is_smaller_than_its_base_and_one_program(
    builder: Builder, image: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with builder.container(BASE) as (_, base):
        before, after = size_of(base), size_of(files)
    with capsys.disabled():
        print(f"\nimage: {after / MIB:.1f} MiB on a base of {before / MIB:.1f} MiB", end=" ")
    assert after < before
    config = builder.config(image)["config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == (
        "65532:65532", ["python3", "-m", "cni_probe_agent"], ["serve"],
    )  # fmt: skip


def test_another_platform_s_image_is_built_without_running_its_programs(builder: Builder, foreign_base: str) -> None:
    name = builder.build("localhost/cni-probe-agent:foreign", foreign_base, FOREIGN)
    config = builder.config(name)
    assert f"{config['os']}/{config['architecture']}" == FOREIGN
    with builder.container(name) as (_, root):
        (program,) = (root / "usr/local/bin").glob("python3.*")
        assert program.read_bytes() == FOREIGN_PROGRAM
        assert (root / "opt/agent/cni_probe_agent/__main__.py").exists()


def test_without_a_builder_it_says_what_it_needs(no_docker: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "scripts/image", "x"], env=no_docker, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "none of docker (with its engine running), podman or buildah is here" in done.stderr
