"""A container's output: the last lines, each with its time, for those who ask and those who follow."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from probe.sandbox.runtime import LogLine

MAX_BYTES = 1024 * 1024
MAX_LINE = 16 * 1024
"""Longer lines are cut into several, as container runtimes do."""


class LogBuffer(asyncio.Protocol):
    """Collects what arrives at a pipe (it is the pipe's asyncio protocol); a `LogStream`."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque()
        self._size = 0
        self._first = 0  # number of the oldest line kept
        self._rest = b""
        self._changed = asyncio.Event()
        self.ended = False

    def data_received(self, data: bytes) -> None:
        """Output of the container."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._append(self._shorten(line))
        self._rest = self._shorten(self._rest)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The last writer is gone."""
        if self._rest:
            self._append(self._rest)
            self._rest = b""
        self.ended = True
        self._wake()

    def _shorten(self, line: bytes) -> bytes:
        while len(line) > MAX_LINE:
            self._append(line[:MAX_LINE])
            line = line[MAX_LINE:]
        return line

    def _append(self, line: bytes) -> None:
        self._lines.append(LogLine(now(), line + b"\n"))
        self._size += len(line) + 1
        while self._size > MAX_BYTES:
            self._size -= len(self._lines.popleft().data)
            self._first += 1

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def snapshot(self) -> Sequence[LogLine]:
        """The lines that are kept, oldest first."""
        return tuple(self._lines)

    async def follow(self) -> AsyncIterator[LogLine]:
        """The lines that are kept and every later one, until the container's end."""
        position = self._first
        while True:
            changed = self._changed
            position = max(position, self._first)
            for line in list(self._lines)[position - self._first :]:
                position += 1
                yield line
            if changed is not self._changed:
                continue
            if self.ended:
                return
            await changed.wait()


def now() -> str:
    """RFC 3339 in UTC with nanoseconds, as container runtimes stamp lines."""
    nanoseconds = time.time_ns()
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000:09d}Z"
