"""The control protocol: sessions that outlive their streams, and frames that make no sense."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import pytest

from tests.agent.conftest import Ports
from tests.agent.support import RunningAgent, wait_for

SILENT = 0.4


@pytest.fixture
def silent_udp() -> Any:
    """A UDP port that takes everything and answers nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def test_hello_says_version_instance_identity_and_listeners(agent: RunningAgent, ports: Ports) -> None:
    with agent.control() as control:
        hello = control.hello()
    assert (hello["seq"], hello["v"], hello["pod_uid"]) == (1, 1, agent.uid)
    assert (hello["resumed"], hello["lost"]) == (False, 0)
    assert {"port": ports.tcp, "protocol": "TCP", "family": "IPv6", "error": None} in hello["listeners"]


def test_every_frame_has_the_next_number(agent: RunningAgent, ports: Ports) -> None:
    with agent.control() as control:
        frames = [control.hello()]
        control.send(op="ping", id="p")
        control.send(op="dial", id="b", nonce="n", timeout=1, targets=[["127.0.0.1", ports.tcp, "TCP"]] * 500)
        frames += control.until("done")
    assert [frame["seq"] for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[-1] | {"lag": 0} == {"seq": len(frames), "op": "done", "id": "b", "count": 500, "lag": 0}


def test_an_empty_batch_is_done_at_once(agent: RunningAgent) -> None:
    with agent.control() as control:
        control.hello()
        assert control.dial() == {}


def test_a_broken_stream_loses_nothing(agent: RunningAgent, ports: Ports, silent_udp: int) -> None:
    with agent.control() as control:
        control.hello()
        targets = [["127.0.0.1", ports.tcp, "TCP"]] * 300 + [["127.0.0.1", silent_udp, "UDP"]]
        control.send(op="dial", id="b", nonce="n", timeout=SILENT, targets=targets)
        received = control.receive()["seq"]
    with agent.control() as control:
        control.send(v=1, op="hello", session="s", ack=received)
        frames = [control.receive()]
        while {"hello", "done"} - {frame["op"] for frame in frames}:
            frames.append(control.receive())
    assert [frame["seq"] for frame in frames] == list(range(received + 1, received + 1 + len(frames)))
    (hello,) = [frame for frame in frames if frame["op"] == "hello"]
    assert hello["resumed"] is True


def test_results_wait_for_a_session_that_is_away(agent: RunningAgent, silent_udp: int) -> None:
    with agent.control() as control:
        control.hello()
        control.send(op="dial", id="b", nonce="n", timeout=SILENT, targets=[["127.0.0.1", silent_udp, "UDP"]])
        control.send(op="ping", id="p")
        control.until("pong")
    with agent.control() as other:
        other.hello("t")
        other.dial(("127.0.0.1", silent_udp, "UDP"), timeout=SILENT * 2)  # ends after the other's
    with agent.control() as control:
        control.send(v=1, op="hello", session="s", ack=2)
        frames = control.until("hello")
    assert [frame["op"] for frame in frames] == ["results", "done", "hello"]


def test_answers_do_not_wait_for_the_silence_of_others(agent: RunningAgent, ports: Ports, silent_udp: int) -> None:
    with agent.control() as control:
        control.hello()
        targets = [["127.0.0.1", silent_udp, "UDP"], ["127.0.0.1", ports.tcp, "TCP"]]
        control.send(op="dial", id="b", nonce="n", timeout=5, targets=targets)
        first = control.until("results")[-1]
        control.send(op="ping", id="p")
        frames = control.until("pong")
    assert [row[:2] for row in first["results"]] == [[1, "connected"]]
    assert first["lag"] >= 0
    assert [frame["op"] for frame in frames] == ["pong"], "the batch goes on"


def test_a_paced_batch_starts_no_more_than_its_rate_allows_but_for_a_slot(agent: RunningAgent, ports: Ports) -> None:
    rate, targets, slot = 100, 31, 0.02
    with agent.control() as control:
        control.hello()
        rows = control.dial(*[("127.0.0.1", ports.tcp, "TCP")] * targets, rate=rate)
    assert {row[0] for row in rows.values()} == {"connected"}
    starts = sorted(row[2] for row in rows.values())
    # Whatever delays the first start takes from this: a third is left for it.
    assert starts[-1] - starts[0] >= ((targets - 1) / rate - slot) * 2 / 3


def test_what_is_acknowledged_is_not_replayed(agent: RunningAgent) -> None:
    with agent.control() as control:
        control.hello()
        control.send(op="ping", id="p")
        control.receive()
        control.send(op="ack", seq=2)
        control.send(op="ping", id="q")
        control.receive()
    with agent.control() as control:
        control.send(v=1, op="hello", session="s", ack=0)
        assert [frame["seq"] for frame in control.until("hello")] == [3, 4]


def test_a_batch_may_come_in_parts_and_parts_may_be_repeated(agent: RunningAgent, ports: Ports) -> None:
    target = ["127.0.0.1", ports.tcp, "TCP"]
    with agent.control() as control:
        control.hello()
        common = {"op": "dial", "id": "b", "nonce": "n", "timeout": 1, "total": 5}
        control.send(**common, first=0, targets=[target] * 2)
        control.send(**common, first=0, targets=[target] * 2)
        control.send(**common, first=1, targets=[target] * 3)
        control.send(**common, first=4, targets=[target])
        frames = control.until("done")
    assert sorted(row[0] for frame in frames if frame["op"] == "results" for row in frame["results"]) == list(range(5))


def test_a_gap_between_parts_is_refused(agent: RunningAgent, ports: Ports) -> None:
    with agent.control() as control:
        control.hello()
        targets = [["127.0.0.1", ports.tcp, "TCP"]]
        control.send(op="dial", id="b", nonce="n", timeout=1, total=5, first=3, targets=targets)
        assert "came before" in control.receive()["error"]


def test_sessions_are_apart(agent: RunningAgent, ports: Ports) -> None:
    with agent.control() as one, agent.control() as two:
        assert one.hello("one")["seq"] == two.hello("two")["seq"] == 1
        assert one.dial(("127.0.0.1", ports.tcp, "TCP"))[0][0] == "connected"
        two.send(op="ping", id="p")
        assert two.receive()["op"] == "pong"


def test_a_new_stream_takes_its_session_over(agent: RunningAgent) -> None:
    with agent.control() as old, agent.control() as new:
        old.hello()
        assert new.hello(ack=1)["resumed"] is True
        assert old.at_end()
        new.send(op="ping", id="p")
        assert new.until("pong")


def test_a_session_without_a_name_ends_with_its_stream(agent: RunningAgent) -> None:
    for _ in range(100):
        with agent.control() as control:
            hello = control.hello(session="")
            assert (hello["seq"], hello["resumed"]) == (1, False)


def test_many_sessions_push_out_the_oldest_idle_one(agent: RunningAgent) -> None:
    for number in range(40):
        with agent.control() as control:
            control.hello(f"s{number}")
    with agent.control() as control:
        assert control.hello("s39", ack=1)["resumed"] is True
    with agent.control() as control:
        assert control.hello("s0", ack=1)["resumed"] is False


def test_a_peer_that_has_said_all_still_gets_its_answers(agent: RunningAgent, silent_udp: int) -> None:
    with agent.control() as control:
        control.hello()
        control.send(op="dial", id="b", nonce="n", timeout=SILENT, targets=[["127.0.0.1", silent_udp, "UDP"]])
        control.send(op="check", id="c")
        control.sock.shutdown(socket.SHUT_WR)
        frames = control.until("done")
        assert "check" in [frame["op"] for frame in frames]
        assert control.at_end()


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b"{}\n",
        b"[1]\n",
        b'{"op":"hello","v":1}\n',
        b'{"op":[]}\n',
        b'{"op":"dial"}\n',
        b'{"op":"dial","id":"x","nonce":"a b","timeout":1,"targets":[]}\n',
        b'{"op":"dial","id":"x","nonce":"a","timeout":NaN,"targets":[]}\n',
        b'{"op":"dial","id":"x","nonce":"a","timeout":1,"targets":[["::1",0,"TCP"]]}\n',
        b'{"op":"dial","id":"x","nonce":"a","timeout":1,"targets":[["::1",true,"TCP"]]}\n',
        b'{"op":"dial","id":"x","nonce":"a","timeout":1,"total":1e300,"targets":[]}\n',
        b'{"op":"receipts","id":"x","nonces":[1]}\n',
        b'{"op":"receipts","id":"x","nonces":' + json.dumps(["n"] * 9000).encode() + b"}\n",
        b'{"op":"ack","seq":-1}\n',
        b'{"op":"ack","seq":' + b"9" * 5000 + b"}\n",
        b"x" * (1 << 20) + b"yz\n",
        b"x" * (3 << 20) + b"\n",
    ],
    ids=lambda line: line[:24].decode(errors="replace"),
)
def test_a_frame_that_makes_no_sense_gets_one_error_and_the_stream_goes_on(agent: RunningAgent, line: bytes) -> None:
    with agent.control() as control:
        control.hello()
        control.sock.sendall(line)
        assert control.receive()["op"] == "error"
        control.send(op="ping", id="p")
        assert control.receive()["op"] == "pong"


