"""A bounded log of numbered entries, for what must outlive the stream that it is read over.

Whoever reads says how far it has got, and what it has is let go. When nobody comes the oldest entries make room: their
numbers are missing then, so that a loss is always seen, and how much was lost.
"""

from __future__ import annotations

import json
from collections import deque
from typing import Any, Final

CAPACITY_BYTES: Final = 2 << 20


class Ring:
    """Entries numbered 1, 2, 3... An entry is kept as one string of JSON: a tenth of what its objects would take."""

    def __init__(self, capacity: int = CAPACITY_BYTES) -> None:
        self._capacity = capacity
        self._lines: deque[str] = deque()
        self._bytes = 0
        self._first = 1  # the number of the oldest entry kept, or of the next one

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 when there never was one."""
        return self._first + len(self._lines) - 1

    def add(self, entry: list[Any]) -> None:
        """Append an entry, at the cost of the oldest if need be."""
        line = json.dumps(entry, separators=(",", ":"))
        self._lines.append(line)
        self._bytes += len(line)
        while self._bytes > self._capacity and len(self._lines) > 1:
            self._drop()

    def forget(self, number: int) -> None:
        """Let go of the entries up to ``number``."""
        while self._lines and self._first <= number:
            self._drop()

    def head(self, limit: int) -> tuple[int, list[Any]]:
        """The number of the oldest entry, and at most ``limit`` entries from there on."""
        return self._first, [json.loads(self._lines[index]) for index in range(min(limit, len(self._lines)))]

    def _drop(self) -> None:
        self._bytes -= len(self._lines.popleft())
        self._first += 1
