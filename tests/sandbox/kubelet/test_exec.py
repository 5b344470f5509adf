"""exec: commands in a running pod."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from tests.sandbox.kube import Kube

pytestmark = pytest.mark.sandbox


@pytest_asyncio.fixture
async def pod(kube: Kube, namespace: str) -> str:
    await kube.pod(namespace, "pod", "80/TCP")
    return "pod"


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 128 + 15), ("kill -KILL $$", 128 + 9)],
    ids=["success", "failure", "SIGTERM", "SIGKILL"],
)
async def test_the_exit_code_is_the_commands(kube: Kube, namespace: str, pod: str, script: str, code: int) -> None:
    assert (await kube.exec(namespace, pod, "sh", "-c", script)).code == code


async def test_a_command_that_is_not_there_is_127(kube: Kube, namespace: str, pod: str) -> None:
    done = await kube.exec(namespace, pod, "no-such-command")
    assert done.code == 127
    assert "executable file not found" in done.stderr


async def test_a_file_that_cannot_be_executed_is_126(kube: Kube, namespace: str, pod: str) -> None:
    assert (await kube.exec(namespace, pod, "/etc/passwd")).code == 126


async def test_stdout_and_stderr_are_apart(kube: Kube, namespace: str, pod: str) -> None:
    done = await kube.exec(namespace, pod, "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


async def test_stdin_arrives_whole_and_ends(kube: Kube, namespace: str, pod: str) -> None:
    done = await kube.exec(namespace, pod, "wc", "-c", stdin=b"x" * 300_000)
    assert done.stdout.strip() == "300000"


async def test_without_stdin_there_is_nothing_to_read(kube: Kube, namespace: str, pod: str) -> None:
    assert (await kube.exec(namespace, pod, "wc", "-c")).stdout.strip() == "0"


async def test_much_output_arrives_whole(kube: Kube, namespace: str, pod: str) -> None:
    done = await kube.exec(namespace, pod, "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x")
    assert len(done.stdout) == 3_000_000


async def test_a_terminal_is_the_commands_own(kube: Kube, namespace: str, pod: str) -> None:
    done = await kube.exec(namespace, pod, "sh", "-c", "tty; echo err >&2; cat; exit 4", stdin=b"typed\n", tty=True)
    assert done.code == 4
    assert "/dev/pts/" in done.stdout
    assert "err\r\n" in done.stdout
    assert done.stdout.count("typed\r\n") == 2  # echoed by the terminal, then printed by cat


async def test_a_terminal_has_the_clients_size(kube: Kube, namespace: str, pod: str) -> None:
    script = "until [ \"$(stty size)\" = '40 123' ]; do :; done; echo resized"
    done = await kube.exec(
        namespace, pod, "timeout", "5", "sh", "-c", script, tty=True, resize='{"Width":123,"Height":40}'
    )
    assert "resized" in done.stdout


async def test_commands_live_in_the_pods_namespaces(kube: Kube, namespace: str, pod: str) -> None:
    done = await kube.exec(namespace, pod, "sh", "-c", "hostname; cat /proc/1/comm; ls /sys/class/net >/dev/null")
    assert done.stdout == "pod\ncni-probe-agent\n"


async def test_commands_have_the_containers_environment_and_nothing_else(kube: Kube, namespace: str, pod: str) -> None:
    names = {
        line.partition("=")[0] for line in (await kube.exec(namespace, pod, "env")).stdout.splitlines() if "=" in line
    }
    assert names <= {"PATH", "HOME", "HOSTNAME", "CNI_PROBE_POD_UID", "PWD", "SHLVL", "_"} | {
        name for name in names if name.startswith("KUBERNETES_")
    }


async def test_commands_have_no_more_privileges_than_the_container(kube: Kube, namespace: str, pod: str) -> None:
    status = (await kube.exec(namespace, pod, "cat", "/proc/self/status")).stdout
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    assert {fields[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert fields["NoNewPrivs"].strip() == "1"


async def test_a_pod_cannot_write_to_the_hosts_files(kube: Kube, namespace: str, pod: str) -> None:
    done = await kube.exec(namespace, pod, "sh", "-c", "touch /cni-probe-was-here")
    assert "Read-only file system" in done.stderr


async def test_a_container_that_is_not_running_cannot_be_entered(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "waiting", "80/TCP", container={"image": "nginx"}, wait=False)
    path = f"/api/v1/namespaces/{namespace}/pods/waiting"
    await kube.wait(path, lambda pod: pod["status"].get("containerStatuses"))
    answer = await kube.call("POST", f"{path}/exec?command=true&stdout=true&container=agent")
    assert answer["status"] == "Failure"


async def test_many_execs_at_once(kube: Kube, namespace: str, pod: str) -> None:
    every = await asyncio.gather(*(kube.exec(namespace, pod, "sh", "-c", f"echo {i}; exit {i}") for i in range(40)))
    assert [(done.code, done.stdout) for done in every] == [(i, f"{i}\n") for i in range(40)]


async def test_a_client_that_goes_away_takes_its_command_with_it(kube: Kube, namespace: str, pod: str) -> None:
    endless = asyncio.create_task(kube.exec(namespace, pod, "sleep", "4242", stdin=b""))
    listing = ("sh", "-c", "grep -l sleep /proc/[0-9]*/comm | wc -l")
    async with asyncio.timeout(60):
        while (await kube.exec(namespace, pod, *listing)).stdout.strip() != "1":
            pass
        endless.cancel()
        while (await kube.exec(namespace, pod, *listing)).stdout.strip() != "0":
            pass
