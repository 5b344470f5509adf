"""One attempt of a series: a connection of its own, which is tried with a single packet.

The same questions and the same judgement as a ``Dialer``'s, without a coroutine for each: agents make hundreds of
these a second for hours. A datagram is sent once, and a time-out below a second leaves a SYN no time to be repeated
(RFC 6298 section 2: the first retransmission comes after a second), so that what is seen is how the network treats a
packet that is sent at that instant.
"""

from __future__ import annotations

import errno
import select
import socket
from typing import Final, NamedTuple

from . import outcome, sockets
from .dialer import AFTER_CONNECT, Exchange, Target, exchange
from .runs import Ended

_IN: Final = select.EPOLLIN
_OUT: Final = select.EPOLLOUT


class Aim(NamedTuple):
    """What a cell of a series dials, and who must answer (None: whoever does)."""

    target: Target
    responder: str | None


class Flight:
    """An attempt under way. ``awake`` is the time, on the series' own clock, from which its timeout counts."""

    __slots__ = ("_aim", "_connecting", "_data", "_exchange", "awake", "began", "cell", "late", "number", "sock")

    def __init__(self, aim: Aim, cell: int, number: int, nonce: str) -> None:
        self.cell = cell
        self.number = number
        self.began = self.awake = self.late = 0.0
        self.sock: socket.socket | None = None
        self._aim = aim
        self._exchange: Exchange = exchange(aim.target, nonce)
        self._connecting = aim.target.protocol != sockets.UDP
        self._data = b""

    def start(self, ports: sockets.SourcePorts, epoll: select.epoll) -> Ended | None:
        """Send the first packet; what came of it if that is known at once."""
        target = self._aim.target
        try:
            self.sock = sock = sockets.to_dial(target.protocol, target.address, ports)
            epoll.register(sock.fileno(), _OUT if self._connecting else _IN)
        except sockets.NoSocket as none:
            return self.ended(none.kind, none.error)
        except OSError as error:
            code = error.errno or 0
            return self.ended(outcome.of_socket(code), outcome.name(code))
        if not self._connecting:
            sockets.tell_all_errors(sock, target.address)
        code = sock.connect_ex((target.address, target.port))
        if code not in (0, errno.EINPROGRESS):
            return self._failed(code)
        return None if self._connecting else self._ask(sock)

    def _ask(self, sock: socket.socket) -> Ended | None:
        try:
            sock.send(self._exchange.request)
        except OSError as error:
            return self._failed(error.errno or 0)
        return None

    def go_on(self, epoll: select.epoll) -> Ended | None:
        """The socket has news; what came of the attempt, if it has ended."""
        assert self.sock is not None
        if self._connecting:
            return self._connected(self.sock, epoll)
        try:
            chunk = self.sock.recv(self._exchange.limit)
        except BlockingIOError:
            return None
        except OSError as error:
            return self._failed(error.errno or 0)
        self._data += chunk
        if self._aim.target.protocol == sockets.UDP:
            return self._judged()
        if not self._data:
            return self.ended(outcome.RESET, f"EOF {AFTER_CONNECT}", established=True)
        if not chunk or self._exchange.whole(self._data) or len(self._data) > self._exchange.limit:
            return self._judged()
        return None

    def _connected(self, sock: socket.socket, epoll: select.epoll) -> Ended | None:
        """The handshake is over, one way or the other."""
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code in outcome.AFTER_HANDSHAKE:
            self._connecting = False
        if code:
            return self._failed(code)
        self._connecting = False
        epoll.modify(sock.fileno(), _IN)
        return self._ask(sock)

    def timed_out(self) -> Ended:
        """Nothing came in time."""
        if self._connecting or self._aim.target.protocol == sockets.UDP:
            return self.ended(outcome.TIMED_OUT)
        return self.ended(outcome.TIMED_OUT, f"no reply {AFTER_CONNECT}", established=True)

    def _failed(self, code: int) -> Ended:
        established = not self._connecting and self._aim.target.protocol != sockets.UDP
        name = outcome.name(code)
        error = f"{name} {AFTER_CONNECT}" if established else name
        return self.ended(outcome.of_network(code), error, established=established)

    def _judged(self) -> Ended:
        """What the answer says. Whoever gave it: packets went both ways."""
        said = self._exchange.judge(self._data)
        wanted = self._aim.responder
        if said.kind == outcome.CONNECTED and wanted is not None and said.responder != wanted:
            return self.ended(outcome.WRONG_RESPONDER, f"answered by {said.responder}", established=True)
        return self.ended(said.kind, said.error, established=True)

    def ended(self, kind: str, error: str | None = None, *, established: bool = False) -> Ended:
        """Close the socket; how it ended, but for how long it took."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
        return Ended(kind, error, established, self.late, 0.0)
