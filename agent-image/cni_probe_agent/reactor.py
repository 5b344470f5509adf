"""A small event loop: coroutines on epoll, nothing else.

Why not asyncio: measured on two cores with CPython 3.11 by two bare prototypes, one request and reply a connection,
256 at once, client and server a process each (RSS in MB of 1000 KiB):

    ================================  ============  ==============  =================
    loop                              RSS imported  RSS of server   connections/s
    ================================  ============  ==============  =================
    asyncio                           19.7          not tried       not tried
    asyncio with ``ssl`` kept out     15.4          20              7,800 -  8,700
    coroutines on epoll               10.7          see below       10,400 - 18,100
    ================================  ============  ==============  =================

The whole agent on this file serves with 13 MB at rest and 16 to 17 MB after 180,000 cells (tests/bench/bench_agent.py),
at 4,800 to 8,300 TCP cells a second between two agents, depending on what else the two cores do.

The agent has to stay under 20 MiB with its logs full, so asyncio leaves no room, even with the trick of keeping
``ssl`` out. Python's ``async``/``await`` needs no asyncio: a coroutine that wants to wait yields what it waits for.

A file descriptor can be awaited by one task at a time (``dup`` it to read and write at once).
"""

from __future__ import annotations

import heapq
import select
import time
import traceback
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Protocol, TypeAlias

Wait: TypeAlias = tuple[int, int, float | None]
"""What a suspended coroutine waits for: file descriptor (-1: none), epoll events, monotonic deadline (None: never)."""

_READ: Final = select.EPOLLIN
_WRITE: Final = select.EPOLLOUT

now: Callable[[], float] = time.monotonic


class HasFileno(Protocol):
    """A socket, or anything else with a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""


class Cancelled(BaseException):
    """Thrown into a coroutine that was cancelled. No ``except Exception`` swallows it."""


@types.coroutine
def _suspend(fd: int, events: int, deadline: float | None) -> Generator[Wait, None, None]:
    yield fd, events, deadline


async def readable(sock: HasFileno, deadline: float | None = None) -> None:
    """Wait until there is something to read, or an error to be told. TimeoutError at the deadline."""
    await _suspend(sock.fileno(), _READ, deadline)


async def writable(sock: HasFileno, deadline: float | None = None) -> None:
    """Wait until there is room to write, a connect has ended, or an error waits. TimeoutError at the deadline."""
    await _suspend(sock.fileno(), _WRITE, deadline)


async def sleep_until(deadline: float) -> None:
    """Wait until the monotonic time ``deadline``."""
    try:
        await _suspend(-1, 0, deadline)
    except TimeoutError:
        return


class Task:
    """A coroutine that the reactor runs."""

    __slots__ = ("coro", "done", "fd", "reactor", "timer", "waiting")

    def __init__(self, reactor: Reactor, coro: Coroutine[Wait, None, Any]) -> None:
        self.reactor = reactor
        self.coro = coro
        self.done = False
        self.waiting = False
        self.fd = -1
        self.timer = 0  # the serial number of the timer that may wake it; 0: none

    def cancel(self) -> None:
        """Throw Cancelled at the place where it waits. A task that is about to run is left alone."""
        self.reactor.wake(self, Cancelled())


class Bell:
    """What one task waits for and others ring. A ring without a waiter is remembered, once."""

    __slots__ = ("_reactor", "_rung", "_waiter")

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._rung = False
        self._waiter: Task | None = None

    def ring(self) -> None:
        """Let the waiter go on, or the next that waits."""
        self._rung = True
        if self._waiter is not None:
            self._reactor.wake(self._waiter)

    async def wait(self, deadline: float | None = None) -> None:
        """Wait for a ring. TimeoutError at the deadline."""
        if not self._rung:
            self._waiter = self._reactor.current
            try:
                await _suspend(-1, 0, deadline)
            finally:
                self._waiter = None
        self._rung = False


class Reactor:
    """Runs tasks until a main one ends."""

    def __init__(self) -> None:
        self.current: Task | None = None
        self._epoll = select.epoll()
        self._by_fd: dict[int, Task] = {}
        self._tasks: set[Task] = set()
        self._ready: deque[tuple[Task, BaseException | None]] = deque()
        self._timers: list[tuple[float, int, Task]] = []
        self._serial = 0

    def spawn(self, coro: Coroutine[Wait, None, Any]) -> Task:
        """Start a task; its first step comes after the current task waits. Errors that escape it go to stderr."""
        task = Task(self, coro)
        self._tasks.add(task)
        self._ready.append((task, None))
        return task

    def run(self, main: Coroutine[Wait, None, Any]) -> None:
        """Run until ``main`` ends; other tasks are closed where they wait."""
        task = self.spawn(main)
        try:
            while not task.done:
                self._poll()
                for _ in range(len(self._ready)):
                    self._step(*self._ready.popleft())
        finally:
            for left in list(self._tasks):
                left.coro.close()
            self._epoll.close()

    def wake(self, task: Task, error: BaseException | None = None) -> None:
        """End a task's wait, with an error thrown into it if given. Nothing happens when it does not wait."""
        if not task.waiting:
            return
        if task.fd >= 0:
            del self._by_fd[task.fd]
            self._epoll.unregister(task.fd)
            task.fd = -1
        task.waiting = False
        task.timer = 0
        self._ready.append((task, error))

    def _poll(self) -> None:
        """Gather what can go on. Descriptors come before timers: an answer that is here is never called late."""
        timeout = None
        if self._ready:
            timeout = 0.0
        elif self._timers:
            timeout = max(0.0, self._timers[0][0] - now())
        for fd, _ in self._epoll.poll(timeout, len(self._by_fd) + 1):
            self.wake(self._by_fd[fd])
        time_now = now()
        while self._timers and self._timers[0][0] <= time_now:
            _, serial, task = heapq.heappop(self._timers)
            if task.timer == serial:
                self.wake(task, TimeoutError())

    def _step(self, task: Task, error: BaseException | None) -> None:
        self.current = task
        try:
            fd, events, deadline = task.coro.send(None) if error is None else task.coro.throw(error)
        except (StopIteration, Cancelled):
            self._end(task)
            return
        except Exception:  # noqa: BLE001 - one task's bug must not take the agent down
            traceback.print_exc()
            self._end(task)
            return
        if fd >= 0:
            try:
                self._epoll.register(fd, events)
            except OSError as refused:
                self._ready.append((task, refused))
                return
            self._by_fd[fd] = task
            task.fd = fd
        task.waiting = True
        if deadline is not None:
            self._set_timer(task, deadline)

    def _end(self, task: Task) -> None:
        task.done = True
        self._tasks.discard(task)

    def _set_timer(self, task: Task, deadline: float) -> None:
        self._serial += 1
        task.timer = self._serial
        heapq.heappush(self._timers, (deadline, self._serial, task))
        # Most timers never fire. Without sweeping, seconds of stale ones would be the agent's largest memory.
        if len(self._timers) > 512 + 4 * len(self._by_fd):
            self._timers = [entry for entry in self._timers if entry[2].timer == entry[1]]
            heapq.heapify(self._timers)
