"""A control session: numbered frames that are kept until acknowledged, and the batches that make them.

A session outlives its streams. A new stream of the same session gets what was not acknowledged, in order, and
repeats of requests are recognised; so a broken stream loses nothing. What is kept is bounded: when nobody collects,
the oldest frames go, and ``lost`` says how many.
"""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from .batch import Batch
from .reactor import Bell, Reactor, now

if TYPE_CHECKING:
    from .stream import Stream

MAX_KEPT_BYTES: Final = 4 << 20


class BadFrame(Exception):
    """A frame that cannot be understood; the message goes back to the sender."""


class Session:
    """The state of one orchestrator's talk with this agent."""

    def __init__(self, reactor: Reactor, id: str, max_kept_bytes: int = MAX_KEPT_BYTES) -> None:
        self.id = id
        self.lost = 0
        self.batches: dict[str, Batch] = {}
        self.bell = Bell(reactor)  # rings when there is something to send, or the stream was taken over
        self.stream: Stream | None = None  # the one that has it
        self.checks = 0  # listener checks under way
        self.quiet_since = now()
        self._max_kept_bytes = max_kept_bytes
        self._seq = 0
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_bytes = 0
        self._done_at: dict[str, int] = {}  # batch id -> seq of its ``done``

    @property
    def busy(self) -> bool:
        """Whether answers are still to come."""
        return self.checks > 0 or any(not batch.finished for batch in self.batches.values())

    def emit(self, frame: dict[str, Any]) -> None:
        """Number a frame and keep it for the stream."""
        self._seq += 1
        if frame["op"] == "done":
            self._done_at[frame["id"]] = self._seq
        line = json.dumps({"seq": self._seq, **frame}, separators=(",", ":")).encode() + b"\n"
        self._kept.append((self._seq, line))
        self._kept_bytes += len(line)
        while self._kept_bytes > self._max_kept_bytes and len(self._kept) > 1:
            self._drop_oldest()
            self.lost += 1
        self.bell.ring()

    def acknowledge(self, seq: int) -> None:
        """Forget the frames up to ``seq``, and the batches whose completion was among them."""
        while self._kept and self._kept[0][0] <= seq:
            self._drop_oldest()
        for id in [id for id, at in self._done_at.items() if at <= seq]:
            del self._done_at[id]
            self.batches.pop(id, None)

    def after(self, seq: int) -> tuple[int, bytes] | None:
        """The first kept frame with a number above ``seq``."""
        if not self._kept or self._kept[-1][0] <= seq:
            return None
        # Numbers in the deque have no holes, so the place is known.
        return self._kept[max(0, seq + 1 - self._kept[0][0])]

    def released(self, stream: Stream) -> None:
        """A stream is over; unless another has taken the session, nobody has it now."""
        if self.stream is stream:
            self.stream = None
            self.quiet_since = now()

    def _drop_oldest(self) -> None:
        _, line = self._kept.popleft()
        self._kept_bytes -= len(line)
