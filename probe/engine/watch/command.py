"""The command that runs while a cluster is watched: its output passed on as it comes, and kept with its instants."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from probe.model.watch import CommandRecord, OutputLine

_KEPT_HEAD = _KEPT_TAIL = 500
_LONGEST_LINE = 2000
_CHUNK = 1 << 16
_GRACE_SECONDS = 5.0
_DRAIN_SECONDS = 1.0


@dataclass(slots=True)
class Command:
    """A shell command. ``time`` tells the instant, ``passing`` gets every line."""

    text: str
    environment: Mapping[str, str]
    time: Callable[[], float]
    passing: Callable[[str], None]
    _started: float = 0.0
    _ended: float | None = None
    _code: int | None = None
    _head: list[OutputLine] = field(default_factory=list)
    _tail: deque[OutputLine] = field(default_factory=lambda: deque(maxlen=_KEPT_TAIL))
    _lines: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether it was started at all."""
        return self._started > 0

    async def run(self) -> int:
        """Run it to its end; its exit code, negative for a signal. Cancelled, it and all its children are ended."""
        self._started = self.time()
        async with _listening("stdout", self._take) as out, _listening("stderr", self._take) as err:
            process = await asyncio.create_subprocess_shell(
                self.text,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out.child,
                stderr=err.child,
                env=self.environment,
                start_new_session=True,
            )
            out.handed_over()
            err.handed_over()
            try:
                self._code = await process.wait()
            finally:
                if process.returncode is None:
                    await _end(process)
            self._ended = self.time()
            # Who was left running in the background may hold the pipes open for good.
            await asyncio.wait((out.task, err.task), timeout=_DRAIN_SECONDS)
        return self._code

    def _take(self, stream: str, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")[:_LONGEST_LINE]
        kept = OutputLine(round(self.time(), 3), stream, text)
        self._lines += 1
        if len(self._head) < _KEPT_HEAD:
            self._head.append(kept)
        else:
            self._tail.append(kept)
        self.passing(text)

    def record(self) -> CommandRecord:
        """What is known of it so far."""
        lines = [*self._head, *self._tail]
        ended = None if self._ended is None else round(self._ended, 3)
        return CommandRecord(self.text, round(self._started, 3), ended, self._code, lines, self._lines - len(lines))


@dataclass(slots=True)
class _Listener:
    """The reading end of a pipe; ``child`` is the descriptor that the command writes to."""

    child: int
    task: asyncio.Task[None]

    def handed_over(self) -> None:
        """The command has its copy: without ours, its end is seen."""
        if self.child >= 0:
            os.close(self.child)
            self.child = -1


@asynccontextmanager
async def _listening(name: str, take: Callable[[str, bytes], None]) -> AsyncIterator[_Listener]:
    """A pipe of our own, because asyncio's cannot be closed as long as a grandchild has the other end."""
    ours, child = os.pipe()
    stream = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(stream)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(ours, "rb", 0))
    listener = _Listener(child, asyncio.create_task(_follow(name, stream, take)))
    try:
        yield listener
    finally:
        listener.handed_over()
        listener.task.cancel()
        await asyncio.wait((listener.task,))
        transport.close()
        await asyncio.sleep(0)  # it closes in the loop's next turn


async def _follow(name: str, stream: asyncio.StreamReader, take: Callable[[str, bytes], None]) -> None:
    held = b""
    while chunk := await stream.read(_CHUNK):
        *lines, held = (held + chunk).split(b"\n")
        for line in lines:
            take(name, line)
        if len(held) > _LONGEST_LINE:
            take(name, held)
            held = b""
    if held:
        take(name, held)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the command and what it has started, politely first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await process.wait()
                return
