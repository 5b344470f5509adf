"""What a dial says, by what the other end does."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cni_probe_agent.dialer import Dialer, Result, Target
from cni_probe_agent.reactor import Reactor
from tests.agent.conftest import Ports
from tests.agent.support import RunningAgent, free_port, serving

RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER: close with RST
Row = list[object]


@contextlib.contextmanager
def tcp_server(behave: Callable[[socket.socket], object]) -> Iterator[int]:
    """A TCP server that treats its one connection as told; yields its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                sock, _ = listener.accept()
                with sock:
                    behave(sock)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def dial(agent: RunningAgent, port: int, protocol: str = "TCP", timeout: float = 2.0, host: str = "127.0.0.1") -> Row:
    with agent.control() as control:
        control.hello(session="")
        (row,) = control.dial((host, port, protocol), timeout=timeout).values()
        return row


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_agent_that_answers_is_connected(agent: RunningAgent, ports: Ports, host: str) -> None:
    for port, protocol in ((ports.tcp, "TCP"), (ports.udp, "UDP")):
        outcome, error, _, seconds, responder, observed, local, sends = dial(agent, port, protocol, host=host)
        assert (outcome, error, responder, sends) == ("connected", None, agent.uid, 1)
        assert observed == local
        assert isinstance(seconds, float)
        assert 0 < seconds < 2


def test_nobody_listening_is_refused(agent: RunningAgent) -> None:
    assert dial(agent, free_port())[:2] == ["refused", "ECONNREFUSED"]
    assert dial(agent, free_port(), "UDP")[:2] == ["refused", "ECONNREFUSED"]


def test_a_reset_after_the_handshake_says_so(agent: RunningAgent) -> None:
    def reset(sock: socket.socket) -> None:
        sock.recv(1024)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    with tcp_server(reset) as port:
        assert dial(agent, port)[:2] == ["reset", "ECONNRESET after connect"]


@pytest.mark.parametrize("at_once", [True, False], ids=["seen when it asks at once", "seen when it has waited"])
def test_a_reset_right_after_the_handshake_says_so_too(monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    class SlowSocket(socket.socket):
        """A socket whose user gets to know of its connection when the other end has reset it already."""

        def connect_ex(self, address: object) -> int:
            code = super().connect_ex(address)  # type: ignore[arg-type]
            is_reset.wait(10)
            return code

        def send(self, *args: object) -> int:
            if not at_once:
                raise BlockingIOError
            return super().send(*args)  # type: ignore[arg-type]

    def reset(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        sock.close()
        is_reset.set()

    is_reset, results, reactor = threading.Event(), list[Result](), Reactor()

    async def ask(port: int) -> None:
        results.append(await Dialer().dial(Target("127.0.0.1", port, "TCP"), "n", 2.0))

    with tcp_server(reset) as port:
        monkeypatch.setattr("socket.socket", SlowSocket)
        reactor.run(ask(port))
        monkeypatch.undo()
    assert results[0][:2] == ("reset", "ECONNRESET after connect")


def test_an_end_without_a_reply_is_a_reset(agent: RunningAgent) -> None:
    with tcp_server(lambda sock: sock.recv(1024)) as port:
        assert dial(agent, port)[:2] == ["reset", "EOF after connect"]


def test_silence_after_the_handshake_is_timed_out_and_says_so(agent: RunningAgent) -> None:
    with tcp_server(lambda sock: sock.recv(1024) and sock.recv(1024)) as port:
        outcome, error, _, seconds, *_ = dial(agent, port, timeout=0.3)
    assert (outcome, error) == ("timed-out", "no reply after connect")
    assert isinstance(seconds, float)
    assert seconds >= 0.3


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"x" * 5000, b"half a line"])
def test_a_reply_that_is_not_an_agents_is_a_wrong_responder(agent: RunningAgent, reply: bytes) -> None:
    with tcp_server(lambda sock: [sock.recv(1024), sock.send(reply)]) as port:
        assert dial(agent, port)[0] == "wrong-responder"


