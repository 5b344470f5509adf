"""One dial: connect or send, ask, wait for the answer, and say by errno what came of it.

What is asked, and what answer is the right one, is an ``Exchange``: with another agent, or with a nameserver.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from typing import Final, NamedTuple, Protocol

from . import dns, outcome, sockets, wire
from .reactor import now, readable, writable

_SENDS_PER_TIMEOUT: Final = 3
_SEND_LATER: Final = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EPERM))
"""Send errors that may pass (EPERM: also what a full connection tracking table says), so UDP tries again."""

AFTER_CONNECT: Final = "after connect"


class Target(NamedTuple):
    """What to dial. ``address`` is a literal: the agent resolves no names, so that DNS is never taken for policy.

    With ``query`` it is a nameserver, which is asked for that name instead of for an agent's reply.
    """

    address: str
    port: int
    protocol: str
    query: str = ""


class Result(NamedTuple):
    """What came of a dial.

    ``error`` is an errno's name or a short text; ``ECONNRESET after connect`` and the like mean that the handshake
    had been completed, so packets did pass. ``started`` is unix time, ``seconds`` from there to the outcome,
    ``responder`` is who answered: a pod's UID, or the ``ip:port`` of a nameserver; ``observed`` the source that it saw,
    ``local`` the one used here, ``sends`` how often the request left.
    """

    outcome: str
    error: str | None
    started: float
    seconds: float
    responder: str | None = None
    observed: str | None = None
    local: str | None = None
    sends: int = 0


class _Ended(Exception):
    """Carries a dial's outcome out of wherever it was decided."""

    def __init__(
        self, kind: str, error: str | None = None, responder: str | None = None, observed: str | None = None
    ) -> None:
        self.kind = kind
        self.error = error
        self.responder = responder
        self.observed = observed


def _cut(code: int) -> _Ended:
    """The end of a connection that stood."""
    return _Ended(outcome.of_network(code), f"{outcome.name(code)} {AFTER_CONNECT}")


class Exchange(Protocol):
    """What is asked and how answers are understood. ``limit`` bounds an answer, in bytes."""

    request: bytes
    limit: int

    def whole(self, data: bytes) -> bool:
        """Whether what has come over a stream is all of the answer."""

    def judge(self, data: bytes) -> _Ended:
        """What an answer says."""


class _WithAgent:
    """Asks an agent: a line each way."""

    __slots__ = ("_nonce", "request")

    limit = wire.MAX_REPLY

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self.request = wire.request(nonce)

    def whole(self, data: bytes) -> bool:
        return b"\n" in data

    def judge(self, data: bytes) -> _Ended:
        reply = wire.parse_reply(data)
        if reply is None:
            return _Ended(outcome.WRONG_RESPONDER, "not a reply of an agent")
        kind, error = outcome.CONNECTED, None
        if reply.nonce != self._nonce:
            kind, error = outcome.WRONG_RESPONDER, "a reply to another request"
        return _Ended(kind, error, reply.responder, reply.observed)


class _WithNameserver:
    """Asks a nameserver: a message each way, over TCP with its length before it.

    Whatever comes back, somebody is there: only a good answer connects, and nothing else looks like a denial.
    """

    __slots__ = ("_framed", "_query", "_responder", "request")

    limit = 2 + dns.MAX_MESSAGE

    def __init__(self, target: Target) -> None:
        self._query = dns.Query(target.query, ipv6=":" in target.address)
        self._framed = target.protocol != sockets.UDP
        self._responder = wire.endpoint(target.address, target.port)
        message = self._query.message
        self.request = len(message).to_bytes(2, "big") + message if self._framed else message

    def whole(self, data: bytes) -> bool:
        return len(data) >= 2 and len(data) >= 2 + int.from_bytes(data[:2], "big")

    def judge(self, data: bytes) -> _Ended:
        if self._framed and not self.whole(data):
            return _Ended(outcome.UNRESOLVED, "half an answer", self._responder)
        message = data[2 : 2 + int.from_bytes(data[:2], "big")] if self._framed else data
        trouble = self._query.trouble(message)
        kind = outcome.UNRESOLVED if trouble else outcome.CONNECTED
        return _Ended(kind, trouble or None, self._responder)


def exchange(target: Target, nonce: str) -> Exchange:
    """What is asked of a target."""
    return _WithNameserver(target) if target.query else _WithAgent(nonce)


class Dialer:
    """Dials one target at a time, any number of times at once, from source ports that are not soon reused."""

    def __init__(self) -> None:
        self._ports = sockets.SourcePorts()

    async def dial(self, target: Target, nonce: str, timeout: float) -> Result:
        """Dial with ``timeout`` seconds, counted from now. Never raises for what the network or the kernel does."""
        started = time.time()
        begin = now()
        attempt = _Attempt(exchange(target, nonce), begin, timeout)
        sock: socket.socket | None = None
        try:
            sock = sockets.to_dial(target.protocol, target.address, self._ports)
            if target.protocol == sockets.UDP:
                await attempt.datagram(sock, target)
            else:
                await attempt.stream(sock, target)
        except _Ended as ended:
            end = ended
        except sockets.NoSocket as none:
            end = _Ended(none.kind, none.error)
        except Exception as error:  # noqa: BLE001 - a batch must not lose a result to a bug: it is told as one
            end = _Ended(outcome.AGENT_ERROR, f"{type(error).__name__}: {error}")
        finally:
            local = _local(sock)
            if sock is not None:
                sock.close()
        seconds = round(now() - begin, 6)
        return Result(end.kind, end.error, started, seconds, end.responder, end.observed, local, attempt.sends)


