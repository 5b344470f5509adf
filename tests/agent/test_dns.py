"""Questions to a nameserver: only a good answer connects, and whatever else it says never looks like silence."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cni_probe_agent.dns import Query, read_resolver, valid_name
from tests.agent.support import RunningAgent, free_port

NAME = "kubernetes.default.svc.cluster.local"
Row = list[object]
Answer = Callable[[bytes], bytes]
"""What a nameserver makes of a question."""


def answer(question: bytes, code: int = 0, *, id: int | None = None, records: int = 1, flags: int = 0x8180) -> bytes:
    """An answer with ``records`` addresses, which point at the question's name."""
    asked = question[12:]
    kind = struct.unpack("!H", asked[-4:-2])[0]
    address = b"\x0a\x60\0\1" if kind == 1 else socket.inet_pton(socket.AF_INET6, "fd00::1")
    record = b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, 30, len(address)) + address
    number = struct.unpack("!H", question[:2])[0] if id is None else id
    return struct.pack("!6H", number, flags | code, 1, records, 0, 0) + asked + record * records


@contextlib.contextmanager
def nameserver(protocol: str, reply: Answer, host: str = "127.0.0.1") -> Iterator[int]:
    """A nameserver that treats every question as told; yields its port."""
    kind = socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as sock:
        sock.bind((host, 0))
        sock.settimeout(0.1)
        if protocol == "TCP":
            sock.listen()
        stop = threading.Event()
        thread = threading.Thread(target=_serve, args=(sock, protocol, reply, stop))
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            stop.set()
            thread.join()


def _serve(sock: socket.socket, protocol: str, reply: Answer, stop: threading.Event) -> None:
    while not stop.is_set():
        with contextlib.suppress(TimeoutError, ConnectionError):
            if protocol == "UDP":
                question, peer = sock.recvfrom(1024)
                sock.sendto(reply(question), peer)
            else:
                stream, _ = sock.accept()
                with stream:
                    stream.settimeout(5)
                    length = int.from_bytes(stream.recv(2), "big")
                    message = reply(stream.recv(length))
                    for piece in (len(message).to_bytes(2, "big") + message[:9], message[9:]):
                        stream.sendall(piece)
                    stream.recv(1)  # until the peer has read it all and closes


def ask(agent: RunningAgent, port: int, protocol: str, timeout: float = 5.0, host: str = "127.0.0.1") -> Row:
    with agent.control() as control:
        control.hello(session="")
        (row,) = control.dial((host, port, protocol, NAME), timeout=timeout).values()
        return row


both = pytest.mark.parametrize("protocol", ["UDP", "TCP"])


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_good_answer_connects_and_the_nameserver_is_who_answered(
    agent: RunningAgent, protocol: str, host: str
) -> None:
    asked: list[bytes] = []

    def note(question: bytes) -> bytes:
        asked.append(question[12:])
        return answer(question)

    with nameserver(protocol, note, host) as port:
        row = ask(agent, port, protocol, host=host)
    at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert (row[0], row[1], row[4], row[-1]) == ("connected", None, at, 1)
    kind = b"\0\x1c" if ":" in host else b"\0\1"
    assert asked == [b"\x0akubernetes\7default\3svc\7cluster\5local\0" + kind + b"\0\1"]


@both
@pytest.mark.parametrize(
    "reply",
    [
        lambda question: answer(question, records=0),
        lambda question: answer(question[:12] + question[12:].upper()),  # the id is no text
        lambda question: answer(question, records=0, flags=0x8380),
    ],
    ids=["no record", "letters in another case", "truncated"],
)
def test_an_answer_without_an_error_connects(agent: RunningAgent, protocol: str, reply: Answer) -> None:
    with nameserver(protocol, reply) as port:
        assert ask(agent, port, protocol)[0] == "connected"


@both
@pytest.mark.parametrize(("code", "name"), [(2, "SERVFAIL"), (3, "NXDOMAIN"), (5, "REFUSED"), (15, "rcode 15")])
def test_an_error_is_unresolved_by_its_name(agent: RunningAgent, protocol: str, code: int, name: str) -> None:
    with nameserver(protocol, lambda question: answer(question, code, records=0)) as port:
        row = ask(agent, port, protocol)
    assert row[:2] == ["unresolved", name]
    assert row[4] == f"127.0.0.1:{port}"  # somebody answered: packets went both ways


