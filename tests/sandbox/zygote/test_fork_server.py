"""The zygote by itself: whatever it is asked, it answers, reaps and leaks nothing."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict
from typing import Any

import pytest

from probe.sandbox.zygote.protocol import ExecProcess
from tests.sandbox.processes import descendants, open_files, wait_until
from tests.sandbox.zygote.forks import Zygote

pytestmark = pytest.mark.sandbox


def test_the_exit_code_of_a_container_is_told(zygote: Zygote) -> None:
    pid, pidfd, _ = zygote.start("sh", "-c", "exit 7")
    assert zygote.hear() == {"exited": pid, "code": 7}
    os.close(pidfd)


def test_a_signal_is_told_as_128_plus_its_number(zygote: Zygote) -> None:
    pid, pidfd, _ = zygote.start("sh", "-c", "sleep 600")
    os.kill((descendants(zygote.pid) - {zygote.pid}).pop(), 9)
    assert zygote.hear() == {"exited": pid, "code": 137}
    os.close(pidfd)


def test_a_container_takes_all_its_processes_with_it(zygote: Zygote) -> None:
    pid, pidfd, _ = zygote.start("sh", "-c", "setsid sleep 600 & sleep 600 & wait")
    zygote.execute(pidfd, "sh", "-c", "setsid sleep 600 & sleep 600")
    wait_until(lambda: len(descendants(zygote.pid)) >= 6)
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    ended = {zygote.hear()["exited"], zygote.hear()["exited"]}
    assert pid in ended
    wait_until(lambda: descendants(zygote.pid) == {zygote.pid})
    os.close(pidfd)


def test_a_command_that_is_not_there_is_refused_with_a_reason(zygote: Zygote) -> None:
    pid, pidfd, refusal = zygote.start("no-such-command")
    assert refusal == 'exec: "no-such-command": executable file not found in $PATH'
    assert zygote.hear() == {"exited": pid, "code": 127}
    os.close(pidfd)


def test_a_directory_that_is_not_there_is_refused_with_a_reason(zygote: Zygote) -> None:
    _, pidfd, refusal = zygote.start("true", cwd="/no/such/place")
    assert "/no/such/place" in refusal
    os.close(pidfd)


def test_a_container_that_has_ended_cannot_be_entered(zygote: Zygote) -> None:
    _, pidfd, _ = zygote.start("true")
    zygote.hear()
    process = ExecProcess(["true"], {})
    zygote.say({"id": 9, "op": "exec", **asdict(process)}, (zygote.null, pidfd, *[zygote.null] * 3))
    answer = zygote.hear()
    assert answer["id"] == 9
    assert "No such process" in answer["error"]
    os.close(pidfd)


GOOD = {"id": 5, "op": "start", "argv": ["true"], "env": {}, "hostname": "pod"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": 5},
        {"id": 5, "op": "fly"},
        {"id": "five", "op": "start"},
        {"id": 5, "op": "start"},
        GOOD,  # without its file descriptors
        GOOD | {"argv": []},
        GOOD | {"argv": "true"},
        GOOD | {"argv": [1]},
        GOOD | {"argv": ["a\0b"]},
        GOOD | {"env": ["A=1"]},
        GOOD | {"wings": 2},
        GOOD | {"mounts": [{"target": "/run/x"}]},
        [],
    ],
    ids=str,
)
def test_a_request_that_makes_no_sense_is_answered_and_forgotten(zygote: Zygote, body: Any) -> None:
    zygote.say(body)
    assert zygote.hear()["error"]
    _, pidfd, refusal = zygote.start("true")
    assert refusal == ""
    os.close(pidfd)


def test_bytes_that_are_no_message_are_answered_and_forgotten(zygote: Zygote) -> None:
    for data in (b"garbage", b"\xff\xfe", b"[" * 100_000, b"{" + b" " * 150_000):
        zygote.say_bytes(data)
        assert zygote.hear()["error"]


def test_too_many_descriptors_are_not_kept(zygote: Zygote) -> None:
    before = open_files(zygote.pid)
    for _ in range(5):
        zygote.say(GOOD, [zygote.null] * 20)
        assert zygote.hear()["error"]
    assert open_files(zygote.pid) == before


def test_nothing_leaks_over_many_containers_and_execs(zygote: Zygote) -> None:
    before = open_files(zygote.pid)
    for _ in range(20):
        _, pidfd, _ = zygote.start("sleep", "600")
        _, exec_pidfd, _ = zygote.execute(pidfd, "true")
        zygote.hear()
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        zygote.hear()
        os.close(pidfd)
        os.close(exec_pidfd)
    assert open_files(zygote.pid) == before
    assert descendants(zygote.pid) == {zygote.pid}
