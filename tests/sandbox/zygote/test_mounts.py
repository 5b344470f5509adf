"""Where volumes can be mounted: anywhere, and the host's files stay what they are."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.sandbox.zygote.forks import Zygote

pytestmark = pytest.mark.sandbox


def inside(zygote: Zygote, script: str, *mounts: Mapping[str, object]) -> str:
    """What a shell script in a container with these mounts says."""
    read, write = os.pipe()
    null, zygote.null = zygote.null, write
    try:
        _, pidfd, refusal = zygote.start("sh", "-c", f"({script}) 2>&1", mounts=mounts)
        assert refusal == ""
        zygote.hear()
        os.close(pidfd)
    finally:
        zygote.null = null
        os.close(write)
    with os.fdopen(read) as output:
        return output.read()


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("content\n")
    return tmp_path


@pytest.mark.parametrize(
    "target",
    ["/run/volume", "/var/run/secrets/kubernetes.io/serviceaccount", "/opt/agent", "/usr/share/x/y", "/no/such/place"],
)
def test_a_directory_can_be_mounted_anywhere(zygote: Zygote, volume: Path, target: str) -> None:
    assert inside(zygote, f"cat {target}/file", {"source": str(volume), "target": target}) == "content\n"
    assert not os.path.exists(target), "the host got it"


@pytest.mark.parametrize(
    "target", ["/etc/resolv.conf", "/etc/none.conf", "/none.conf", "/run/a/b.conf", "/usr/x/y.conf"]
)
def test_a_file_can_be_mounted_anywhere(zygote: Zygote, volume: Path, target: str) -> None:
    mount = {"source": str(volume / "file"), "target": target}
    assert inside(zygote, f"cat {target}; ls /etc/passwd", mount) == "content\n/etc/passwd\n"


def test_what_was_there_stays_there_beside_it(zygote: Zygote, volume: Path) -> None:
    mounts = [{"source": str(volume), "target": target} for target in ("/usr/share/x", "/usr/share/y", "/agent")]
    for directory in ("/", "/usr", "/usr/share"):
        listed = set(inside(zygote, f"ls -A {directory}", *mounts).split())
        assert listed >= set(os.listdir(directory))
    assert inside(zygote, "sh -c 'echo here'; cat /proc/1/comm; ls /run", *mounts) == "here\nsh\ncni-probe\n"


def test_commands_that_join_see_the_same(zygote: Zygote, volume: Path) -> None:
    mounts = [{"source": str(volume), "target": "/no/such/place"}]
    _, pidfd, _ = zygote.start("sleep", "600", mounts=mounts)
    _, joined, refusal = zygote.execute(pidfd, "cat", "/no/such/place/file")
    assert (refusal, zygote.hear()["code"]) == ("", 0)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    zygote.hear()
    os.close(joined)
    os.close(pidfd)


def test_the_hosts_files_cannot_be_written_wherever_volumes_are(zygote: Zygote, volume: Path) -> None:
    mounts = [{"source": str(volume), "target": target} for target in ("/usr/share/x", "/x")]
    for path in ("/etc/passwd", "/usr/share/x/../doc/new", "/usr/new", "/etc/new"):
        assert "Read-only file system" in inside(zygote, f": >> {path}", *mounts), path
    assert inside(zygote, "echo more >> /x/file; cat /usr/share/x/file", *mounts) == "content\nmore\n"


def test_a_volume_can_be_read_only(zygote: Zygote, volume: Path) -> None:
    mount = {"source": str(volume), "target": "/x", "read_only": True}
    assert "Read-only file system" in inside(zygote, "echo more > /x/file", mount)
    assert (volume / "file").read_text() == "content\n"


def test_a_volume_inside_a_volume_is_made_there(zygote: Zygote, volume: Path) -> None:
    (volume / "outer").mkdir()
    mounts = [{"source": str(volume / "outer"), "target": "/x"}, {"source": str(volume), "target": "/x/inner"}]
    assert inside(zygote, "cat /x/inner/file", *mounts) == "content\n"
    assert (volume / "outer" / "inner").is_dir()


def test_a_file_is_no_place_for_a_directory(zygote: Zygote, volume: Path) -> None:
    _, pidfd, refusal = zygote.start("true", mounts=[{"source": str(volume), "target": "/etc/passwd"}])
    assert "cannot mount on /etc/passwd" in refusal
    os.close(pidfd)
