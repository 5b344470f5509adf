"""The control socket: streams of newline-delimited JSON, each bound to a session by its ``hello``.

Garbage gets an ``error`` frame and is otherwise ignored; it never ends the agent nor, by itself, the stream.
The protocol is described in the image's README.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from . import __version__, dns, wire
from .batch import MAX_TARGETS, Batch
from .dialer import Dialer
from .fields import number_of, targets_of, text_of
from .listeners import Listeners, features
from .reactor import Reactor, readable
from .receipts import Receipts
from .series_desk import SeriesDesk
from .session import BadFrame, Session
from .stream import Stream

VERSION: Final = 1
MAX_NONCES: Final = 8192  # their receipts fit a line
MAX_STREAMS: Final = 64
MAX_SESSIONS: Final = 32


class Control:
    """Serves the control socket."""

    def __init__(self, reactor: Reactor, pod_uid: str, listeners: Listeners, receipts: Receipts) -> None:
        self._reactor = reactor
        self._pod_uid = pod_uid
        self._listeners = listeners
        self._receipts = receipts
        self._dialer = Dialer()
        self._instance = os.urandom(8).hex()
        self._sessions: dict[str, Session] = {}
        self._streams: set[Stream] = set()
        self._desk = SeriesDesk(reactor, receipts)

    def begin(self, text: str) -> None:
        """Begin a series by oneself, as `SeriesDesk.begin`."""
        self._desk.begin(text)

    async def serve(self, listener: socket.socket) -> None:
        """Accept forever."""
        while True:
            await readable(listener)
            try:
                sock, _ = listener.accept()
            except OSError:
                continue
            sock.setblocking(False)
            if len(self._streams) >= MAX_STREAMS:
                sock.close()
                continue
            stream = Stream(self, self._reactor, sock)
            self._streams.add(stream)
            self._reactor.spawn(stream.run())

    def closed(self, stream: Stream) -> None:
        """A stream is over."""
        self._streams.discard(stream)

    def session(self, frame: dict[str, Any]) -> Session:
        """The session that a ``hello`` asks for, new or known. An empty id asks for one that ends with its stream."""
        if frame.get("v") != VERSION:
            raise BadFrame(f"protocol version {frame.get('v')!r}: this agent speaks {VERSION}")
        id = text_of(frame, "session", "")
        session = self._sessions.get(id) if id else None
        resumed = session is not None
        if session is None:
            session = Session(self._reactor, id)
            if id:
                self._make_room()
                self._sessions[id] = session
        session.acknowledge(int(number_of(frame, "ack", 0)))
        session.emit(
            {
                "v": VERSION,
                "op": "hello",
                "agent": __version__,
                "instance": self._instance,
                "pod_uid": self._pod_uid,
                "resumed": resumed,
                "lost": session.lost,
                "listeners": [state.as_json() for state in self._listeners.states],
                "features": features(),
                "resolver": dns.read_resolver().as_json(),
            }
        )
        return session

    def _make_room(self) -> None:
        """Forget the session that has been without a stream longest, when there are too many."""
        if len(self._sessions) < MAX_SESSIONS:
            return
        idle = [session for session in self._sessions.values() if session.stream is None and not session.busy]
        if not idle:
            raise BadFrame(f"{MAX_SESSIONS} sessions are open already")
        del self._sessions[min(idle, key=lambda session: session.quiet_since).id]

    def handle(self, session: Session, frame: dict[str, Any]) -> None:
        """Act on a frame of a session. BadFrame when it cannot be understood."""
        handlers: dict[str, Callable[[Session, dict[str, Any]], None]] = {
            "dial": self._dial,
            "receipts": self._find,
            "check": self._check,
            "ping": self._ping,
            "series": self._desk.start,
            "hold": self._desk.hold,
            "read": self._desk.read,
            "stop": self._desk.stop,
            "ack": lambda session, frame: session.acknowledge(int(number_of(frame, "seq", 0))),
        }
        handler = handlers.get(text_of(frame, "op"))
        if handler is None:
            raise BadFrame(f"unknown op {frame['op']}")
        handler(session, frame)

    def _dial(self, session: Session, frame: dict[str, Any]) -> None:
        targets = targets_of(frame)
        id = text_of(frame, "id")
        batch = session.batches.get(id)
        if batch is None:
            nonce = text_of(frame, "nonce")
            if not wire.valid_nonce(f"{nonce}.{MAX_TARGETS}"):
                raise BadFrame("nonce: 1 to 100 of letters, digits and ._:-")
            total = number_of(frame, "total", len(targets))
            if total > MAX_TARGETS:
                raise BadFrame(f"total: at most {MAX_TARGETS}")
            timeout = number_of(frame, "timeout")
            if not 0 < timeout <= 3600:
                raise BadFrame("timeout: more than 0 and at most 3600 seconds")
            batch = session.batches[id] = Batch(
                self._reactor,
                self._dialer,
                session.emit,
                id=id,
                nonce=nonce,
                timeout=timeout,
                in_flight=int(number_of(frame, "in_flight", 256)),
                rate=number_of(frame, "rate", 0),
                total=int(total),
            )
        try:
            batch.add(int(number_of(frame, "first", 0)), targets)
        except ValueError as error:
            raise BadFrame(str(error)) from None

    def _find(self, session: Session, frame: dict[str, Any]) -> None:
        nonces = frame.get("nonces")
        if not isinstance(nonces, list) or not all(isinstance(nonce, str) for nonce in nonces):
            raise BadFrame("nonces: a list of strings")
        if len(nonces) > MAX_NONCES:
            raise BadFrame(f"nonces: at most {MAX_NONCES}")
        receipts = self._receipts
        counts = {"overwritten": receipts.overwritten, "total": receipts.total}
        session.emit({"op": "receipts", "id": text_of(frame, "id"), "found": receipts.find(nonces), **counts})

    def _check(self, session: Session, frame: dict[str, Any]) -> None:
        session.checks += 1
        self._reactor.spawn(self._answer_check(session, text_of(frame, "id")))

    async def _answer_check(self, session: Session, id: str) -> None:
        states = await self._listeners.check(self._dialer)
        session.checks -= 1
        session.emit({"op": "check", "id": id, "listeners": [state.as_json() for state in states]})

    def _ping(self, session: Session, frame: dict[str, Any]) -> None:
        session.emit({"op": "pong", "id": text_of(frame, "id"), "time": time.time()})
