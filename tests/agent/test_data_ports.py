"""What data ports answer, and what strangers can do to them: nothing that others notice."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import Ports
from tests.agent.support import RunningAgent, free_port, serving, wait_for

LOOPBACK = ("127.0.0.1", "::1")
MAX_CONNECTIONS = 1024  # of the agent


@contextlib.contextmanager
def connected(address: str, port: int) -> Iterator[socket.socket]:
    with socket.create_connection((address, port), timeout=10) as sock:
        yield sock


def ask(port: int, nonce: str = "abc", address: str = "127.0.0.1") -> bytes:
    with connected(address, port) as sock:
        sock.sendall(f"CNIPROBE/1 {nonce}\n".encode())
        return sock.recv(1024)


def ask_udp(port: int, data: bytes, address: str = "127.0.0.1", timeout: float = 10) -> tuple[bytes, str]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(timeout)
        sock.sendto(data, (address, port))
        reply, peer = sock.recvfrom(1024)
        return reply, peer[0]


@pytest.mark.parametrize("address", LOOPBACK)
def test_a_tcp_request_is_answered_with_nonce_uid_and_observed_source(
    agent: RunningAgent, ports: Ports, address: str
) -> None:
    with connected(address, ports.tcp) as sock:
        sock.sendall(b"CNIPROBE/1 abc.7\n")
        source = sock.getsockname()
        assert sock.recv(1024).decode() == f"CNIPROBE/1 abc.7 {agent.uid} {source[0]} {source[1]}\n"


@pytest.mark.parametrize("address", LOOPBACK)
def test_a_udp_request_is_answered_likewise(agent: RunningAgent, ports: Ports, address: str) -> None:
    reply, _ = ask_udp(ports.udp, b"CNIPROBE/1 abc\n", address)
    assert re.fullmatch(rf"CNIPROBE/1 abc {agent.uid} {re.escape(address)} \d+\n", reply.decode())


def test_a_udp_reply_leaves_from_the_address_that_was_asked(agent: RunningAgent, ports: Ports) -> None:
    _, source = ask_udp(ports.udp, b"CNIPROBE/1 abc\n", "127.0.0.77")
    assert source == "127.0.0.77"


def test_a_request_may_come_in_pieces_and_more_may_follow(agent: RunningAgent, ports: Ports) -> None:
    with connected("127.0.0.1", ports.tcp) as sock:
        for piece in (b"CNIPRO", b"BE/1 a", b"\n"):
            sock.sendall(piece)
        assert sock.recv(1024).startswith(b"CNIPROBE/1 a ")
        sock.sendall(b"CNIPROBE/1 b\n")
        assert sock.recv(1024).startswith(b"CNIPROBE/1 b ")


@pytest.mark.parametrize(
    "garbage",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\n", b"CNIPROBE/1 \n", b"CNIPROBE/1 a b\n", b"x" * 100_000],
    ids=["http", "tls", "no nonce", "two nonces", "oversized"],
)
def test_garbage_ends_its_connection_and_nothing_else(agent: RunningAgent, ports: Ports, garbage: bytes) -> None:
    with connected("127.0.0.1", ports.tcp) as sock:
        with contextlib.suppress(ConnectionError):
            sock.sendall(garbage)
        with contextlib.suppress(ConnectionError):
            assert sock.recv(1024) == b""
    assert ask(ports.tcp).startswith(b"CNIPROBE/1 abc ")


@pytest.mark.parametrize("garbage", [b"", b"\0" * 10, b"CNIPROBE/1 abc", b"CNIPROBE/1 " + b"a" * 60_000 + b"\n"])
def test_udp_garbage_is_not_answered(agent: RunningAgent, ports: Ports, garbage: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", ports.udp))
        sock.send(garbage)
        sock.send(b"CNIPROBE/1 after\n")
        assert sock.recv(1024).startswith(b"CNIPROBE/1 after ")  # the first reply is that of the second datagram


def test_silent_peers_in_thousands_do_not_stall_it(agent: RunningAgent, ports: Ports) -> None:
    with contextlib.ExitStack() as peers:
        for _ in range(MAX_CONNECTIONS + 300):
            peers.enter_context(connected("127.0.0.1", ports.tcp))
        for turn in range(20):
            assert ask(ports.tcp, f"n{turn}").startswith(f"CNIPROBE/1 n{turn} ".encode())
        assert agent.descriptors() < MAX_CONNECTIONS + 50
        assert agent.rss() < 20 * 1024
    wait_for(lambda: agent.descriptors() < 50, "the connections to be closed")


def test_honest_requests_in_hundreds_at_once_are_all_answered_beside_silent_peers(
    agent: RunningAgent, ports: Ports
) -> None:
    with contextlib.ExitStack() as peers, agent.control() as control:
        for _ in range(MAX_CONNECTIONS):
            peers.enter_context(connected("127.0.0.1", ports.tcp))
        control.hello()
        rows = control.dial(*[("127.0.0.1", ports.tcp, "TCP")] * 1000, in_flight=1000, timeout=10)
    assert {(row[0], row[1]) for row in rows.values()} == {("connected", None)}


def test_half_a_request_in_thousands_does_not_stall_it(agent: RunningAgent, ports: Ports) -> None:
    with contextlib.ExitStack() as peers:
        for _ in range(MAX_CONNECTIONS + 300):
            peers.enter_context(connected("127.0.0.1", ports.tcp)).send(b"CNIPROBE/1 never-ending")
        assert ask(ports.tcp).startswith(b"CNIPROBE/1 abc ")


def test_a_client_that_never_reads_costs_others_nothing(agent: RunningAgent, ports: Ports) -> None:
    with connected("127.0.0.1", ports.tcp) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError, ConnectionError):
            while True:  # until both directions are full: the agent has stopped to read as well
                sent += sock.send(b"CNIPROBE/1 abc\n" * 1000)
        assert sent < 64 << 20
        assert ask(ports.tcp).startswith(b"CNIPROBE/1 abc ")
        before = agent.descriptors()
        wait_for(lambda: agent.descriptors() < before, "the unread connection to be dropped", 15)


def test_connections_that_come_and_go_leave_nothing(agent: RunningAgent, ports: Ports) -> None:
    ask(ports.tcp)
    before = agent.descriptors()
    for _ in range(3000):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.connect(("127.0.0.1", ports.tcp))
    wait_for(lambda: agent.descriptors() <= before, "the connections to be closed")
    assert ask(ports.tcp).startswith(b"CNIPROBE/1 abc ")


def test_a_port_that_is_taken_is_reported_and_the_others_are_served(tmp_path: Path) -> None:
    taken, free = free_port(), free_port()
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", taken))
        holder.listen()
        with serving(tmp_path / "a.sock", [f"{taken}/TCP", f"{free}/TCP"]) as agent, agent.control() as control:
            listeners = {(row["port"], row["family"]): row["error"] for row in control.hello()["listeners"]}
            assert listeners[(taken, "IPv4")] == "EADDRINUSE"
            assert listeners[(taken, "IPv6")] is None
            assert listeners[(free, "IPv4")] is None
            assert ask(free).startswith(b"CNIPROBE/1 abc ")


def test_sctp_is_served_or_said_to_be_unsupported(tmp_path: Path) -> None:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
        supported = True
    except OSError:
        supported = False
    port = free_port()
    with serving(tmp_path / "a.sock", [f"{port}/SCTP"]) as agent, agent.control() as control:
        hello = control.hello()
        (result,) = control.dial(("127.0.0.1", port, "SCTP")).values()
    assert ("SCTP" in hello["features"]) is supported
    assert hello["listeners"][0]["error"] == (None if supported else "EPROTONOSUPPORT")
    assert result[0] == ("connected" if supported else "unsupported")
