"""Held connections: opened once, asked for a sign of life again and again, whoever listens."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.agent.conftest import Ports
from tests.agent.support import Control, RunningAgent, free_port, serving, wait_for

NAMES = itertools.count()
PATIENCE = 0.25


@pytest.fixture(scope="module")
def ports() -> Ports:
    return Ports(free_port(), free_port())


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningAgent]:
    """Who holds connections."""
    with serving(tmp_path_factory.mktemp("client") / "agent.sock", [], uid="client") as agent:
        yield agent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, ports: Ports) -> Iterator[RunningAgent]:
    """To whom."""
    served = [f"{ports.tcp}/TCP", f"{ports.udp}/UDP"]
    with serving(tmp_path_factory.mktemp("server") / "agent.sock", served, uid="server") as agent:
        yield agent


@pytest.fixture
def control(agent: RunningAgent) -> Iterator[Control]:
    with agent.control() as control:
        control.hello(session="")
        yield control


class Holder:
    """Some held connections, and all that was read of them."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.name = f"held-{next(NAMES)}"
        self.since = 0
        self.entries: list[list[Any]] = []

    def hold(self, *targets: list[Any], **fields: Any) -> dict[str, Any]:
        frame = {
            "nonce": self.name, "agent": 3, "interval": 0.02, "patience": PATIENCE, "lease": 60,
            "responders": ["server"] * len(targets), **fields,
        }  # fmt: skip
        return self.control.ask("hold", series=self.name, targets=list(targets), **frame)

    def read(self) -> dict[str, Any]:
        said = self.control.ask("read", series=self.name, since=self.since)
        assert said["first"] == self.since + 1, "nothing is lost"
        self.entries += said["entries"]
        self.since = said["first"] + len(said["entries"]) - 1
        return said

    def until(self, condition: Callable[[dict[str, Any]], object], what: str) -> dict[str, Any]:
        said: list[dict[str, Any]] = []

        def look() -> object:
            said.append(self.read())
            return condition(said[-1])

        wait_for(look, f"{what}: {self.entries}")
        return said[-1]

    def kinds(self, connection: int = 0) -> str:
        return "".join(entry[0] for entry in self.entries if entry[0] != "s" and entry[1] == connection)

    def stop(self) -> None:
        self.control.ask("stop", series=self.name)


@pytest.fixture
def holder(control: Control) -> Iterator[Holder]:
    made = Holder(control)
    yield made
    made.stop()


def both(ports: Ports) -> list[list[Any]]:
    return [["127.0.0.1", ports.tcp, "TCP"], ["::1", ports.udp, "UDP"]]


def test_heartbeats_go_both_ways_over_one_connection(holder: Holder, server: RunningAgent, ports: Ports) -> None:
    with server.control() as there:
        there.hello(session="")
        listening = Holder(there)
        listening.hold(nonce=holder.name)
        holder.hold(*both(ports))
        said = holder.until(lambda said: all(row[2] >= 5 for row in said["held"]), "answers")
        assert (holder.kinds(0), holder.kinds(1)) == ("o", "o")
        for opened, sent, answered, latest, at, _, ended in said["held"]:
            assert ended is None
            assert opened <= at
            assert 5 <= answered <= sent
            assert latest <= sent
        heard = {tuple(row[:2]): row[2:] for row in listening.read()["heard"]}
        assert set(heard) == {(3, 0), (3, 1)}
        assert all(count >= 5 and latest >= 5 for count, latest, _ in heard.values())
        listening.stop()


def test_a_peer_that_stops_answering_and_goes_on_is_a_quiet_time(
    holder: Holder, server: RunningAgent, ports: Ports
) -> None:
    holder.hold(*both(ports))
    holder.until(lambda said: all(row[2] for row in said["held"]), "answers")
    server.process.send_signal(signal.SIGSTOP)
    stopped = holder.read()["time"]
    try:
        holder.until(lambda _: holder.kinds(0) == holder.kinds(1) == "oq", "silence")
    finally:
        server.process.send_signal(signal.SIGCONT)
    holder.until(lambda _: holder.kinds(0) == holder.kinds(1) == "oqb", "answers again")
    for entry in holder.entries:
        if entry[0] == "q":
            _, _, at, since = entry
            assert stopped - 1 < since <= at - PATIENCE


