"""Connections that are held: opened once, and from then on asked for a sign of life at a steady pace.

What becomes of a connection when policies change under it, or when what enforces them is restarted, shows only in one
that was open before. Each TCP (or SCTP) connection, and each UDP flow that keeps its 5-tuple, carries a numbered
request an interval, which the other end's listener answers as any other: a heartbeat both ways. This end keeps what
came back and when, the other end which numbers arrived, so that the way there and the way back are told apart.

Like a ``Series`` it belongs to the agent and to no stream, keeps what it saw in a ring, and ends when nobody reads it.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from . import outcome, sockets, wire
from .flight import Aim
from .reactor import Reactor, Task, now, readable, sleep_until, writable
from .receipts import Receipts
from .ring import Ring
from .sockets import SourcePorts

MAX_HELD: Final = 1024
ENTRIES_PER_READ: Final = 4096
NOTICEABLE: Final = 0.05
_HEARTBEAT: Final = 0.05
_UNANSWERED_KEPT: Final = 1024
_HEARD_KEPT: Final = 4096
_NOT_SENT: Final = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM))


@dataclass(frozen=True)
class HoldPlan:
    """What is held. ``agent`` is this agent's number among those who share the ``nonce``; connection ``c`` leads to
    ``aims[c]``, carries a heartbeat each ``interval``, and is quiet when none was answered for ``patience`` (s)."""

    nonce: str
    agent: int
    interval: float
    patience: float
    lease: float
    aims: Sequence[Aim]


class Held:
    """Holds the connections of one plan from now on. Entries of its ring, times in seconds since its start:

    ``["o", connection, at, local]``: its first heartbeat was answered;
    ``["q", connection, at, since]``: it is quiet: heartbeat after heartbeat since ``since`` (the instant at which the
    first of them was sent) has had no answer;
    ``["b", connection, at, since]``: an answer has come after all;
    ``["n", connection, at, outcome, error]``: something said "no" to a datagram (ICMP), the first since an answer;
    ``["e", connection, at, outcome, error]``: it has ended, or could not be opened;
    ``["s", at, seconds]``: the agent did not run.
    """

    def __init__(self, reactor: Reactor, ports: SourcePorts, receipts: Receipts, plan: HoldPlan) -> None:
        self.plan = plan
        self.ports = ports
        self.ring = Ring()
        self.stopping = False
        self._base = self._read_at = now()
        self._receipts = receipts
        self._mark = f"{plan.nonce}.h."
        self._heard: dict[tuple[int, int], list[float]] = {}
        self._connections = [Connection(self, number, aim) for number, aim in enumerate(plan.aims)]
        receipts.tap(self._mark, self._arrived)
        self._tasks: list[Task] = [reactor.spawn(it.run()) for it in self._connections]
        reactor.spawn(self._watch())

    @property
    def time(self) -> float:
        """Seconds since its start."""
        return self.since_start(now())

    @property
    def ended(self) -> bool:
        """Whether nothing is held any more."""
        return self.stopping and all(task.done for task in self._tasks)

    def since_start(self, moment: float) -> float:
        """A monotonic time as entries have it."""
        return round(moment - self._base, 6)

    def nonce(self, connection: int, number: int) -> str:
        """Of a heartbeat."""
        return f"{self._mark}{self.plan.agent}.{connection}.{number}"

    def stop(self) -> None:
        """Close everything."""
        self.stopping = True
        self._receipts.untap(self._mark)
        for task in self._tasks:
            task.cancel()

    def read(self, since: int) -> dict[str, Any]:
        """Everything after entry ``since``, how each connection is, and what was heard here of other agents'."""
        self._read_at = now()
        self.ring.forget(since)
        first, entries = self.ring.head(ENTRIES_PER_READ)
        heard = [[*key, *told] for key, told in self._heard.items()]
        states = [connection.state() for connection in self._connections]
        said = {"first": first, "entries": entries, "last": self.ring.last, "time": self.time, "ended": self.ended}
        return {**said, "held": states, "heard": heard}

    def _arrived(self, nonce: str, source: str) -> None:
        with contextlib.suppress(ValueError):  # a stranger can send anything
            agent, connection, number = map(int, nonce.removeprefix(self._mark).split("."))
            told = self._heard.get((agent, connection))
            if told is not None:
                self._heard[agent, connection] = [told[0] + 1, max(told[1], number), self.time]
            elif len(self._heard) < _HEARD_KEPT:
                self._heard[agent, connection] = [1, number, self.time]

    async def _watch(self) -> None:
        """Notice when the agent does not run, and when nobody wants to know any more."""
        while not self.stopping:
            wake = now() + _HEARTBEAT
            await sleep_until(wake)
            late = now() - wake
            if late > NOTICEABLE:
                self.ring.add(["s", self.since_start(wake), round(late, 4)])
            for connection in self._connections:
                connection.look()
            if now() - self._read_at > self.plan.lease:
                self.stop()


