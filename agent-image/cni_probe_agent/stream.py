"""One connection to the control socket: lines in, frames of its session out."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any, Final

from .reactor import Reactor, now, readable, writable
from .session import BadFrame, Session

if TYPE_CHECKING:
    from .control import Control

MAX_LINE: Final = 1 << 20
HELLO_SECONDS: Final = 10.0
_CHUNK: Final = 1 << 16


class Stream:
    """Reads and writes are tasks of their own, each with its own descriptor of the socket and closing that only."""

    def __init__(self, control: Control, reactor: Reactor, sock: socket.socket) -> None:
        self._control = control
        self._reactor = reactor
        self._in = sock
        self._out = sock.dup()
        self._session: Session | None = None
        self._silent = False  # the peer has said all

    def shut(self) -> None:
        """End it: both tasks wake and see the end."""
        with contextlib.suppress(OSError):
            self._out.shutdown(socket.SHUT_RDWR)

    async def run(self) -> None:
        """Act on the frames of the peer until it has said all, or the stream breaks."""
        try:
            await self._read()
        except OSError:
            self.shut()
        finally:
            self._in.close()
            self._silent = True
            if self._session is None:
                self._close()
            else:
                self._session.bell.ring()

    async def _read(self) -> None:
        held = b""
        skipping = False
        deadline = now() + HELLO_SECONDS
        while True:
            try:
                chunk = self._in.recv(_CHUNK)
            except BlockingIOError:
                await readable(self._in, None if self._session else deadline)
                continue
            if not chunk:
                return
            *lines, held = (held + chunk).split(b"\n")
            for line in lines:
                if skipping:
                    skipping = False
                elif line:
                    self._take(line)
            if len(held) > MAX_LINE:
                if not skipping:
                    self._complain("", f"a frame of more than {MAX_LINE} bytes")
                skipping = True
            if skipping:
                held = b""

    def _take(self, line: bytes) -> None:
        """Act on one line; whatever is wrong with it is answered by an ``error`` frame."""
        id = ""
        try:
            frame = _parse(line)
            id = frame["id"] if isinstance(frame.get("id"), str) else ""
            if frame.get("op") == "hello":
                self._attach(frame)
            elif self._session is None:
                raise BadFrame("say hello first")
            else:
                self._control.handle(self._session, frame)
        except BadFrame as error:
            self._complain(id, str(error))

    def _attach(self, frame: dict[str, Any]) -> None:
        if self._session is not None:
            raise BadFrame("this stream has said hello already")
        session = self._session = self._control.session(frame)
        if session.stream is not None:
            session.stream.shut()
        session.stream = self
        session.bell.ring()  # the sender of the stream before sees that it is no longer the one
        self._reactor.spawn(self._send(session))

    async def _send(self, session: Session) -> None:
        """Send the frames of the session as they come, as long as it is this stream's."""
        sent = 0
        try:
            while session.stream is self:
                entry = session.after(sent)
                if entry is not None:
                    sent, line = entry
                    await self._write(line)
                elif self._silent and not session.busy:
                    break
                else:
                    await session.bell.wait()
        except OSError:
            pass  # the stream is broken; the session keeps what was not acknowledged
        finally:
            session.released(self)
            self.shut()
            self._close()

    async def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self._out.send(view) :]
            except BlockingIOError:
                await writable(self._out)

    def _complain(self, id: str, error: str) -> None:
        """Send an ``error`` frame: of the session if there is one, else without a number."""
        frame = {"op": "error", "id": id, "error": error[:500]}
        if self._session is not None:
            self._session.emit(frame)
            return
        # Before hello there is nobody to keep it for: it goes out if it can.
        with contextlib.suppress(OSError):
            self._out.send(json.dumps({"seq": 0, **frame}, separators=(",", ":")).encode() + b"\n")

    def _close(self) -> None:
        self._control.closed(self)
        self._out.close()


def _parse(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise BadFrame(f"a frame of more than {MAX_LINE} bytes")
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError):
        raise BadFrame("not JSON") from None
    if not isinstance(frame, dict):
        raise BadFrame("not a JSON object")
    return frame
