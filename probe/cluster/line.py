"""A line to one agent: a stream that is made anew whenever it breaks, for as long as there is hope.

An API server that restarts, a proxy that drops connections or a node that is cut off take streams away while the agent
goes on. So the line comes back by itself, and whoever waits for an answer is not charged for the time without a
stream. An agent that can be reached and says nothing is given up, and so is one that stays away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from probe.cluster.duplex import Duplex
from probe.cluster.frames import Frame, FrameReader, encode
from probe.model.errors import AgentLost, ClusterError

PATIENCE = 60.0
"""Seconds without any stream until an agent is given up: an API server that restarts is back by then."""

_CONNECT_SECONDS = 15.0
_HELLO_SECONDS = 10.0  # as long as the relay waits for an agent that is just starting
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_STABLE_SECONDS = 5.0
_OPENING_TRIES = 2  # streams that end before the agent has ever said hello
_UNACKNOWLEDGED = 1 << 16
"""Bytes that an agent is left to keep, of the 4 MiB that it can: an acknowledgement costs as much as a question does,
and the greeting of a new stream has one anyhow."""

T = TypeVar("T")


class Talk(Protocol):
    """What is said on a line."""

    @property
    def seq(self) -> int:
        """The number of the last frame that was taken."""

    def greeting(self) -> Frame:
        """The first frame of a new stream."""

    def requests(self) -> list[Frame]:
        """What has to be said again on a new stream."""

    def take(self, frame: Frame) -> bool:
        """Take a frame; whether it is a hello. Raises AgentLost."""


class Line:
    """Streams to one agent, one after the other. ``run`` keeps one up; ends by raising AgentLost or cancelled."""

    def __init__(self, connect: Callable[[], Awaitable[Duplex]], talk: Talk, patience: float) -> None:
        loop = asyncio.get_running_loop()
        self._connect = connect
        self._talk = talk
        self._patience = patience
        self._stream: Duplex | None = None
        self._write_lock = asyncio.Lock()
        self._limit: asyncio.Timeout | None = None
        self._greeted = False  # on the present stream
        self._ever_greeted = False
        self._doubt = ""
        self._up: asyncio.Future[None] = loop.create_future()  # done while there is a stream that has said hello
        self._down: asyncio.Future[None] = loop.create_future()  # done when that one is over

    async def run(self, open_seconds: float) -> None:
        """Keep a stream, the first within ``open_seconds``. Raises AgentLost when there is no more hope."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + open_seconds
        pause, tries = _FIRST_PAUSE, 0
        while True:
            begin, seq = loop.time(), self._talk.seq
            connected, why = await self._one_stream(give_up)
            tries += connected and not self._ever_greeted
            if tries == _OPENING_TRIES:
                raise AgentLost(f"the stream ended before the agent said hello{why}")
            if self._greeted:
                give_up = loop.time() + self._patience
                if self._talk.seq > seq + 1 or loop.time() - begin > _STABLE_SECONDS:
                    pause = _FIRST_PAUSE
            if loop.time() + pause > give_up:
                what = "the stream broke and could not be resumed" if self._ever_greeted else "there is no stream to it"
                raise AgentLost(f"{what}{why}")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _one_stream(self, give_up: float) -> tuple[bool, str]:
        """Connect, greet, take frames until the stream ends: whether it connected, what is known of the end.

        Raises AgentLost when no hello comes in time, what comes is not the protocol, or ``connect`` says so.
        """
        stream: Duplex | None = None
        self._greeted = False
        try:
            async with asyncio.timeout_at(self._by(give_up, _CONNECT_SECONDS)):
                stream = await self._connect()
            by = self._by(give_up, self._hello_seconds)
            async with asyncio.timeout_at(by) as self._limit:
                await stream.write(encode(self._talk.greeting()))
                self._stream = stream
                for frame in self._talk.requests():
                    await self.write(frame)
                await self._take_all(stream)
        except TimeoutError:
            if stream is None:
                return False, ": connecting took too long"
            if not self._greeted:
                raise AgentLost(f"{self._doubt or 'no hello in time'}{because(stream)}") from None
            return True, f": {self._doubt}"
        except AgentLost:
            raise
        except (OSError, ClusterError) as error:
            return stream is not None, f": {error}"
        finally:
            self._limit = None
            self._stream = None
            if self._greeted:
                self._up = asyncio.get_running_loop().create_future()
                self._down.set_result(None)
            if stream is not None:
                await stream.aclose()
        return True, because(stream)

    @property
    def _hello_seconds(self) -> float:
        if not self._ever_greeted:
            return float("inf")
        return _HELLO_SECONDS / 2 if self._doubt else _HELLO_SECONDS

    def _by(self, give_up: float, seconds: float) -> float:
        return min(give_up, asyncio.get_running_loop().time() + seconds)

    async def _take_all(self, stream: Duplex) -> None:
        frames, kept = FrameReader(), 0
        while data := await stream.read():
            kept += len(data)
            for frame in frames.feed(data):
                if self._talk.take(frame):
                    self._hear()
            if kept > _UNACKNOWLEDGED:
                await self.write({"op": "ack", "seq": self._talk.seq})
                kept = 0

    def _hear(self) -> None:
        """The stream has said hello: it is the agent, and it is well. (An older hello may be replayed before it.)"""
        if self._greeted:
            return
        assert self._limit is not None
        self._limit.reschedule(None)
        self._greeted = self._ever_greeted = True
        self._doubt = ""
        self._down = asyncio.get_running_loop().create_future()
        self._up.set_result(None)

    async def write(self, frame: Frame) -> None:
        """Send a frame if there is a stream. A failure is left to the reader: the next stream repeats requests."""
        async with self._write_lock:
            if self._stream is None:
                return
            with contextlib.suppress(OSError, ClusterError):
                await self._stream.write(encode(frame))

    async def answered(self, answer: asyncio.Future[T], seconds: float, late: str) -> T:
        """Wait for an answer for ``seconds`` with a stream; time without one does not count.

        When the time is up the stream is taken for dead and another asked: if that one says hello, and is as silent
        for as long, or the line never comes to rest, TimeoutError. ``late`` says what is missing.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + 2 * seconds + self._patience
        doubted = False
        while not answer.done() and loop.time() < end:
            if not self._up.done():
                await _first(answer, self._up, end - loop.time())
            down = self._down
            await _first(answer, down, min(seconds, end - loop.time()))
            if answer.done() or down.done():
                continue
            if doubted:
                break
            doubted = True
            self._drop(late)
            await _first(answer, down, end - loop.time())
        if not answer.done():
            raise TimeoutError
        return answer.result()

    def _drop(self, doubt: str) -> None:
        """End the present stream, which seems to lead nowhere."""
        self._doubt = doubt
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time())

    def why(self) -> str:
        """What is known about the present stream's end."""
        return because(self._stream)


def because(stream: Duplex | None) -> str:
    """What a stream says of its end, as ``: text``; empty if nothing."""
    why = stream.why() if stream is not None else ""
    return f": {why}" if why else ""


async def _first(answer: asyncio.Future[Any], other: asyncio.Future[Any], seconds: float) -> None:
    await asyncio.wait({answer, other}, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