def test_before_hello_there_are_only_errors(agent: RunningAgent) -> None:
    with agent.control() as control:
        control.send(op="ping", id="p")
        assert control.receive() == {"seq": 0, "op": "error", "id": "p", "error": "say hello first"}
        control.send(v=2, op="hello", session="s", ack=0)
        assert "version" in control.receive()["error"]
        assert control.hello()["seq"] == 1


def test_streams_are_bounded_and_leave_nothing(agent: RunningAgent) -> None:
    before = agent.descriptors()
    with contextlib.ExitStack() as streams:
        for _ in range(80):
            streams.enter_context(agent.control())
        wait_for(lambda: agent.descriptors() > before + 60, "streams to be accepted")
    wait_for(lambda: agent.descriptors() <= before, "streams to be closed")


def test_the_receipt_ring_forgets_the_oldest_and_counts_them(agent: RunningAgent, ports: Ports) -> None:
    with agent.control() as control:
        control.hello()
        for number in range(6):
            control.dial(*[("127.0.0.1", ports.tcp, "TCP")] * 3000, id=f"b{number}", nonce=f"n{number}", timeout=10)
        control.send(op="receipts", id="r", nonces=["n0.0", "n5.2999"])
        (frame,) = control.until("receipts")
        assert frame["overwritten"] == 6 * 3000 - 16_384
        assert [row[0] for row in frame["found"]] == ["n5.2999"]
        assert agent.rss() < 20 * 1024
