"""One dial: connect or send, ask, wait for the answer, and say by errno what came of it."""

from __future__ import annotations

import errno
import socket
import time
from typing import Final, NamedTuple

from . import outcome, sockets, wire
from .reactor import now, readable, writable

_SENDS_PER_TIMEOUT: Final = 3
_SEND_LATER: Final = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EPERM))
"""Send errors that may pass (EPERM: also what a full connection tracking table says), so UDP tries again."""

AFTER_CONNECT: Final = "after connect"


class Target(NamedTuple):
    """What to dial. ``address`` is a literal: the agent resolves no names, so that DNS is never taken for policy."""

    address: str
    port: int
    protocol: str


class Result(NamedTuple):
    """What came of a dial.

    ``error`` is an errno's name or a short text; ``ECONNRESET after connect`` and the like mean that the handshake
    had been completed, so packets did pass. ``started`` is unix time, ``seconds`` from there to the outcome,
    ``observed`` the source that the responder saw, ``local`` the one used here, ``sends`` how often the request
    left.
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

    def __init__(self, kind: str, error: str | None = None, reply: wire.Reply | None = None) -> None:
        self.kind = kind
        self.error = error
        self.reply = reply


class Dialer:
    """Dials one target at a time, any number of times at once, from source ports that are not soon reused."""

    def __init__(self) -> None:
        self._ports = sockets.SourcePorts()

    async def dial(self, target: Target, nonce: str, timeout: float) -> Result:
        """Dial with ``timeout`` seconds, counted from now. Never raises for what the network or the kernel does."""
        started = time.time()
        begin = now()
        attempt = _Attempt(nonce, begin, timeout)
        sock: socket.socket | None = None
        try:
            sock = self._socket(target)
            if target.protocol == sockets.UDP:
                await attempt.datagram(sock, target)
            else:
                await attempt.stream(sock, target)
        except _Ended as ended:
            end = ended
        except Exception as error:  # noqa: BLE001 - a batch must not lose a result to a bug: it is told as one
            end = _Ended(outcome.AGENT_ERROR, f"{type(error).__name__}: {error}")
        finally:
            local = _local(sock)
            if sock is not None:
                sock.close()
        seconds = round(now() - begin, 6)
        responder, observed = (end.reply.responder, end.reply.observed) if end.reply else (None, None)
        return Result(end.kind, end.error, started, seconds, responder, observed, local, attempt.sends)

    def _socket(self, target: Target) -> socket.socket:
        """A socket bound to a fresh source port; ends the dial when that cannot be had."""
        family = sockets.family_of(target.address)
        if family is None:
            raise _Ended(outcome.UNRESOLVED, "not an address")
        try:
            sock = sockets.make(target.protocol, family)
        except OSError as error:
            raise _Ended(outcome.of_socket(error.errno or 0), outcome.name(error.errno or 0)) from None
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, sockets.LINGER_NONE)
            self._ports.bind(sock, family)
        except OSError as error:
            sock.close()
            raise _Ended(outcome.of_socket(error.errno or 0), outcome.name(error.errno or 0)) from None
        return sock


class _Attempt:
    """The state of one dial. Its methods end by raising _Ended."""

    __slots__ = ("begin", "deadline", "nonce", "request", "sends", "timeout")

    def __init__(self, nonce: str, begin: float, timeout: float) -> None:
        self.nonce = nonce
        self.request = wire.request(nonce)
        self.begin = begin
        self.timeout = timeout
        self.deadline = begin + timeout
        self.sends = 0

    async def stream(self, sock: socket.socket, target: Target) -> None:
        """TCP or SCTP: connect, ask, read the reply."""
        code = sock.connect_ex((target.address, target.port))
        if code == errno.EINPROGRESS:
            try:
                await writable(sock, self.deadline)
            except TimeoutError:
                raise _Ended(outcome.TIMED_OUT) from None
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise _Ended(outcome.of_network(code), outcome.name(code))
        try:
            sock.send(self.request)
            self.sends = 1
            line = await self._read_line(sock)
        except TimeoutError:
            raise _Ended(outcome.TIMED_OUT, f"no reply {AFTER_CONNECT}") from None
        except OSError as error:
            code = error.errno or 0
            raise _Ended(outcome.of_network(code), f"{outcome.name(code)} {AFTER_CONNECT}") from None
        raise self._judge(line)

    async def _read_line(self, sock: socket.socket) -> bytes:
        """Read up to a newline; more than a reply may have is cut off, and judged as no reply of ours."""
        data = b""
        while True:
            try:
                chunk = sock.recv(wire.MAX_REPLY)
            except BlockingIOError:
                await readable(sock, self.deadline)
                continue
            data += chunk
            if not data:
                raise _Ended(outcome.RESET, f"EOF {AFTER_CONNECT}")
            if not chunk or b"\n" in data or len(data) > wire.MAX_REPLY:
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
                datagram = await _receive(sock, until)
                if datagram is not None:
                    raise self._judge(datagram)
        except OSError as error:
            code = error.errno or 0
            raise _Ended(outcome.of_network(code), outcome.name(code)) from None
        if self.sends == 0 and failed:
            raise _Ended(outcome.of_network(failed), outcome.name(failed))
        raise _Ended(outcome.TIMED_OUT)

    def _send(self, sock: socket.socket) -> int:
        """Send the request; the errno when it did not leave but may the next time."""
        try:
            sock.send(self.request)
        except OSError as error:
            if error.errno not in _SEND_LATER:
                raise
            return error.errno
        self.sends += 1
        return 0

    def _judge(self, line: bytes) -> _Ended:
        reply = wire.parse_reply(line)
        if reply is None:
            return _Ended(outcome.WRONG_RESPONDER, "not a reply of an agent")
        if reply.nonce != self.nonce:
            return _Ended(outcome.WRONG_RESPONDER, "a reply to another request", reply)
        return _Ended(outcome.CONNECTED, None, reply)


async def _receive(sock: socket.socket, deadline: float) -> bytes | None:
    """The next datagram, or None at the deadline. OSError when an ICMP error came back."""
    while True:
        try:
            return sock.recv(wire.MAX_REPLY)
        except BlockingIOError:
            pass
        try:
            await readable(sock, deadline)
        except TimeoutError:
            return None


def _local(sock: socket.socket | None) -> str | None:
    """The address and port that a socket used here."""
    if sock is None:
        return None
    try:
        ip, port = sock.getsockname()[:2]
    except OSError:
        return None
    return wire.endpoint(ip, port)
