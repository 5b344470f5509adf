"""The agent's event loop: what waits is woken once, for the right reason."""

from __future__ import annotations

import os
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from cni_probe_agent.reactor import Bell, Reactor, Wait, now, readable, sleep_until, writable


def run(main: Coroutine[Wait, None, Any], reactor: Reactor | None = None) -> None:
    (reactor or Reactor()).run(main)


def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    reactor = Reactor()
    woken: list[int] = []

    async def sleeper(number: int) -> None:
        await sleep_until(start + number / 100)
        woken.append(number)

    async def main() -> None:
        for number in (3, 1, 2):
            reactor.spawn(sleeper(number))
        await sleep_until(start + 0.05)

    start = now()
    run(main(), reactor)
    assert woken == [1, 2, 3]
    assert now() - start >= 0.05


def test_what_has_arrived_is_never_late_even_after_the_deadline() -> None:
    left, right = socket.socketpair()

    async def main() -> None:
        right.send(b"x")
        await readable(left, now() - 1)

    with left, right:
        run(main())


def test_waiting_ends_at_the_deadline() -> None:
    left, right = socket.socketpair()

    async def main() -> None:
        begin = now()
        with pytest.raises(TimeoutError):
            await readable(left, begin + 0.02)
        assert now() - begin >= 0.02
        await writable(left, now() + 1)

    with left, right:
        run(main())


def test_one_socket_is_awaited_by_one_task_at_a_time() -> None:
    reactor = Reactor()
    left, right = socket.socketpair()
    errors: list[type[BaseException]] = []

    async def wait() -> None:
        try:
            await readable(left, now() + 0.05)
        except OSError as error:
            errors.append(type(error))

    async def main() -> None:
        reactor.spawn(wait())
        reactor.spawn(wait())
        await sleep_until(now() + 0.1)

    with left, right:
        run(main(), reactor)
    assert errors == [FileExistsError, TimeoutError]


def test_a_cancelled_task_cleans_up_and_frees_its_descriptor() -> None:
    reactor = Reactor()
    left, right = socket.socketpair()
    log: list[str] = []

    async def wait() -> None:
        try:
            await readable(left)
        except OSError:
            log.append("swallowed")
        finally:
            log.append("cleaned up")

    async def main() -> None:
        task = reactor.spawn(wait())
        await sleep_until(now())
        task.cancel()
        task.cancel()
        await sleep_until(now())
        assert task.done
        right.send(b"x")
        await readable(left)

    with left, right:
        run(main(), reactor)
    assert log == ["cleaned up"]


def test_a_bell_rung_before_anybody_waits_is_remembered_once() -> None:
    reactor = Reactor()

    async def main() -> None:
        bell = Bell(reactor)
        bell.ring()
        bell.ring()
        await bell.wait()
        with pytest.raises(TimeoutError):
            await bell.wait(now() + 0.01)

    run(main(), reactor)


def test_a_bell_wakes_its_waiter() -> None:
    reactor = Reactor()
    bell = Bell(reactor)

    async def ring() -> None:
        bell.ring()

    async def main() -> None:
        reactor.spawn(ring())
        await bell.wait(now() + 10)

    begin = now()
    run(main(), reactor)
    assert now() - begin < 5


def test_an_error_in_one_task_is_told_and_the_others_go_on(capfd: pytest.CaptureFixture[str]) -> None:
    reactor = Reactor()

    async def fail() -> None:
        raise RuntimeError("a bug")

    async def main() -> None:
        reactor.spawn(fail())
        await sleep_until(now() + 0.01)

    run(main(), reactor)
    assert "a bug" in capfd.readouterr().err


def test_timers_that_never_fire_do_not_pile_up() -> None:
    reactor = Reactor()
    reading, writing = os.pipe()
    pipe = os.fdopen(reading, "rb", 0)

    async def main() -> None:
        for _ in range(3000):
            os.write(writing, b"x")
            await readable(pipe, now() + 3600)
            pipe.read(1)

    with pipe:
        run(main(), reactor)
    os.close(writing)
    assert len(reactor._timers) < 1000