class Connection:
    """One connection, or one flow."""

    def __init__(self, held: Held, number: int, aim: Aim) -> None:
        self._held = held
        self._number = number
        self._aim = aim
        self._is_flow = aim.target.protocol == sockets.UDP
        self._opened: float | None = None
        self._ended: tuple[str, str, float] | None = None
        self._sent = self._answered = 0
        self._latest = 0  # the highest number that was answered; heartbeats count from 1
        self._latest_at: float | None = None
        self._unanswered: deque[tuple[int, float]] = deque()
        self._quiet_since: float | None = None
        self._refused = False
        self._data = b""

    def state(self) -> list[Any]:
        """``[opened, sent, answered, latest answered, when that came, since when unanswered, end]``, where an end is
        ``[outcome, error, at]``."""
        since = self._held.since_start(self._unanswered[0][1]) if self._unanswered else None
        return [self._opened, self._sent, self._answered, self._latest, self._latest_at, since, self._ended]

    def look(self) -> None:
        """Notice that it has fallen silent."""
        if self._quiet_since is None and self._opened is not None and not self._ended and self._unanswered:
            since = self._unanswered[0][1]
            if now() - since > self._held.plan.patience:
                self._quiet_since = self._held.since_start(since)
                self._log("q", self._quiet_since)

    def _log(self, kind: str, *more: Any) -> None:
        self._held.ring.add([kind, self._number, self._held.time, *more])

    async def run(self) -> None:
        """From its opening to its end."""
        sock: socket.socket | None = None
        try:
            sock = self._socket()
            await self._open(sock)
            await self._beat(sock)
        except OSError as error:
            code = errno.ETIMEDOUT if isinstance(error, TimeoutError) and not error.errno else error.errno or 0
            self._end(outcome.of_network(code), outcome.name(code))
        except (_Over, sockets.NoSocket) as over:
            self._end(over.kind, over.error)
        finally:
            if sock is not None:
                sock.close()

    def _end(self, kind: str, error: str) -> None:
        self._ended = kind, error, self._held.time
        self._log("e", kind, error)

    def _socket(self) -> socket.socket:
        target = self._aim.target
        sock = sockets.to_dial(target.protocol, target.address, self._held.ports)
        if target.protocol == sockets.TCP:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._is_flow:
            sockets.tell_all_errors(sock, target.address)
        return sock

    async def _open(self, sock: socket.socket) -> None:
        target = self._aim.target
        code = sock.connect_ex((target.address, target.port))
        if code == errno.EINPROGRESS:
            await writable(sock, now() + self._held.plan.patience)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, outcome.name(code))

    async def _beat(self, sock: socket.socket) -> None:
        interval = self._held.plan.interval
        due = now() + interval * self._number / max(1, len(self._held.plan.aims))  # not all of them at once
        while not self._held.stopping:
            if now() >= due:
                self._send(sock)
                due = max(due + interval, now())
            try:
                await readable(sock, due)
            except TimeoutError:
                continue
            self._receive(sock)

    def _send(self, sock: socket.socket) -> None:
        number = self._sent + 1
        try:
            sock.send(wire.request(self._held.nonce(self._number, number)))
        except OSError as error:
            if error.errno not in _NOT_SENT:
                self._said_no(error)
                return
        self._sent = number  # a full buffer is a heartbeat that cannot be answered, too
        if len(self._unanswered) < _UNANSWERED_KEPT:
            self._unanswered.append((number, now()))

    def _receive(self, sock: socket.socket) -> None:
        try:
            chunk = sock.recv(8 * wire.MAX_REPLY)
        except BlockingIOError:
            return
        except OSError as error:
            self._said_no(error)
            return
        if self._is_flow:
            self._take(chunk)
            return
        if not chunk:
            raise _Over(outcome.RESET, "EOF")
        *lines, self._data = (self._data + chunk).split(b"\n")
        for line in lines:
            self._take(line + b"\n")
        if len(self._data) > wire.MAX_REPLY:
            raise _Over(outcome.WRONG_RESPONDER, "not a reply of an agent")

    def _said_no(self, error: OSError) -> None:
        """Ends a connection; a flow goes on, and may be answered again."""
        if not self._is_flow:
            raise error
        if not self._refused:
            self._refused = True
            self._log("n", outcome.of_network(error.errno or 0), outcome.name(error.errno or 0))

    def _take(self, line: bytes) -> None:
        reply = wire.parse_reply(line)
        if reply is None:
            raise _Over(outcome.WRONG_RESPONDER, "not a reply of an agent")
        if self._aim.responder is not None and reply.responder != self._aim.responder:
            raise _Over(outcome.WRONG_RESPONDER, f"answered by {reply.responder}")
        start = self._held.nonce(self._number, 0)[:-1]
        number = reply.nonce.removeprefix(start)
        if not reply.nonce.startswith(start) or not number.isdigit():
            raise _Over(outcome.WRONG_RESPONDER, "a reply to another request")
        self._answered += 1
        self._latest = max(self._latest, int(number))
        self._latest_at = self._held.time
        self._refused = False
        while self._unanswered and self._unanswered[0][0] <= self._latest:
            self._unanswered.popleft()
        if self._opened is None:
            self._opened = self._held.time
            self._log("o", reply.observed)
        if self._quiet_since is not None:
            self._log("b", self._quiet_since)
            self._quiet_since = None


class _Over(Exception):
    """A connection has ended; ``kind`` is an outcome."""

    def __init__(self, kind: str, error: str) -> None:
        super().__init__(error)
        self.kind = kind
        self.error = error
