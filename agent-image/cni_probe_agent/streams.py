"""Serves TCP and SCTP connections: answer every request, and let no peer take more than its share.

A peer that says nothing, says too much, never reads or comes in thousands costs at most one bounded buffer and a
place among MAX_CONNECTIONS for a bounded time. When all places are taken the connection that has been quiet longest
goes, but not before GRACE: its request may still be on the way, and an honest probe must not see a reset for the
sake of others. Until then new connections wait in the kernel's queue.
"""

from __future__ import annotations

import errno
import socket
from collections import OrderedDict
from typing import Final

from . import sockets, wire
from .reactor import Reactor, Task, now, readable, sleep_until, writable
from .receipts import Receipts

MAX_CONNECTIONS: Final = 1024
REQUEST_SECONDS: Final = 10.0  # for a whole request, not for its next byte
IDLE_SECONDS: Final = 600.0  # until the next request: a connection that is held may be cut off for long, and come back
REPLY_SECONDS: Final = 5.0  # for a peer to take a reply
GRACE: Final = 0.1
BACKLOG: Final = 4096
_ACCEPTS_PER_TURN: Final = 64
_PAUSE: Final = 0.01
_EXHAUSTED: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Connections:
    """The open connections of all stream listeners, the one quiet longest first."""

    def __init__(self, limit: int = MAX_CONNECTIONS) -> None:
        self._limit = limit
        self._active: OrderedDict[Task, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._active)

    def room(self) -> bool:
        """Whether there is a place for another one, made by dropping the one quiet longest if need be."""
        return len(self._active) < self._limit or self.drop(GRACE)

    def drop(self, grace: float) -> bool:
        """Drop the connection that has been quiet longest, if for ``grace`` seconds at least; whether one was."""
        if not self._active:
            return False
        task, since = next(iter(self._active.items()))
        if now() - since < grace:
            return False
        del self._active[task]
        task.cancel()
        return True

    def touch(self, task: Task) -> None:
        """A connection is new, or was just heard of."""
        self._active[task] = now()
        self._active.move_to_end(task)

    def forget(self, task: Task) -> None:
        """A connection is over."""
        self._active.pop(task, None)


class StreamServer:
    """Accepts on the listeners given to it."""

    def __init__(self, reactor: Reactor, pod_uid: str, receipts: Receipts, limit: int = MAX_CONNECTIONS) -> None:
        self.connections = Connections(limit)
        self._reactor = reactor
        self._pod_uid = pod_uid
        self._receipts = receipts

    async def serve(self, listener: socket.socket, protocol: str) -> None:
        """Accept forever."""
        port: int = listener.getsockname()[1]
        while True:
            await readable(listener)
            for _ in range(_ACCEPTS_PER_TURN):
                if not self.connections.room():
                    await sleep_until(now() + _PAUSE)
                    break
                try:
                    sock, peer = listener.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno in _EXHAUSTED:
                        self.connections.drop(0.0)
                        await sleep_until(now() + _PAUSE)
                        break
                    continue  # the peer gave up while it waited in the queue
                sock.setblocking(False)
                task = self._reactor.spawn(self._talk(sock, peer[0], peer[1], port, protocol))
                self.connections.touch(task)

    async def _talk(self, sock: socket.socket, ip: str, source_port: int, port: int, protocol: str) -> None:
        """Answer the requests of one connection until it ends, falls silent, or says what is no request."""
        task = self._reactor.current
        assert task is not None
        held = b""
        deadline = now() + REQUEST_SECONDS
        try:
            while True:
                try:
                    chunk = sock.recv(4 * wire.MAX_REQUEST)
                except BlockingIOError:
                    await readable(sock, deadline)
                    continue
                if not chunk:
                    return
                *lines, held = (held + chunk).split(b"\n")
                for line in lines:
                    nonce = wire.parse_request(line + b"\n")
                    if nonce is None:
                        return
                    self._receipts.add(nonce, ip, source_port, port, protocol)
                    await _send(sock, wire.reply(nonce, self._pod_uid, ip, source_port))
                if len(held) >= wire.MAX_REQUEST:
                    return
                if lines:
                    self.connections.touch(task)
                    deadline = now() + (REQUEST_SECONDS if held else IDLE_SECONDS)
                await readable(sock, deadline)
        except OSError:
            return  # the peer reset it, or took too long: TimeoutError is an OSError
        finally:
            self.connections.forget(task)
            sock.close()


async def _send(sock: socket.socket, data: bytes) -> None:
    """Send all of it. TimeoutError when the peer does not take it in time."""
    deadline = now() + REPLY_SECONDS
    while data:
        try:
            data = data[sock.send(data) :]
        except BlockingIOError:
            await writable(sock, deadline)


def listen(protocol: str, family: int, port: int) -> socket.socket:
    """A bound, listening socket on every address of a family. OSError when it cannot be had."""
    sock = sockets.make(protocol, family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
