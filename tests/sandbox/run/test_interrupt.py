"""A run that is cut off: it cleans up, says what was measured, and what SIGKILL leaves `clean` removes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode
from tests import commands
from tests.sandbox.processes import wait_until

pytestmark = pytest.mark.sandbox


@contextmanager
def running(cluster: Any, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, handed over once its first step has begun (as its progress says)."""
    # As a terminal starts it: under nohup, which the tests may be, SIGHUP would be ignored.
    here = ["env", "--default-signal=HUP", sys.executable]
    command = [*here, "-m", "probe", "run", "--kubeconfig", str(cluster.kubeconfig), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "closed" in line:
                    break
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_cleans_up_and_says_what_it_measured(
    cluster: Any, two_pods: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "run.json"
    with running(cluster, str(two_pods), "-o", f"json={out}") as process:
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == ExitCode.INTERRUPTED
    record = json.loads(out.read_text())
    assert record["interrupted"]
    assert record["scenarios"][0]["steps"][0]["name"] == "open"
    assert {cell["verdict"] for cell in record["scenarios"][0]["steps"][0]["cells"]} == {"pass"}
    assert cluster.leftovers() == []


def test_clean_removes_what_a_killed_run_left(cluster: Any, two_pods: Path) -> None:
    with running(cluster, str(two_pods)) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    assert cluster.leftovers() != []
    spared = clean(cluster, "--older-than", "3600")
    assert "spared 1 younger namespace\nnothing to clean" in spared.stdout
    assert cluster.leftovers() != []
    done = clean(cluster)
    assert "made less than an hour ago, and maybe still at work" in done.stderr
    assert cluster.leftovers() == []


def clean(cluster: Any, *words: str) -> subprocess.CompletedProcess[str]:
    done = commands.run("clean", "--kubeconfig", str(cluster.kubeconfig), *words)
    assert done.returncode == 0, done.stderr
    return done


def test_a_signal_while_reports_are_written_costs_none(cluster: Any, two_pods: Path, tmp_path: Path) -> None:
    """The first report goes to a pipe that nobody reads yet: the signal comes in the middle of the writing."""
    pipe, out = tmp_path / "pipe", tmp_path / "run.json"
    os.mkfifo(pipe)
    words = ("run", "-q", str(two_pods), "-o", f"junit={pipe}", "-o", f"json={out}")
    command = [sys.executable, "-m", "probe", *words, "--kubeconfig", str(cluster.kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        wait_until(lambda: opens_a_pipe(process.pid), seconds=60)
        process.send_signal(signal.SIGTERM)
        assert "writing the reports first" in process.stderr.readline()
        assert "<testsuites" in pipe.read_text()
        stdout, _ = process.communicate(timeout=60)
    assert process.returncode == ExitCode.PASSED
    assert json.loads(out.read_text())["exitCode"] == ExitCode.PASSED
    assert "exit code 0" in stdout
    assert cluster.leftovers() == []


def opens_a_pipe(pid: int) -> bool:
    """Whether a process waits in the kernel for somebody who reads the named pipe that it opens."""
    return Path(f"/proc/{pid}/wchan").read_text() in ("wait_for_partner", "fifo_open")