def test_how_a_connection_ends_is_told(holder: Holder, server: RunningAgent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        holder.hold(["127.0.0.1", listener.getsockname()[1], "TCP"], patience=5.0)
        peer, _ = listener.accept()
        with peer:
            assert peer.recv(200).startswith(f"CNIPROBE/1 {holder.name}.h.3.0.1\n".encode())
    holder.until(lambda said: said["held"][0][6], "the end")
    assert holder.entries[-1][3:] in (["reset", "EOF"], ["reset", "ECONNRESET"], ["reset", "EPIPE"])


def test_what_cannot_be_opened_and_what_says_no(holder: Holder, server: RunningAgent, ports: Ports) -> None:
    nobody = free_port()
    targets = [["127.0.0.1", nobody, "TCP"], ["127.0.0.1", nobody, "UDP"], ["127.0.0.1", ports.tcp, "TCP"]]
    holder.hold(*targets, responders=["server", "server", "somebody else"])
    holder.until(lambda _: (holder.kinds(0), holder.kinds(1), holder.kinds(2)) == ("e", "n", "e"), "refusals")
    told = {entry[1]: entry[3:] for entry in holder.entries if entry[0] != "s"}
    assert told[0] == told[1] == ["refused", "ECONNREFUSED"]
    assert told[2] == ["wrong-responder", "answered by server"]


def test_they_go_on_while_nobody_listens(agent: RunningAgent, server: RunningAgent, ports: Ports) -> None:
    with agent.control() as control:
        control.hello(session="")
        holder = Holder(control)
        holder.hold(*both(ports))
        holder.until(lambda said: all(row[2] for row in said["held"]), "answers")
        before = holder.read()["held"]
    time.sleep(0.1)
    with agent.control() as control:
        control.hello(session="")
        holder.control = control
        holder.until(lambda said: all(now[2] > then[2] for now, then in zip(said["held"], before, strict=True)), "more")
        assert (holder.kinds(0), holder.kinds(1)) == ("o", "o"), "the same connections"
        holder.stop()


def test_what_nobody_reads_ends(agent: RunningAgent, server: RunningAgent, control: Control, ports: Ports) -> None:
    before = agent.descriptors()
    holder = Holder(control)
    holder.hold(*both(ports), lease=1.0)
    wait_for(lambda: agent.descriptors() == before + 2, "two sockets")
    wait_for(lambda: agent.descriptors() == before, "their end")
    assert holder.read()["ended"]


def test_the_agent_s_own_pauses_are_told(
    holder: Holder, agent: RunningAgent, server: RunningAgent, ports: Ports
) -> None:
    holder.hold(*both(ports))
    holder.until(lambda said: all(row[2] for row in said["held"]), "answers")
    os.kill(agent.process.pid, signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(agent.process.pid, signal.SIGCONT)
    holder.until(lambda _: any(entry[0] == "s" and entry[2] > 0.2 for entry in holder.entries), "the pause")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"targets": [["127.0.0.1", 53, "UDP", "a.example"]]}, "targets: must be rows of address, port and protocol"),
        ({"interval": 0}, "interval: must be at least 0.01"),
        ({"responders": []}, "responders: must be a list of 1"),
        ({"nonce": "no good"}, "nonce: must be 1 to 80"),
    ],
)
def test_mistakes_are_told(control: Control, fields: dict[str, Any], said: str) -> None:
    frame = {
        "series": "mistake", "nonce": "n", "agent": 0, "interval": 0.1, "patience": 1, "lease": 9,
        "targets": [["127.0.0.1", 9, "TCP"]], "responders": [None],
    }  # fmt: skip
    assert said in control.ask("hold", **frame | fields)["error"]
