"""An agent as the orchestrator sees it: ask, dial in batches, and know for sure when an answer is not to be had.

One session over any number of streams. When a stream breaks, a new one continues the session: the agent has gone on
dialling, replays what was not acknowledged, and recognises requests that are repeated. Whatever cannot be made whole
(the agent was restarted, frames are missing, nobody answers in time) is AgentLost, never a partial result.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from probe.cluster.batches import Batch, BatchReport
from probe.cluster.duplex import Duplex
from probe.cluster.frames import (
    VERSION,
    DialResult,
    Frame,
    FrameReader,
    Hello,
    ListenerState,
    Receipts,
    ReceiptSeen,
    Target,
    encode,
    parse_hello,
    parse_listeners,
    parse_receipts,
)
from probe.model.errors import AgentLost, ClusterError

__all__ = [
    "AgentChannel",
    "BatchReport",
    "ClockOffset",
    "DialResult",
    "Hello",
    "ListenerState",
    "ReceiptSeen",
    "Receipts",
    "Target",
]

_RESUME_SECONDS = 5.0  # for a new stream to say hello after one broke
_RESUME_TRIES = 5
_PAUSE = 0.1
_STABLE_SECONDS = 5.0
_ASK_SECONDS = 10.0
_PINGS = 5
_NONCES_PER_FRAME = 4096


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Add ``offset`` to an agent's times to have them on our clock; ``error`` bounds it. Both in seconds."""

    offset: float
    error: float


@dataclass(slots=True)
class _Ask:
    """A question with one answer."""

    frame: Frame
    answer: asyncio.Future[Frame]


