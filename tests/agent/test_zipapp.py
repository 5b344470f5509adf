"""The agent as one file, as it runs where there is no image of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from probe.cluster.agent_code import agent_zipapp
from tests.agent.support import free_port, serving


@pytest.fixture
def pyz(tmp_path: Path) -> Path:
    path = tmp_path / "agent.pyz"
    path.write_bytes(agent_zipapp())
    path.chmod(0o444)
    return path


def test_it_serves_dials_and_relays_with_nothing_but_python(pyz: Path, tmp_path: Path) -> None:
    command = (sys.executable, "-I", "-S", str(pyz))  # without what is installed here, the agent among it
    port = free_port()
    with serving(tmp_path / "agent.sock", [f"{port}/TCP", f"{port}/UDP"], command=command) as agent:
        with agent.control() as control:
            control.hello()
            rows = control.dial(("127.0.0.1", port, "TCP"), ("127.0.0.1", port, "UDP"))
            assert [rows[index][0] for index in range(2)] == ["connected", "connected"]
        relayed = agent.run("relay", stdin=b'{"v":1,"op":"hello","session":"s","ack":0}\n')
        assert b'"op":"hello"' in relayed.stdout.replace(b" ", b"")
        dialled = agent.run("dial", "127.0.0.1", f"{port}/TCP")
        assert dialled.stdout.startswith(b"connected ")


def test_its_usage_and_exit_codes_are_those_of_the_package(pyz: Path) -> None:
    done = subprocess.run((sys.executable, str(pyz), "sing"), capture_output=True, timeout=30, check=False)
    assert done.returncode == 2
    assert b"usage:" in done.stderr
