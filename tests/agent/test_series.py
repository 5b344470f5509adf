"""Series: cells that are probed at a steady pace whoever listens, and what a reader is told of them."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cni_probe_agent.series_desk import MAX_SERIES
from tests.agent.conftest import Ports
from tests.agent.support import COMMAND, Control, RunningAgent, environment, free_port, serving, wait_for

INTERVAL = 0.05
TIMEOUT = 0.3


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports(free_port(), free_port())


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> Iterator[RunningAgent]:
    """One agent for all series here."""
    with serving(tmp_path_factory.mktemp("agent") / "agent.sock", [f"{ports.tcp}/TCP", f"{ports.udp}/UDP"]) as agent:
        yield agent


@pytest.fixture
def control(agent: RunningAgent) -> Iterator[Control]:
    with agent.control() as control:
        control.hello(session="")
        yield control


class Reader:
    """A series, and all entries that were read of it. Each test has one of its own in the shared agent."""

    _names = itertools.count()

    def __init__(self, control: Control, uid: str) -> None:
        self.control = control
        self.name = f"series-{next(self._names)}"
        self.uid = uid
        self.since = 0
        self.entries: list[list[Any]] = []
        self.missing = 0

    def start(self, *targets: list[Any], **fields: Any) -> dict[str, Any]:
        """Start it with all targets expected to be this agent."""
        count = len(targets)
        defaults = {
            "nonce": self.name,
            "agent": 0,
            "interval": INTERVAL,
            "timeout": TIMEOUT,
            "lease": 60,
            "responders": [self.uid] * count,
            "phases": [INTERVAL * index / count for index in range(count)],
            "denied": [],
        }
        self.control.send(op="series", id="s", series=self.name, targets=targets, **(defaults | fields))
        return self.control.receive()

    def read(self) -> dict[str, Any]:
        """Take in what is new."""
        self.control.send(op="read", id="r", series=self.name, since=self.since)
        frame = self.control.receive()
        assert frame["op"] == "read", frame
        self.missing += frame["first"] - self.since - 1 if frame["entries"] else 0
        if frame["entries"]:
            self.since = frame["first"] + len(frame["entries"]) - 1
        self.entries += frame["entries"]
        return frame

    def read_until(self, done: Callable[[], bool], what: str) -> None:
        """Read on until it holds."""

        def seen() -> bool:
            self.read()
            return done()

        wait_for(seen, what)

    def stop(self) -> None:
        """Stop it, and read what is left."""
        self.control.send(op="stop", id="x", series=self.name)
        assert self.control.receive()["op"] == "stop"
        wait_for(lambda: self.read()["ended"], "the end of the series")
        self.read()

    def runs(self, cell: int = 0) -> list[list[Any]]:
        """The runs of a cell."""
        return [entry[2:] for entry in self.entries if entry[0] == "r" and entry[1] == cell]

    def attempts(self, cell: int = 0) -> int:
        """How many attempts of a cell are told of. Their numbers must have no hole."""
        runs = self.runs(cell)
        assert [run[0] for run in runs] == [0, *itertools.accumulate(run[1] for run in runs[:-1])] if runs else True
        return sum(run[1] for run in runs)

    def outcomes(self, cell: int = 0) -> set[str]:
        """Of what was tried."""
        return {run[2] for run in self.runs(cell)} - {"skipped"}

    def arrivals(self) -> list[list[Any]]:
        """Requests that arrived here: agent, cell, number, source."""
        return [entry[1:5] for entry in self.entries if entry[0] == "a"]


@pytest.fixture
def series(control: Control, agent: RunningAgent) -> Iterator[Reader]:
    reader = Reader(control, agent.uid)
    yield reader
    control.send(op="stop", id="end", series=reader.name)
    control.receive()


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_cell_that_answers_is_one_growing_run(series: Reader, ports: Ports, host: str, protocol: str) -> None:
    series.start([host, getattr(ports, protocol.lower()), protocol])
    series.read_until(lambda: series.attempts() >= 5, "five attempts")
    assert series.outcomes() == {"connected"}


def test_a_closed_port_is_refused_and_a_silent_one_times_out(series: Reader) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        series.start(["127.0.0.1", free_port(), "TCP"], ["127.0.0.1", silent.getsockname()[1], "UDP"])
        series.read_until(lambda: series.attempts(1) >= 3, "three time-outs")
    assert series.outcomes(0) == {"refused"}
    assert series.outcomes(1) == {"timed-out"}
    assert all(run[6] >= TIMEOUT for run in series.runs(1) if run[2] == "timed-out")


def test_a_handshake_without_an_answer_counts_as_established(series: Reader) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(100)
        series.start(["127.0.0.1", mute.getsockname()[1], "TCP"])
        series.read_until(lambda: "timed-out" in series.outcomes(), "a time-out")
    run = next(run for run in series.runs() if run[2] == "timed-out")
    assert run[3:5] == ["no reply after connect", 1]


def test_somebody_else_who_answers_is_the_wrong_responder(series: Reader, ports: Ports) -> None:
    series.start(["127.0.0.1", ports.tcp, "TCP"], responders=["somebody-else"])
    series.read_until(lambda: series.attempts() >= 1, "an attempt")
    assert series.runs()[0][2:5] == ["wrong-responder", f"answered by {series.uid}", 1]


def test_attempts_keep_the_pace(series: Reader, ports: Ports) -> None:
    started = series.start(["127.0.0.1", ports.tcp, "TCP"])["time"]
    series.read_until(lambda: series.attempts() >= 20, "twenty attempts")
    elapsed = series.read()["time"] - started
    assert series.attempts() <= elapsed / INTERVAL + 1


def test_every_attempt_has_a_connection_of_its_own(series: Reader, ports: Ports) -> None:
    series.start(["127.0.0.1", ports.udp, "UDP"], denied=[0])
    series.read_until(lambda: len(series.arrivals()) >= 5, "five arrivals")
    assert len({source for _, _, _, source in series.arrivals()}) == len(series.arrivals())


def test_what_arrives_of_a_denied_cell_is_told_by_who_receives_it(series: Reader, ports: Ports) -> None:
    targets = [["127.0.0.1", ports.tcp, "TCP"], ["127.0.0.1", ports.udp, "UDP"]]
    series.start(*targets, agent=7, denied=[1])
    series.read_until(lambda: len(series.arrivals()) >= 3, "three arrivals")
    assert {(agent, cell) for agent, cell, _, _ in series.arrivals()} == {(7, 1)}
    assert [number for _, _, number, _ in series.arrivals()][:3] == [0, 1, 2]


def test_a_series_without_cells_tells_only_what_arrives(series: Reader, ports: Ports) -> None:
    series.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in ("nonsense", 3):
            sock.sendto(f"CNIPROBE/1 {series.name}.d.1.2.{number}\n".encode(), ("127.0.0.1", ports.udp))
    series.read_until(lambda: bool(series.arrivals()), "the arrival")
    assert [arrival[:3] for arrival in series.arrivals()] == [[1, 2, 3]]


def test_it_goes_on_without_a_stream_and_a_new_one_picks_up(agent: RunningAgent, ports: Ports) -> None:
    with agent.control() as control:
        control.hello("one")
        first = Reader(control, agent.uid)
        first.start(["127.0.0.1", ports.tcp, "TCP"])
        first.read_until(lambda: first.attempts() >= 2, "two attempts")
    time.sleep(4 * INTERVAL)  # nobody is there
    with agent.control() as control:
        control.hello("another")
        second = Reader(control, agent.uid)
        second.name, second.since, second.entries = first.name, first.since, first.entries
        before = second.attempts()
        second.read()
        assert second.attempts() >= before + 3  # and no number is missing: ``attempts`` looks
        second.stop()
    assert second.missing == 0


def test_a_repeated_start_changes_nothing(series: Reader, ports: Ports) -> None:
    series.start(["127.0.0.1", ports.tcp, "TCP"])
    series.read_until(lambda: series.attempts() >= 2, "two attempts")
    series.start(["127.0.0.1", ports.tcp, "TCP"])
    series.read_until(lambda: series.attempts() >= 4, "four attempts")


def test_a_stopped_series_tells_of_every_attempt_that_it_began(series: Reader) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        series.start(["127.0.0.1", silent.getsockname()[1], "UDP"])
        series.read_until(lambda: series.attempts() >= 1, "a time-out")
        series.stop()
        ended = series.attempts()
        assert ended > 1  # those that were under way
        series.read()
        assert series.attempts() == ended


def test_a_series_that_nobody_reads_ends_by_itself(series: Reader, ports: Ports) -> None:
    series.start(["127.0.0.1", ports.tcp, "TCP"], lease=1)
    while not series.read()["ended"]:  # which renews the lease
        time.sleep(1.5)


def test_a_frozen_agent_says_so_and_makes_up_no_loss(series: Reader, agent: RunningAgent, ports: Ports) -> None:
    series.start(["127.0.0.1", ports.tcp, "TCP"])
    series.read_until(lambda: series.attempts() >= 2, "two attempts")
    os.kill(agent.process.pid, signal.SIGSTOP)
    time.sleep(3 * TIMEOUT)
    os.kill(agent.process.pid, signal.SIGCONT)
    series.read_until(lambda: any(e[0] == "s" and e[2] >= 2 * TIMEOUT for e in series.entries), "the stall")
    count = series.attempts()
    series.read_until(lambda: series.attempts() >= count + 3, "three more attempts")
    assert series.outcomes() == {"connected"}
    assert any(run[2] == "skipped" for run in series.runs())


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"interval": 0.001}, "interval"),
    ({"timeout": 0}, "timeout"),
    ({"lease": 10**9}, "lease"),
    ({"phases": []}, "phases"),
    ({"phases": [1.0]}, "phases"),
    ({"responders": [3]}, "responders"),
    ({"denied": [1]}, "denied"),
    ({"nonce": "no spaces"}, "nonce"),
    ({"nonce": "x" * 81}, "nonce"),
    ({"agent": "me"}, "agent"),
    ({"targets": [["127.0.0.1", 0, "TCP"]]}, "targets"),
]


def test_a_plan_that_makes_no_sense_is_refused(control: Control) -> None:
    frame: dict[str, Any] = {
        "op": "series", "id": "s", "series": "never", "nonce": "n", "agent": 0, "interval": 0.2, "timeout": 0.9,
        "lease": 60, "targets": [["127.0.0.1", 80, "TCP"]], "responders": [None], "phases": [0.0], "denied": [],
    }  # fmt: skip
    for fields, wrong in MISTAKES:
        control.send(**(frame | fields))
        answer = control.receive()
        assert (answer["op"], answer["id"]) == ("error", "s"), fields
        assert answer["error"].startswith(f"{wrong}: must be"), fields


def test_too_many_series_are_refused_until_some_have_ended(control: Control, agent: RunningAgent) -> None:
    readers = [Reader(control, agent.uid) for _ in range(MAX_SERIES + 1)]
    answers = [reader.start() for reader in readers]
    assert answers[-1]["op"] == "error"
    begun = [reader for reader, answer in zip(readers, answers, strict=True) if answer["op"] == "series"]
    for reader in begun:
        reader.stop()
    assert readers[-1].start()["op"] == "series"
    readers[-1].stop()


def test_what_is_not_there_cannot_be_read(control: Control) -> None:
    control.send(op="read", id="r", series="never-begun", since=0)
    assert control.receive()["error"] == "no series never-begun"


def test_a_series_from_the_environment_begins_with_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ports: Ports, agent: RunningAgent
) -> None:
    frame = {
        "series": "start", "nonce": "begin", "agent": 0, "interval": INTERVAL, "timeout": TIMEOUT, "lease": 60,
        "targets": [["127.0.0.1", ports.tcp, "TCP"]], "responders": [agent.uid], "phases": [0.0], "denied": [],
    }  # fmt: skip
    monkeypatch.setenv("CNI_PROBE_START", json.dumps(frame))
    with serving(tmp_path / "agent.sock", []) as started, started.control() as control:
        control.hello(session="")
        wait_for(lambda: control.ask("read", series="start", since=0)["entries"], "what was tried before anybody asked")


def test_an_environment_that_makes_no_sense_ends_the_agent_with_the_reason(tmp_path: Path) -> None:
    variables = {**environment(tmp_path / "agent.sock"), "CNI_PROBE_START": "{}"}
    done = subprocess.run([*COMMAND, "serve"], env=variables, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "cannot begin what the environment asks for: series: must be a string" in done.stderr
