"""What changes of the sandbox's objects look like to those who follow them, and what can be wrong with a write.

Part of the store; import these names from there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from probe.model.errors import SandboxError

Obj: TypeAlias = dict[str, Any]
"""A Kubernetes object as its JSON has it."""

EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]


class StoreError(SandboxError):
    """A write or read that the store refuses. ``resource`` is the plural, ``name`` the object's."""

    def __init__(self, resource: str, name: str, message: str) -> None:
        self.resource, self.name = resource, name
        super().__init__(message)


class NotFound(StoreError):
    """There is no such object."""

    def __init__(self, resource: str, name: str) -> None:
        super().__init__(resource, name, f'{resource} "{name}" not found')


class AlreadyExists(StoreError):
    """The name is taken."""

    def __init__(self, resource: str, name: str) -> None:
        super().__init__(resource, name, f'{resource} "{name}" already exists')


class Conflict(StoreError):
    """A precondition (uid or resourceVersion) does not hold."""


class Expired(StoreError):
    """A revision is no longer in the history (HTTP 410 Gone): list again."""

    def __init__(self, resource: str, since: int, oldest: int) -> None:
        super().__init__(resource, "", f"too old resource version: {since} ({oldest})")


@dataclass(frozen=True, slots=True)
class Event:
    """One change. ``previous`` is the object before it (None for ADDED), ``revision`` the change's own.

    ``encoded`` is for the API server, which serializes an event once for all watchers of the same form.
    """

    type: EventType
    resource: str
    obj: Obj
    revision: int
    previous: Obj | None = None
    encoded: dict[str, bytes] = field(default_factory=dict, compare=False, repr=False)


class Subscription:
    """Events of some resources, in order; ``async with`` it, then iterate or take batches.

    Unbounded unless ``limit`` is given: then a reader that falls further behind gets Expired, and has to list again.
    """

    def __init__(self, close: Callable[[Subscription], None]) -> None:
        self.limit: int | None = None
        self._close = close
        self._queue: deque[Event] = deque()
        self._waiter: asyncio.Event = asyncio.Event()
        self._overflow: Expired | None = None

    def push(self, event: Event) -> None:
        """Called by the store only."""
        if self.limit is not None and len(self._queue) >= self.limit:
            self._overflow = Expired(event.resource, self._queue[0].revision, event.revision)
        else:
            self._queue.append(event)
        self._waiter.set()

    @property
    def pending(self) -> bool:
        """Whether events wait to be taken."""
        return bool(self._queue)

    async def batch(self) -> list[Event]:
        """Wait for at least one event, then return all that are there. Raises Expired after an overflow."""
        await self._waiter.wait()
        self._waiter.clear()
        if self._overflow is not None:
            raise self._overflow
        events = list(self._queue)
        self._queue.clear()
        return events

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._queue:
            await self._waiter.wait()
            if self._overflow is not None:
                raise self._overflow
        event = self._queue.popleft()
        if not self._queue and self._overflow is None:
            self._waiter.clear()
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._close(self)