@both
@pytest.mark.parametrize(
    "reply",
    [
        lambda question: b"",
        lambda question: b"who is there?",
        lambda question: question,
        lambda question: answer(question, id=(int.from_bytes(question[:2], "big") + 1) % 65536),
        lambda question: answer(Query("kubernetes.default.svc.elsewhere", ipv6=False).message, id=_id(question)),
        lambda question: answer(Query(NAME, ipv6=True).message, id=_id(question)),
        lambda question: answer(question)[:-1],
        lambda question: answer(question)[: len(question)],
    ],
    ids=["nothing", "text", "an echo", "another id", "another name", "another type", "half a record", "no record"],
)
def test_what_is_no_answer_to_the_question_is_unresolved_and_never_silence(
    agent: RunningAgent, protocol: str, reply: Answer
) -> None:
    with nameserver(protocol, reply) as port:
        row = ask(agent, port, protocol)
    assert (row[0], row[4]) == ("unresolved", f"127.0.0.1:{port}")


def _id(question: bytes) -> int:
    return int.from_bytes(question[:2], "big")


def test_every_question_has_an_id_of_its_own() -> None:
    assert len({Query(NAME, ipv6=False).message[:2] for _ in range(50)}) > 40


def test_half_an_answer_over_a_stream_is_unresolved(agent: RunningAgent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            stream, _ = listener.accept()
            with stream:
                stream.recv(1024)
                stream.sendall(b"\0\x40half")

        thread = threading.Thread(target=serve)
        thread.start()
        row = ask(agent, listener.getsockname()[1], "TCP")
        thread.join()
    assert row[:2] == ["unresolved", "half an answer"]


@both
def test_nobody_there_is_refused_as_for_any_dial(agent: RunningAgent, protocol: str) -> None:
    assert ask(agent, free_port(), protocol)[:2] == ["refused", "ECONNREFUSED"]


def test_silence_is_timed_out_after_three_sends(agent: RunningAgent) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        row = ask(agent, silent.getsockname()[1], "UDP", timeout=0.3)
        assert (row[0], row[4], row[-1]) == ("timed-out", None, 3)
        silent.setblocking(False)
        assert len({silent.recv(1024) for _ in range(3)}) == 1


def test_silence_after_the_handshake_says_so(agent: RunningAgent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        row = ask(agent, listener.getsockname()[1], "TCP", timeout=0.3)
    assert row[:2] == ["timed-out", "no reply after connect"]


@pytest.mark.parametrize("row", [["127.0.0.1", 53, "SCTP", NAME], ["127.0.0.1", 53, "UDP", ""],
                                 ["127.0.0.1", 53, "UDP", "a..b"], ["127.0.0.1", 53, "UDP", NAME, 1],
                                 ["127.0.0.1", 53, "UDP", 7], ["127.0.0.1", True, "UDP", NAME]])  # fmt: skip
def test_a_question_that_cannot_be_asked_is_refused(agent: RunningAgent, row: Row) -> None:
    with agent.control() as control:
        control.hello()
        control.send(op="dial", id="b", nonce="n", timeout=1, total=1, targets=[row])
        frame = control.receive()
    assert frame["op"] == "error"
    assert "targets" in frame["error"]


@pytest.mark.parametrize("name", ["a", "a.b.", "x" * 63, f"{'x' * 63}.{'y' * 63}", "_sip._udp.a-b"])
def test_names_that_can_be_asked_for(name: str) -> None:
    assert valid_name(name)


@pytest.mark.parametrize("name", ["", ".", "x" * 64, ".".join(["x" * 50] * 5), "a b", "\u00fc", "a\n"])
def test_names_that_cannot(name: str) -> None:
    assert not valid_name(name)


def test_the_resolver_is_what_resolv_conf_says(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text(
        "# a comment\nsearch old.example\nnameserver 10.96.0.10\nnameserver fd00:10:96::a  # second\n"
        "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\nnameserver\n"
    )
    nameservers, search = read_resolver(str(path))
    assert nameservers == ["10.96.0.10", "fd00:10:96::a"]
    assert search == ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    assert read_resolver(str(tmp_path / "missing")) == ([], [])


def test_hello_reports_the_resolver(agent: RunningAgent) -> None:
    with agent.control() as control:
        assert control.hello()["resolver"] == read_resolver()._asdict()


def test_by_hand(agent: RunningAgent) -> None:
    with nameserver("UDP", answer) as port:
        done = agent.run("dial", "127.0.0.1", f"{port}/UDP", "--timeout", "5", "--query", NAME)
        assert (done.returncode, done.stdout.split()[0]) == (0, b"connected")
    with nameserver("TCP", lambda question: answer(question, 3, records=0)) as port:
        done = agent.run("dial", "127.0.0.1", f"{port}/TCP", "--query", NAME)
        assert done.returncode == 1
        assert done.stdout.startswith(b"unresolved")
        assert b"NXDOMAIN" in done.stdout
    assert agent.run("dial", "127.0.0.1", "53/UDP", "--query", "a..b").returncode == 2
    assert agent.run("dial", "127.0.0.1", "53/UDP", "--query").returncode == 2
