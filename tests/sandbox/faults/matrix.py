"""The matrix of faults: the one list that both the tests and the printed table are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from probe.sandbox.launch import Sandbox
from tests.sandbox.faults import admission, leftovers, nodes, server, streams
from tests.sandbox.faults.stage import Line, Row, Stage, perform

ROWS: tuple[Row, ...] = (*streams.ROWS, *nodes.ROWS, *server.ROWS, *admission.ROWS, *leftovers.ROWS)


async def play(row: Row, sandbox: Sandbox, directory: Path, *, shared: bool = False) -> Line:
    """Play one row on a stage of its own."""
    async with Stage.on(sandbox, directory, shared=shared) as stage:
        return await perform(row, stage)


async def play_slow(rows: Iterable[Row], sandbox: Sandbox, directory: Path) -> Mapping[str, asyncio.Task[Line]]:
    """Play the slow ones among the rows, all at the same time and each to its end; what came of them by fault."""
    slow = [row for row in rows if row.slow]
    places = [directory / f"slow-{number}" for number in range(len(slow))]
    plays = {
        row.fault: asyncio.create_task(play(row, sandbox, place, shared=True))
        for row, place in zip(slow, places, strict=True)
    }
    if plays:
        await asyncio.wait(plays.values())
    return plays
