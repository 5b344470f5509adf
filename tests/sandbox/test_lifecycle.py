"""A sandbox begins, ends, breaks and is killed; nothing of it stays, and nothing of it was ever on the host."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import Family
from probe.model.errors import MissingRequirement, SandboxError
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.sandbox.requirements import check_host
from tests import commands
from tests.sandbox.kube import EXTERNAL, Kube, ip
from tests.sandbox.processes import children, descendants, wait_until

CLI = [sys.executable, "-c", "import sys; from probe.cli import main; sys.exit(main())", "sandbox"]
NFT = shutil.which("nft")
LINKS = {"underlay", "node-1", "node-2", "pod1", "outside-1"}


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime directory of the test's own; the host's network is compared before and after."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    before = host_network()
    yield tmp_path / "cni-probe"
    cli("down", "--all")
    assert host_network() == before


def cli(*words: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    if prefix:
        return subprocess.run([*prefix, *CLI, *words], capture_output=True, text=True, timeout=60, check=False)
    return commands.run("sandbox", *words)


def up(*words: str, prefix: Sequence[str] = ()) -> dict[str, Any]:
    """Bring one up; its state."""
    done = cli("up", *words, prefix=prefix)
    if done.returncode == 3 and "cannot run on this machine" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = status()[-1]
    return found


def status() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(cli("status", "-o", "json").stdout)
    return listed


def host_network() -> tuple[object, ...]:
    """What a sandbox could have left on the host: links, namespaces kept by a mount, nftables (where we may look)."""
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if " nsfs " in line]
    tables = subprocess.run([NFT, "list", "tables"], capture_output=True, text=True, check=False) if NFT else None
    return set(os.listdir("/sys/class/net")) & LINKS, mounts, tables and tables.stdout


async def with_pods(kubeconfig: Path) -> None:
    """Something to leave behind: two pods and an external endpoint."""
    spec = {"addresses": ["10.0.12.34"], "ports": [{"port": 443, "protocol": "TCP"}]}
    vault = {"apiVersion": EXTERNAL[6:], "kind": "ExternalEndpoint", "metadata": {"name": "vault"}, "spec": spec}
    async with Kube.connect(kubeconfig) as kube:
        await kube.ok("POST", f"{EXTERNAL}/namespaces/default/externalendpoints", vault)
        await asyncio.gather(*(kube.pod("default", f"pod-{i}", "80/TCP") for i in range(2)))


@pytest.mark.sandbox
async def test_up_status_down(runtime: Path) -> None:
    assert "no sandbox is running" in cli("status").stdout
    state = up()
    assert state["name"] == "default"
    assert os.stat(state["kubeconfig"]).st_mode & 0o077 == 0
    async with Kube.connect(Path(state["kubeconfig"])) as kube:
        nodes = await kube.ok("GET", "/api/v1/nodes")
    assert [node["metadata"]["name"] for node in nodes["items"]] == ["node-1", "node-2"]
    assert "sandbox default is down" in cli("down").stdout
    assert list(runtime.iterdir()) == []
    assert "no sandbox named default is running" in cli("down").stdout
    assert "no sandbox named other is running" in cli("status", "--name", "other").stdout


@pytest.mark.sandbox
def test_up_again_says_that_it_is_running() -> None:
    first = up()
    again = cli("up", "--nodes", "2")
    assert again.returncode == 0
    assert "running already (2 nodes" in again.stderr
    assert again.stdout == f"export KUBECONFIG={first['kubeconfig']}\n"
    assert status() == [first]


@pytest.mark.sandbox
def test_up_with_options_that_the_running_one_has_not_is_refused() -> None:
    """A negative control that enforces after all would be a false pass."""
    first = up()
    for option in ("--nodes 5", "--dual-stack", "--no-enforcement", "--fault except-ignored"):
        again = cli("up", *option.split())
        assert (again.returncode, again.stdout) == (2, "")
        assert f"without {option}: end it with `cni-probe sandbox down --name default`" in again.stderr
    assert status() == [first]


@pytest.mark.sandbox
def test_two_sandboxes_live_side_by_side() -> None:
    one, other = up("--name", "a-one"), up("--name", "b-other", "--nodes", "3")
    assert one["server"] != other["server"]
    assert cli("down", "--name", "a-one").returncode == 0
    assert [state["name"] for state in status()] == ["b-other"]


@pytest.mark.sandbox
@pytest.mark.parametrize("victim", ["PID 1", "its parent"])
async def test_a_killed_sandbox_leaves_nothing_that_the_next_up_does_not_clean(runtime: Path, victim: str) -> None:
    state = up()
    await with_pods(Path(state["kubeconfig"]))
    parent = int(Path(f"/proc/{state['pid']}/stat").read_text().rpartition(")")[2].split()[1])
    processes = descendants(state["pid"])
    assert len(processes) >= 5
    os.kill(state["pid"] if victim == "PID 1" else parent, signal.SIGKILL)
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in processes))
    again = cli("up")
    assert again.returncode == 0, again.stderr
    assert "removed what was left of sandbox default" in again.stderr
    assert status()[0]["pid"] != state["pid"]


@pytest.mark.sandbox
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
async def test_a_sandbox_in_the_foreground_ends_with_its_parent(runtime: Path, number: signal.Signals) -> None:
    words = [*CLI, "up", "--foreground"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: ASYNC220
        assert process.stdout is not None
        process.stdout.readline()
        state = status()[0]
        await with_pods(Path(state["kubeconfig"]))
        processes = descendants(state["pid"])
        process.send_signal(number)
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in processes))
    cli("status")
    assert list(runtime.iterdir()) == []


@pytest.mark.sandbox
async def test_a_sandbox_ends_with_its_block(runtime: Path) -> None:
    async with Sandbox.start() as sandbox:
        assert sandbox.kubeconfig.exists()
        assert runtime in sandbox.kubeconfig.parents
    assert not os.path.exists(f"/proc/{sandbox.pid}")
    assert list(runtime.iterdir()) == []


@pytest.mark.sandbox
async def test_a_part_that_fails_takes_the_sandbox_down_and_says_so() -> None:
    async def break_one() -> None:
        async with Sandbox.start() as sandbox:
            (fork_server,) = children(sandbox.pid)
            os.kill(fork_server, signal.SIGKILL)
            async with asyncio.timeout(60):
                await sandbox.ended()

    with pytest.raises(SandboxError, match="broke down: the sandbox's fork server has ended"):
        await break_one()


@pytest.mark.sandbox
def test_a_kubeconfig_goes_where_it_is_asked_for_and_away_again(tmp_path: Path) -> None:
    wanted = tmp_path / "here.yaml"
    up("--kubeconfig", str(wanted))
    assert "cni-probe-default" in wanted.read_text()
    cli("down")
    assert not wanted.exists()


@pytest.mark.sandbox
def test_a_kubeconfig_of_somebody_elses_is_never_touched(tmp_path: Path, runtime: Path) -> None:
    precious = tmp_path / "config"
    precious.write_text("apiVersion: v1\n")
    done = cli("up", "--kubeconfig", str(precious))
    assert done.returncode == 3
    assert "was not written by" in done.stderr
    assert precious.read_text() == "apiVersion: v1\n"
    assert list(runtime.iterdir()) == []


@pytest.mark.sandbox
@pytest.mark.parametrize(
    ("families", "addresses"),
    [((Family.IPV6,), 1), ((Family.IPV4, Family.IPV6), 2)],
    ids=["IPv6", "dual-stack"],
)
async def test_pods_have_an_address_of_each_family(families: tuple[Family, ...], addresses: int) -> None:
    async with Sandbox.start(SandboxOptions(families=families)) as sandbox, Kube.connect(sandbox.kubeconfig) as kube:
        spec = {"addresses": ["2001:db8::7"], "ports": [{"port": 443, "protocol": "TCP"}]}
        vault = {"apiVersion": EXTERNAL[6:], "kind": "ExternalEndpoint", "metadata": {"name": "vault"}, "spec": spec}
        endpoints = f"{EXTERNAL}/namespaces/default/externalendpoints"
        await kube.ok("POST", endpoints, vault)
        for i in range(2):
            await kube.pod("default", f"pod-{i}", "80/TCP", "53/UDP")
        await kube.wait(f"{endpoints}/vault", lambda answer: answer.get("status", {}).get("ready"))
        other = await kube.ready("default", "pod-1")
        assert len(other["status"]["podIPs"]) == addresses
        for index in range(addresses):
            for port in ("80/TCP", "53/UDP"):
                assert (await kube.dial("default", "pod-0", ip(other, index), port)).startswith("connected")
        assert (await kube.dial("default", "pod-0", "2001:db8::7", "443/TCP")).startswith("connected")
        assert (await kube.dial("default", "pod-0", "2001:db8::8", "443/TCP")).startswith("unreachable")


def test_everything_that_is_missing_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str | None) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("probe.sandbox.requirements._search_path", lambda: "/nowhere")
    monkeypatch.setattr(ctypes, "CDLL", no_library)
    with pytest.raises(MissingRequirement) as missing:
        check_host()
    assert "util-linux" in str(missing.value)
    assert "libnftables1" in str(missing.value)


def test_other_systems_than_linux_are_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(MissingRequirement, match="needs Linux"):
        check_host()


@pytest.mark.parametrize("options", [("--nodes", "0"), ("--name", "Über"), ("--name", "../x")])
def test_impossible_options_are_refused(options: tuple[str, ...]) -> None:
    assert cli("up", *options).returncode == 2


def test_a_state_directory_that_others_can_write_to_is_refused(runtime: Path) -> None:
    runtime.mkdir()
    runtime.chmod(0o777)
    done = cli("up")
    assert done.returncode == 3
    assert "only you can use" in done.stderr
    runtime.chmod(0o700)


@pytest.mark.sandbox
async def test_who_may_not_make_namespaces_gets_them_in_a_user_namespace() -> None:
    if os.geteuid() != 0:
        pytest.skip("every other test shows it already")
    lesser = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
    state = up("--name", "lesser", prefix=lesser)
    await with_pods(Path(state["kubeconfig"]))
    assert Path(f"/proc/{state['pid']}/uid_map").read_text().split() == ["0", "0", "1"]


@pytest.fixture
def nobodys_runtime() -> Iterator[Path]:
    """A runtime directory of a normal user's own; not below pytest's, which only root may enter."""
    with tempfile.TemporaryDirectory(prefix="cni-probe-test-") as folder:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        yield Path(folder)


async def test_a_normal_user_gets_one_too(nobodys_runtime: Path) -> None:
    """Not marked as a sandbox test: whether it can run depends on where Python and this package are installed."""
    if os.geteuid() != 0:
        pytest.skip("every other test shows it already")
    # through a shell: what setpriv itself executes may still be found with root's rights
    ids = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    nobody = (*ids, "env", f"XDG_RUNTIME_DIR={nobodys_runtime}", "sh", "-c", 'exec "$@"', "sh")
    if cli("status", prefix=nobody).returncode != 0:
        pytest.skip("Python or the package is in a directory that only root can read")
    name = f"nobody-{os.getpid()}"
    done = cli("up", "--name", name, prefix=nobody)
    if "user namespaces" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    try:
        await with_pods(nobodys_runtime / "cni-probe" / name / "kubeconfig")
    finally:
        assert "is down" in cli("down", "--name", name, prefix=nobody).stdout