def test_a_reply_to_another_nonce_is_a_wrong_responder_by_name(agent: RunningAgent) -> None:
    with tcp_server(lambda sock: [sock.recv(99), sock.send(b"CNIPROBE/1 other uid-x 127.0.0.1 9\n")]) as port:
        row = dial(agent, port)
    assert (row[0], row[4]) == ("wrong-responder", "uid-x")


def test_udp_silence_is_timed_out_after_three_sends_of_the_same_request(agent: RunningAgent) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        row = dial(agent, silent.getsockname()[1], "UDP", timeout=0.3)
        assert (row[0], row[-1]) == ("timed-out", 3)
        assert isinstance(row[3], float)
        assert 0.3 <= row[3] < 1.0
        silent.setblocking(False)
        assert {silent.recv(1024) for _ in range(3)} == {b"CNIPROBE/1 n.0\n"}


def test_a_udp_reply_to_a_later_send_connects(agent: RunningAgent) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forgetful:
        forgetful.bind(("127.0.0.1", 0))
        forgetful.settimeout(10)

        def answer_the_second() -> None:
            forgetful.recv(1024)
            request, peer = forgetful.recvfrom(1024)
            forgetful.sendto(request[:-1] + b" uid-x 127.0.0.1 1\n", peer)

        thread = threading.Thread(target=answer_the_second)
        thread.start()
        row = dial(agent, forgetful.getsockname()[1], "UDP", timeout=6.0)
        thread.join()
    assert (row[0], row[4], row[-1]) == ("connected", "uid-x", 2)


def test_names_are_not_resolved(agent: RunningAgent, ports: Ports) -> None:
    for name in ("localhost", "", "300.1.1.1", "127.0.0.1 ", "a\0b"):
        assert dial(agent, ports.tcp, host=name)[0] == "unresolved"


def test_the_clock_of_a_dial_starts_with_the_dial_not_with_the_batch(agent: RunningAgent, ports: Ports) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, agent.control() as control:
        silent.bind(("127.0.0.1", 0))
        control.hello()
        targets = [("127.0.0.1", silent.getsockname()[1], "UDP")] * 3 + [("127.0.0.1", ports.tcp, "TCP")]
        rows = control.dial(*targets, timeout=0.3, in_flight=1)
    assert rows[3][0] == "connected"
    assert rows[3][2] - rows[0][2] >= 0.9


def test_the_start_rate_is_kept(agent: RunningAgent, ports: Ports) -> None:
    with agent.control() as control:
        control.hello()
        rows = control.dial(*[("127.0.0.1", ports.tcp, "TCP")] * 20, rate=50)
    starts = sorted(row[2] for row in rows.values())
    assert starts[-1] - starts[0] >= 19 / 50 - 0.01


def test_source_ports_do_not_come_back_before_the_whole_range_was_used(agent: RunningAgent, ports: Ports) -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    count = min(6000, (last - first) // 2)
    used: list[str] = []
    with agent.control() as control:
        control.hello()
        for number, (port, protocol) in enumerate(((ports.udp, "UDP"), (ports.tcp, "TCP"), (ports.udp, "UDP"))):
            rows = control.dial(*[("127.0.0.1", port, protocol)] * (count // 3), id=f"b{number}", timeout=10)
            used += [row[6] for row in rows.values()]
    assert len(set(used)) == len(used) == count // 3 * 3


def test_agents_start_at_different_source_ports(tmp_path: Path) -> None:
    port = free_port()
    starts = set()
    for number in range(3):
        with serving(tmp_path / f"{number}.sock", []) as agent:
            starts.add(dial(agent, port)[6])
    assert len(starts) > 1


def test_more_sockets_than_the_process_may_have_are_agent_errors_not_denials(agent: RunningAgent, ports: Ports) -> None:
    import resource

    resource.prlimit(agent.process.pid, resource.RLIMIT_NOFILE, (60, 60))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, agent.control() as control:
        silent.bind(("127.0.0.1", 0))
        control.hello()
        rows = control.dial(*[("127.0.0.1", silent.getsockname()[1], "UDP")] * 100, timeout=0.3)
    outcomes = {(row[0], row[1]) for row in rows.values()}
    assert outcomes == {("timed-out", None), ("agent-error", "EMFILE")}
    assert dial(agent, ports.tcp)[0] == "connected"
