"""An agent as the orchestrator sees it: ask, dial in batches, and know for sure when an answer is not to be had.

One session over any number of streams. When a stream breaks, a new one continues the session: the agent has gone on
dialling, replays what was not acknowledged, and recognises requests that are repeated. Whatever cannot be made whole
(the agent was restarted, frames are missing, nobody answers in time) is AgentLost, never a partial result.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from probe.cluster.batches import Batch, BatchReport, Take
from probe.cluster.clock import now
from probe.cluster.duplex import Duplex
from probe.cluster.frames import (
    VERSION,
    DialResult,
    Frame,
    Hello,
    ListenerState,
    Receipts,
    ReceiptSeen,
    Target,
    parse_hello,
    parse_listeners,
    parse_receipts,
)
from probe.cluster.line import PATIENCE, Line
from probe.model.errors import AgentLost

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

_ASK_SECONDS = 5.0
_PINGS = 5
_EXACT = 0.0025
"""Seconds of error that no further ping is to improve: a twentieth of the shortest interval of attempts."""
_NONCES_PER_FRAME = 4096

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Add ``offset`` to an agent's times to have them on our clock (``clock.now``); ``error`` bounds it. In seconds."""

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

    def __init__(self, connect: Callable[[], Awaitable[Duplex]], patience: float) -> None:
        self.seq = 0  # the last frame taken
        self._session = secrets.token_hex(8)
        self._ids = 0
        self._line = Line(connect, self, patience)
        self._asks: dict[str, _Ask] = {}
        self._batches: dict[str, Batch] = {}
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._failure: AgentLost | None = None
        self._runner: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls, connect: Callable[[], Awaitable[Duplex]], *, timeout: float, patience: float = PATIENCE
    ) -> AgentChannel:
        """Connect and exchange hello within ``timeout`` seconds. Raises AgentLost.

        ``connect`` raises AgentLost when it knows that there is no agent any more. ``patience``: how many seconds a
        broken stream may stay away.
        """
        channel = cls(connect, patience)
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
        self,
        targets: Sequence[Target],
        *,
        nonce: str,
        timeout: float,
        in_flight: int = 256,
        rate: float = 0,
        take: Take | None = None,
    ) -> BatchReport:
        """Dial every target once, each for up to ``timeout`` seconds; target ``i`` gets the nonce ``<nonce>.<i>``.

        ``in_flight`` bounds the sockets at work, ``rate`` the starts per second (0: unbounded). ``take`` gets each
        result as it comes, also those of a batch that is lost later. Raises AgentLost when not every target has its
        result in the time that all of them may take.
        """
        if not targets:
            return BatchReport((), 0.0)
        self._check_alive()
        batch = Batch(self._new_id(), targets, nonce=nonce, timeout=timeout, in_flight=in_flight, rate=rate, take=take)
        self._batches[batch.id] = batch
        late = f"no complete answer to {len(targets)} dials in {batch.deadline:.1f} s"
        try:
            return await self._answered(self._drive(batch), batch.deadline, late)
        finally:
            del self._batches[batch.id]

    async def _drive(self, batch: Batch) -> BatchReport:
        while True:
            await batch.changed.wait()
            batch.changed.clear()
            if (report := batch.report) is not None:
                return report
            while (chunk := batch.next_chunk()) is not None:
                await self._line.write(chunk)

    async def receipts(self, nonces: Sequence[str]) -> Receipts:
        """Which of these requests (maybe none) have arrived at this agent. Raises AgentLost."""
        found: dict[str, ReceiptSeen] = {}
        for start in range(0, max(1, len(nonces)), _NONCES_PER_FRAME):
            part = list(nonces[start : start + _NONCES_PER_FRAME])
            answer = parse_receipts(await self.ask("receipts", nonces=part))
            found.update(answer.found)
        return Receipts(found, answer.overwritten, answer.total)

    async def check(self) -> tuple[ListenerState, ...]:
        """Have the agent dial each of its own listeners over loopback. Raises AgentLost."""
        return parse_listeners(await self.ask("check"))

    async def clock(self) -> ClockOffset:
        """Where our clock is relative to the agent's, from the quickest of a few pings, or the first that is quick.

        Raises AgentLost.
        """
        offsets = []
        for _ in range(_PINGS):
            sent_at = now()
            pong = await self.ask("ping")
            half = (now() - sent_at) / 2
            try:
                offsets.append(ClockOffset(sent_at + half - float(pong["time"]), half))
            except (KeyError, TypeError, ValueError) as error:
                raise self._give_up(f"a malformed pong frame: {error!r}") from error
            if half <= _EXACT:
                break
        return min(offsets, key=lambda clock: clock.error)

    async def ask(self, op: str, **fields: Any) -> Frame:
        """Put a question and return its answer. Raises AgentLost.

        A stream that breaks meanwhile has it put again, so the agent must not mind to be asked twice.
        """
        self._check_alive()
        id = self._new_id()
        ask = _Ask({"op": op, "id": id, **fields}, asyncio.get_running_loop().create_future())
        self._asks[id] = ask
        try:
            return await self._answered(self._put(ask), _ASK_SECONDS, f"no answer to {op} in {_ASK_SECONDS:g} s")
        finally:
            del self._asks[id]

    async def _put(self, ask: _Ask) -> Frame:
        await self._line.write(ask.frame)
        return await ask.answer

    async def _answered(self, work: Coroutine[Any, Any, T], seconds: float, late: str) -> T:
        """Do work that the agent must have answered in ``seconds``; ``late`` says what is missing if it has not."""
        task = asyncio.create_task(work)
        try:
            return await self._line.answered(task, seconds, late)
        except TimeoutError:
            raise self._give_up(late) from None
        finally:
            if not task.done():  # as it is after nearly every answer
                task.cancel()
                await asyncio.wait((task,))

    def _new_id(self) -> str:
        self._ids += 1
        return str(self._ids)

    def _check_alive(self) -> None:
        if self._failure is not None:
            raise AgentLost(str(self._failure))

    def _give_up(self, message: str) -> AgentLost:
        """End the whole channel: what an agent does after this could not be trusted."""
        lost = AgentLost(f"{message}{self._line.why()}")
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
        """Keep the line until it or the channel ends."""
        try:
            await self._line.run(open_seconds)
        except AgentLost as lost:
            self._fail(lost)
        except Exception as error:
            self._fail(AgentLost(f"the channel failed: {error!r}"))
            raise

    def greeting(self) -> Frame:
        """See ``Talk``."""
        return {"v": VERSION, "op": "hello", "session": self._session, "ack": self.seq}

    def requests(self) -> list[Frame]:
        """See ``Talk``. Batches are sent again by who drives them."""
        for batch in self._batches.values():
            batch.rewind()
        return [ask.frame for ask in self._asks.values()]

    def take(self, frame: Frame) -> bool:
        """See ``Talk``. Raises AgentLost when a frame is missing."""
        seq, op = frame["seq"], frame["op"]
        if op == "error" and seq == 0:
            raise AgentLost(f"the agent refused the session: {frame.get('error')}")
        if seq <= self.seq:
            if op == "hello":
                raise AgentLost("the agent was restarted, or has forgotten this session")
            return False  # a replay of what we have
        if seq != self.seq + 1:
            raise AgentLost(f"frames {self.seq + 1} to {seq - 1} of the agent are missing")
        self.seq = seq
        if op == "hello":
            self._take_hello(parse_hello(frame))
            return True
        if op == "error":
            self._take_error(frame)
        elif (batch := self._batches.get(frame.get("id", ""))) is not None:
            batch.take(frame)
        elif (ask := self._asks.get(frame.get("id", ""))) is not None and not ask.answer.done():
            ask.answer.set_result(frame)
        return False

    def _take_hello(self, hello: Hello) -> None:
        if self._opened.done():
            if hello.instance != self.hello.instance:
                raise AgentLost("the agent was restarted")
            if hello.lost:
                raise AgentLost(f"the agent had to drop {hello.lost} frames that nobody collected")
        self.hello = hello
        if not self._opened.done():
            self._opened.set_result(None)

    def _take_error(self, frame: Frame) -> None:
        lost = AgentLost(f"the agent refused a request: {frame.get('error')}")
        if (batch := self._batches.get(frame.get("id", ""))) is not None:
            batch.fail(lost)
        elif (ask := self._asks.get(frame.get("id", ""))) is not None:
            if not ask.answer.done():
                ask.answer.set_exception(lost)
        else:
            raise lost
