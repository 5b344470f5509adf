"""The bounds of a run over all its lanes: the rate is shared, and busy agents make scenarios wait for each other."""

from __future__ import annotations

import asyncio

from probe.engine.load import Load


async def test_rounds_take_turns_so_that_together_they_keep_to_the_rate() -> None:
    load, loop, begun = Load(3), asyncio.get_running_loop(), []
    started = loop.time()

    async def round_of(seconds: float) -> None:
        await load.turn(seconds)
        begun.append(loop.time() - started)

    await asyncio.gather(*(round_of(0.05) for _ in range(4)))
    assert all(moment >= 0.05 * place for place, moment in enumerate(begun))


async def test_who_comes_late_enough_does_not_wait() -> None:
    load = Load(1)
    await load.turn(0.0)
    async with asyncio.timeout(0.5):
        await load.turn(100.0)


async def test_late_agents_halve_the_number_of_lanes_and_quiet_scenarios_bring_them_back() -> None:
    load = Load(4)
    async with load.lane(), load.lane(), load.lane(), load.lane():
        load.note(0.09, timeout=0.4)
        assert load.limit == 4, "as late as that nothing is doubtful yet"
        load.note(0.2, timeout=0.4)
        load.note(0.3, timeout=0.4)
        assert load.limit == 2, "one cut at a time: it has to show its effect"
    assert (load.limit, load.least, load.worst_lag) == (2, 2, 0.3)
    async with load.lane():
        pass
    assert load.limit == 3
    for _ in range(5):
        async with load.lane():
            pass
    assert load.limit == 4


async def test_a_lane_waits_until_fewer_measure() -> None:
    load = Load(2)
    async with load.lane():
        async with load.lane():
            load.note(1.0, timeout=0.4)
        waiting = asyncio.create_task(_pass(load))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def _pass(load: Load) -> None:
    async with load.lane():
        pass


async def test_a_single_lane_is_never_stopped() -> None:
    load = Load(1)
    async with load.lane():
        load.note(5.0, timeout=0.4)
    async with asyncio.timeout(1):
        await _pass(load)
