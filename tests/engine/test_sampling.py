"""How often cells are tried again: finely, but never harder than the run may probe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from probe.engine.agent import Sample
from probe.engine.agents import Pace
from probe.engine.sampling import FIRST_INTERVAL, Sampling, Volleys, Waiting
from probe.engine.track import Track
from probe.model.cell import Cell, Expectation, Outcome, Protocol
from probe.model.plan import PlannedCell

HELD = 0.4


def tracks(sources: int, each: int, tried: bool = True) -> list[Track]:
    found = [
        Track(PlannedCell(Cell(f"a/{source}", "a/b", 1 + port, Protocol.TCP), Expectation.DENY), 0.0)
        for source in range(sources)
        for port in range(each)
    ]
    if tried:
        connect(found)
    return found


def connect(found: Iterable[Track]) -> None:
    for track in found:
        track.see(Sample(Outcome.CONNECTED, at=0.1, established=True), "converge", HELD)


def test_few_cells_are_tried_again_quickly() -> None:
    assert Sampling(Pace(), HELD).pause(tracks(3, 2)) == FIRST_INTERVAL


def test_the_interval_grows_with_the_time_that_has_passed() -> None:
    sampling = Sampling(Pace(), HELD)
    sampling._began -= 10
    assert sampling.pause(tracks(1, 1)) == pytest.approx(0.2, abs=0.01)


def test_many_cells_are_tried_again_with_half_of_the_pace() -> None:
    sampling, pace = Sampling(Pace(rate=100, in_flight=1000), HELD), 100
    assert sampling.pause(tracks(10, 5, tried=False)) == pytest.approx(50 / pace), "all have to be tried once"
    assert sampling.pause(tracks(10, 5)) == pytest.approx(2 * 50 / pace)
    uneven = [*tracks(1, 41), *tracks(10, 1)[1:]]
    assert sampling.pause(uneven) == pytest.approx(2 * 41 * 10 / pace), "each source has its share of the pace"


def test_silent_attempts_of_all_volleys_find_room_in_flight() -> None:
    sampling = Sampling(Pace(rate=1e9, in_flight=10), HELD)
    pause = sampling.pause(tracks(1, 5))
    assert 5 * HELD / pause <= 10


def test_cells_are_waited_for_until_they_match_and_again_when_they_flap() -> None:
    found = tracks(1, 2, tried=False)
    waiting = Waiting(found)
    assert waiting.untried == 2
    for at, outcome, left in [(1.0, Outcome.TIMED_OUT, 1), (1.1, Outcome.CONNECTED, 2), (1.2, Outcome.TIMED_OUT, 1)]:
        found[0].see(Sample(outcome, at=at, established=outcome is Outcome.CONNECTED), "converge", HELD)
        waiting.see(found[0])
        assert (len(waiting.tracks), waiting.untried) == (left, 1)


async def test_a_wait_ends_as_soon_as_nothing_is_left_to_wait_for() -> None:
    found = tracks(1, 1)
    waiting = Waiting(found)
    await waiting.change(0.001)
    found[0].see(Sample(Outcome.TIMED_OUT, at=1.0), "converge", HELD)
    waiting.see(found[0])
    await waiting.change(0.001)
    asyncio.get_running_loop().call_soon(waiting.settle)
    async with asyncio.timeout(60):
        await waiting.change(3600)


async def test_volleys_that_are_late_hold_up_the_next_and_are_waited_for() -> None:
    gate, done = asyncio.Event(), list[bool]()

    async def work() -> None:
        await gate.wait()
        done.append(True)

    async with Volleys() as volleys:
        volleys.launch(work(), 3600)
        assert not volleys.overdue()
        volleys.launch(work(), -3600)
        assert volleys.overdue()
        gate.set()
        await volleys.home()
        assert not volleys.overdue()
        volleys.launch(work(), 1)
    assert len(done) == 3


async def test_an_error_of_a_volley_is_raised_and_cancels_the_others() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def fail() -> None:
        raise ZeroDivisionError

    async def volley() -> None:
        async with Volleys() as volleys:
            volleys.launch(wait(), 1)
            volleys.launch(fail(), 1)
            await asyncio.sleep(0)
            volleys.overdue()

    with pytest.raises(ZeroDivisionError):
        await volley()
    assert cancelled.is_set()