class _Attempt:
    """The state of one dial. Its methods end by raising _Ended."""

    __slots__ = ("begin", "deadline", "exchange", "sends", "timeout")

    def __init__(self, exchange: Exchange, begin: float, timeout: float) -> None:
        self.exchange = exchange
        self.begin = begin
        self.timeout = timeout
        self.deadline = begin + timeout
        self.sends = 0

    async def stream(self, sock: socket.socket, target: Target) -> None:
        """TCP or SCTP: connect, ask, read the answer."""
        code = sock.connect_ex((target.address, target.port))
        if code == errno.EINPROGRESS and target.protocol == sockets.TCP:
            code = self._ask_at_once(sock)
        if code == errno.EINPROGRESS:
            try:
                await writable(sock, self.deadline)
            except TimeoutError:
                raise _Ended(outcome.TIMED_OUT) from None
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code in outcome.AFTER_HANDSHAKE:
            raise _cut(code)
        if code:
            raise _Ended(outcome.of_network(code), outcome.name(code))
        try:
            if not self.sends:
                sock.send(self.exchange.request)
                self.sends = 1
            answer = await self._read(sock)
        except TimeoutError:
            raise _Ended(outcome.TIMED_OUT, f"no reply {AFTER_CONNECT}") from None
        except OSError as error:
            raise _cut(error.errno or 0) from None
        raise self.exchange.judge(answer)

    def _ask_at_once(self, sock: socket.socket) -> int:
        """Ask without waiting for the handshake, which is often over already (always, between pods of one node).

        0 when it was, EINPROGRESS when it is not, else the errno that it has ended with. Not for SCTP, which keeps what
        is sent too early.
        """
        try:
            sock.send(self.exchange.request)
        except BlockingIOError:
            return errno.EINPROGRESS
        except OSError as error:
            return error.errno or 0
        self.sends = 1
        return 0

    async def _read(self, sock: socket.socket) -> bytes:
        """Read a whole answer; more than it may have is cut off, and judged as none of ours."""
        data = b""
        while True:
            await readable(sock, self.deadline)
            try:
                chunk = sock.recv(self.exchange.limit)
            except BlockingIOError:
                continue
            data += chunk
            if not data:
                raise _Ended(outcome.RESET, f"EOF {AFTER_CONNECT}")
            if not chunk or self.exchange.whole(data) or len(data) > self.exchange.limit:
                return data

    async def datagram(self, sock: socket.socket, target: Target) -> None:
        """UDP, on a connected socket that is told every ICMP error: ask again every third of the timeout."""
        sockets.tell_all_errors(sock, target.address)
        code = sock.connect_ex((target.address, target.port))
        if code:
            raise _Ended(outcome.of_network(code), outcome.name(code))
        interval = self.timeout / _SENDS_PER_TIMEOUT
        failed = 0
        try:
            for turn in range(1, _SENDS_PER_TIMEOUT + 1):
                failed = self._send(sock) or failed
                # The last turn ends at the deadline itself, not where rounding puts it.
                until = self.deadline if turn == _SENDS_PER_TIMEOUT else self.begin + turn * interval
                datagram = await _receive(sock, self.exchange.limit, until)
                if datagram is not None:
                    raise self.exchange.judge(datagram)
        except OSError as error:
            code = error.errno or 0
            raise _Ended(outcome.of_network(code), outcome.name(code)) from None
        if self.sends == 0 and failed:
            raise _Ended(outcome.of_network(failed), outcome.name(failed))
        raise _Ended(outcome.TIMED_OUT)

    def _send(self, sock: socket.socket) -> int:
        """Send the request; the errno when it did not leave but may the next time."""
        try:
            sock.send(self.exchange.request)
        except OSError as error:
            if error.errno not in _SEND_LATER:
                raise
            return error.errno
        self.sends += 1
        return 0


async def _receive(sock: socket.socket, limit: int, deadline: float) -> bytes | None:
    """The next datagram, or None at the deadline. OSError when an ICMP error came back."""
    while True:
        try:
            await readable(sock, deadline)
        except TimeoutError:
            return None
        with contextlib.suppress(BlockingIOError):
            return sock.recv(limit)


def _local(sock: socket.socket | None) -> str | None:
    """The address and port that a socket used here."""
    if sock is None:
        return None
    try:
        ip, port = sock.getsockname()[:2]
    except OSError:
        return None
    return wire.endpoint(ip, port)