class AgentChannel:
    """The control channel to one agent. Open with ``open``, close with ``aclose``."""

    hello: Hello

    def __init__(self, connect: Callable[[], Awaitable[Duplex]]) -> None:
        self._connect = connect
        self._session = secrets.token_hex(8)
        self._ids = 0
        self._seq = 0  # the last frame taken
        self._stream: Duplex | None = None  # the one that has said hello
        self._write_lock = asyncio.Lock()
        self._asks: dict[str, _Ask] = {}
        self._batches: dict[str, Batch] = {}
        self._greeted = False  # on the present stream
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failure: AgentLost | None = None
        self._runner: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, connect: Callable[[], Awaitable[Duplex]], *, timeout: float) -> AgentChannel:
        """Connect and exchange hello within ``timeout`` seconds. Raises AgentLost."""
        channel = cls(connect)
        channel._runner = asyncio.create_task(channel._run(timeout), name="agent channel")
        try:
            await asyncio.shield(channel._opened)
        except BaseException:
            await channel.aclose()
            raise
        return channel

    async def aclose(self) -> None:
        """End the session; whoever still waits for an answer gets AgentLost."""
        self._fail(AgentLost("the channel was closed"))
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait((self._runner,))

    async def dial(
        self, targets: Sequence[Target], *, nonce: str, timeout: float, in_flight: int = 256, rate: float = 0
    ) -> BatchReport:
        """Dial every target once, each for up to ``timeout`` seconds; target ``i`` gets the nonce ``<nonce>.<i>``.

        ``in_flight`` bounds the sockets at work, ``rate`` the starts per second (0: unbounded). Raises AgentLost when
        not every target has its result in the time that all of them may take.
        """
        if not targets:
            return BatchReport((), 0.0)
        self._check_alive()
        batch = Batch(self._new_id(), targets, nonce=nonce, timeout=timeout, in_flight=in_flight, rate=rate)
        self._batches[batch.id] = batch
        try:
            async with asyncio.timeout(batch.deadline):
                return await self._drive(batch)
        except TimeoutError:
            raise self._give_up(f"no complete answer to {len(targets)} dials in {batch.deadline:.1f} s") from None
        finally:
            del self._batches[batch.id]

    async def _drive(self, batch: Batch) -> BatchReport:
        while True:
            await batch.changed.wait()
            batch.changed.clear()
            if (report := batch.report) is not None:
                return report
            while (chunk := batch.next_chunk()) is not None:
                await self._write(chunk)

    async def receipts(self, nonces: Sequence[str]) -> Receipts:
        """Which of these requests have arrived at this agent. Raises AgentLost."""
        found: dict[str, ReceiptSeen] = {}
        overwritten = 0
        for start in range(0, len(nonces), _NONCES_PER_FRAME):
            part = list(nonces[start : start + _NONCES_PER_FRAME])
            answer = parse_receipts(await self._ask("receipts", nonces=part))
            found.update(answer.found)
            overwritten = answer.overwritten
        return Receipts(found, overwritten)

    async def check(self) -> tuple[ListenerState, ...]:
        """Have the agent dial each of its own listeners over loopback. Raises AgentLost."""
        return parse_listeners(await self._ask("check"))

    async def clock(self) -> ClockOffset:
        """Where our clock is relative to the agent's, from the quickest of a few pings. Raises AgentLost."""
        offsets = []
        for _ in range(_PINGS):
            sent_at, begin = time.time(), time.monotonic()
            pong = await self._ask("ping")
            half = (time.monotonic() - begin) / 2
            try:
                offsets.append(ClockOffset(sent_at + half - float(pong["time"]), half))
            except (KeyError, TypeError, ValueError) as error:
                raise self._give_up(f"a malformed pong frame: {error!r}") from error
        return min(offsets, key=lambda clock: clock.error)

    async def _ask(self, op: str, **fields: Any) -> Frame:
        self._check_alive()
        id = self._new_id()
        ask = _Ask({"op": op, "id": id, **fields}, asyncio.get_running_loop().create_future())
        self._asks[id] = ask
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                await self._write(ask.frame)
                return await ask.answer
        except TimeoutError:
            raise self._give_up(f"no answer to {op} in {_ASK_SECONDS:g} s") from None
        finally:
            del self._asks[id]

    def _new_id(self) -> str:
        self._ids += 1
        return str(self._ids)

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise AgentLost(str(self._failure))

    def _give_up(self, message: str) -> AgentLost:
        """End the whole channel: what an agent does after this could not be trusted."""
        why = self._stream.why() if self._stream else ""
        lost = AgentLost(f"{message}: {why}" if why else message)
        self._fail(lost)
        if self._runner is not None:
            self._runner.cancel()
        return lost

    def _fail(self, lost: AgentLost) -> None:
        if self._failure is not None:
            return
        self._failure = lost
        if not self._opened.done():
            self._opened.set_exception(lost)
            self._opened.exception()  # seen: open() may have been cancelled
        for ask in self._asks.values():
            if not ask.answer.done():
                ask.answer.set_exception(AgentLost(str(lost)))
        for batch in self._batches.values():
            batch.fail(AgentLost(str(lost)))

    async def _run(self, open_seconds: float) -> None:
        """Keep a stream until the channel fails or is closed."""
        try:
            await self._keep_stream(open_seconds)
        except AgentLost as lost:
            self._fail(lost)
        except Exception as error:
            self._fail(AgentLost(f"the channel failed: {error!r}"))
            raise

    async def _keep_stream(self, open_seconds: float) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + open_seconds
        tries = 0
        while True:
            begin, seq = loop.time(), self._seq
            self._greeted = False
            why = await self._one_stream(give_up)
            if not self._opened.done():
                raise AgentLost(f"the stream ended before the agent said hello{why}")
            if self._greeted:
                give_up = loop.time() + _RESUME_SECONDS
                if self._seq > seq + 1 or loop.time() - begin > _STABLE_SECONDS:
                    tries = 0
            tries += 1
            if tries > _RESUME_TRIES or loop.time() + _PAUSE > give_up:
                raise AgentLost(f"the stream broke and could not be resumed{why}")
            await asyncio.sleep(_PAUSE)

    async def _one_stream(self, give_up: float) -> str:
        """Connect, say hello, take frames until the stream ends; what is known about the end, as ``: text``.

        Raises AgentLost when there is no hello before the time ``give_up``, or what comes is not the protocol.
        """
        stream: Duplex | None = None
        try:
            async with asyncio.timeout_at(give_up) as limit:
                stream = await self._connect()
                hello = {"v": VERSION, "op": "hello", "session": self._session, "ack": self._seq}
                await stream.write(encode(hello))
                self._stream = stream
                await self._repeat_requests()
                await self._take_all(stream, limit)
        except TimeoutError:
            raise AgentLost(f"no hello in time{_because(stream)}") from None
        except AgentLost:
            raise
        except (OSError, ClusterError) as error:
            return f": {error}"
        finally:
            self._stream = None
            if stream is not None:
                await stream.aclose()
        return _because(stream)

    async def _repeat_requests(self) -> None:
        for ask in list(self._asks.values()):
            await self._write(ask.frame)
        for batch in self._batches.values():
            batch.rewind()

    async def _take_all(self, stream: Duplex, limit: asyncio.Timeout) -> None:
        frames = FrameReader()
        while data := await stream.read():
            before = self._seq
            for frame in frames.feed(data):
                self._take(frame)
            if self._greeted:
                limit.reschedule(None)
            if self._seq > before:
                await self._write({"op": "ack", "seq": self._seq})

    def _take(self, frame: Frame) -> None:
        """Take one frame in order. Raises AgentLost when one is missing."""
        seq, op = frame["seq"], frame["op"]
        if op == "error" and seq == 0:
            raise AgentLost(f"the agent refused the session: {frame.get('error')}")
        if seq <= self._seq:
            if op == "hello":
                raise AgentLost("the agent was restarted, or has forgotten this session")
            return  # a replay of what we have
        if seq != self._seq + 1:
            raise AgentLost(f"frames {self._seq + 1} to {seq - 1} of the agent are missing")
        self._seq = seq
        if op == "hello":
            self._take_hello(parse_hello(frame))
        elif op == "error":
            self._take_error(frame)
        elif (batch := self._batches.get(frame.get("id", ""))) is not None:
            batch.take(frame)
        elif (ask := self._asks.get(frame.get("id", ""))) is not None and not ask.answer.done():
            ask.answer.set_result(frame)

    def _take_hello(self, hello: Hello) -> None:
        if self._opened.done():
            if hello.instance != self.hello.instance:
                raise AgentLost("the agent was restarted")
            if hello.lost:
                raise AgentLost(f"the agent had to drop {hello.lost} frames that nobody collected")
        self.hello = hello
        self._greeted = True
        if not self._opened.done():
            self._opened.set_result(None)

    def _take_error(self, frame: Frame) -> None:
        lost = AgentLost(f"the agent refused a request: {frame.get('error')}")
        if (batch := self._batches.get(frame.get("id", ""))) is not None:
            batch.fail(lost)
        elif (ask := self._asks.get(frame.get("id", ""))) is not None:
            ask.answer.set_exception(lost)
        else:
            raise lost

    async def _write(self, frame: Frame) -> None:
        """Send a frame if there is a stream. A failure is left to the reader: the next stream repeats requests."""
        async with self._write_lock:
            if self._stream is None:
                return
            with contextlib.suppress(OSError, ClusterError):
                await self._stream.write(encode(frame))


def _because(stream: Duplex | None) -> str:
    why = stream.why() if stream is not None else ""
    return f": {why}" if why else ""
