"""The commands of the agent's program, as people, kubelets and the sandbox's fork server run them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.conftest import Ports
from tests.agent.support import COMMAND, RunningAgent, environment, free_port, serving, wait_for

HELLO = b'{"v":1,"op":"hello","session":"s","ack":0}\n'


def test_dial_prints_one_line_and_exits_0_when_connected(agent: RunningAgent, ports: Ports) -> None:
    done = agent.run("dial", "127.0.0.1", f"{ports.udp}/UDP", "--timeout", "2")
    assert done.returncode == 0
    (line,) = done.stdout.decode().splitlines()
    assert line.startswith(f"connected 127.0.0.1 {ports.udp}/UDP in ")
    assert agent.uid in line


def test_dial_exits_1_and_names_the_errno_otherwise(agent: RunningAgent) -> None:
    done = agent.run("dial", "127.0.0.1", f"{free_port()}/TCP")
    assert done.returncode == 1
    assert done.stdout.decode().startswith("refused ")
    assert "ECONNREFUSED" in done.stdout.decode()


def test_dial_resolves_a_name_for_people(agent: RunningAgent, ports: Ports) -> None:
    assert agent.run("dial", "localhost", f"{ports.tcp}/TCP").returncode == 0
    assert agent.run("dial", "no-such-host.invalid", f"{ports.tcp}/TCP").stdout.startswith(b"unresolved ")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["sing"],
        ["serve", "--port"],
        ["serve", "--port", "0/TCP"],
        ["serve", "--port", "80/ICMP"],
        ["serve", "--linger", "--port", "80/TCP"],
        ["dial", "::1"],
        ["dial", "::1", "80/TCP", "--timeout", "soon"],
        ["dial", "::1", "80/TCP", "--timeout", "-1"],
        ["relay", "now"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_line_exits_2_with_usage(agent: RunningAgent, argv: list[str]) -> None:
    done = agent.run(*argv)
    assert done.returncode == 2
    assert b"usage:" in done.stderr


def test_ready_is_0_only_while_an_agent_answers(agent: RunningAgent, ports: Ports) -> None:
    done = agent.run("ready")
    assert done.returncode == 0
    assert f"{ports.tcp}/TCP IPv4: listening" in done.stdout.decode()
    agent.kill()
    done = agent.run("ready")
    assert done.returncode == 1
    assert b"not ready" in done.stderr


def test_one_that_lingers_goes_on_after_sigterm(tmp_path: Path, ports: Ports) -> None:
    with serving(tmp_path / "lingering.sock", [f"{ports.tcp}/TCP"], "uid", COMMAND, "--linger") as agent:
        agent.process.send_signal(signal.SIGTERM)
        assert agent.run("dial", "127.0.0.1", f"{ports.tcp}/TCP").returncode == 0
        agent.kill()


def test_relay_carries_frames_both_ways_and_ends_with_its_stdin(agent: RunningAgent) -> None:
    done = agent.run("relay", stdin=HELLO + b'{"op":"ping","id":"p"}\n')
    assert done.returncode == 0
    assert [json.loads(line)["op"] for line in done.stdout.splitlines()] == ["hello", "pong"]


def test_relay_waits_for_an_agent_that_is_about_to_start(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    pipe = subprocess.PIPE
    with subprocess.Popen((*COMMAND, "relay"), env=environment(path), stdin=pipe, stdout=pipe) as relay:
        assert relay.stdin is not None
        relay.stdin.write(HELLO)
        relay.stdin.flush()
        with serving(path, []):
            out, _ = relay.communicate(timeout=20)
    assert json.loads(out)["op"] == "hello"


def test_relay_gives_up_with_a_reason(tmp_path: Path) -> None:
    program = f"from cni_probe_agent import relay; raise SystemExit(relay.run({str(tmp_path / 'none.sock')!r}, 0.1))"
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "no agent at" in done.stderr.decode()
    assert "No such file" in done.stderr.decode()


def test_relay_ends_when_the_agent_does(agent: RunningAgent) -> None:
    pipe = subprocess.PIPE
    argv = (*COMMAND, "relay")
    with subprocess.Popen(argv, env=environment(agent.socket_path), stdin=pipe, stdout=pipe) as relay:
        assert relay.stdin is not None
        assert relay.stdout is not None
        relay.stdin.write(HELLO)
        relay.stdin.flush()
        relay.stdout.readline()
        agent.kill()
        assert relay.wait(timeout=10) == 0


def test_relay_holds_back_an_agent_that_nobody_listens_to(agent: RunningAgent, ports: Ports) -> None:
    targets = [["127.0.0.1", ports.tcp, "TCP"]] * 4000
    frames = [
        {"op": "dial", "id": id, "nonce": id, "timeout": 5, "in_flight": 64, "targets": targets}
        for id in ("a", "b", "c")
    ]
    pipe = subprocess.PIPE
    argv = (*COMMAND, "relay")
    with subprocess.Popen(argv, env=environment(agent.socket_path), stdin=pipe, stdout=pipe) as relay:
        assert relay.stdin is not None
        relay.stdin.write(HELLO + b"".join(json.dumps(frame).encode() + b"\n" for frame in frames))
        relay.stdin.flush()
        with agent.control() as control:  # another session is served meanwhile
            control.hello("other")
            assert control.dial(("127.0.0.1", ports.tcp, "TCP"), timeout=5)[0][0] == "connected"
        out, _ = relay.communicate(timeout=90)
    rows = [row for line in out.splitlines() for row in json.loads(line).get("results", [])]
    assert len(rows) == 12_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_promptly_with_0_even_in_a_batch(agent: RunningAgent, number: signal.Signals) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, agent.control() as control:
        silent.bind(("127.0.0.1", 0))
        control.hello()
        targets = [["127.0.0.1", silent.getsockname()[1], "UDP"]] * 200
        control.send(op="dial", id="b", nonce="n", timeout=60, targets=targets)
        silent.recv(1024)
        agent.process.send_signal(number)
        assert agent.process.wait(timeout=30) == 0
    assert not agent.socket_path.exists()


def test_a_socket_that_a_predecessor_left_is_replaced(agent: RunningAgent) -> None:
    agent.kill()
    assert agent.socket_path.exists()
    with serving(agent.socket_path, []), agent.control() as control:
        assert control.hello()["resumed"] is False


def test_only_its_own_user_may_use_the_control_socket(agent: RunningAgent) -> None:
    assert os.stat(agent.socket_path).st_mode & 0o777 == 0o600


def test_it_runs_in_a_forked_child_of_a_process_that_imported_it(tmp_path: Path) -> None:
    program = """
import os, sys
from cni_probe_agent.__main__ import main
for name in sys.argv[1:]:
    if os.fork() == 0:
        os.environ["CNI_PROBE_SOCKET"] = name
        os._exit(main(["serve"]))
for _ in sys.argv[1:]:
    assert os.wait()[1] == 0
"""
    paths = [tmp_path / "a.sock", tmp_path / "b.sock"]
    with subprocess.Popen((sys.executable, "-c", program, *map(str, paths)), start_new_session=True) as parent:
        agents = [RunningAgent(parent, path, "") for path in paths]
        wait_for(lambda: all(agent.run("ready").returncode == 0 for agent in agents), "both agents")
        instances = set()
        for agent in agents:
            with agent.control() as control:
                instances.add(control.hello()["instance"])
        assert len(instances) == 2
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        assert parent.wait(timeout=10) == 0
