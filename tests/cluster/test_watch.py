"""Following pods: the end of the watch never hides that the run itself was cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from probe.cluster.api import Api
from probe.cluster.pods import PodWatch


class SlowToEnd(Api):
    """An API whose pending request takes a moment to be given up, as a TLS connection does."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.ending = asyncio.Event()

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        self.asked.set()
        try:
            never: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            return await never
        finally:
            self.ending.set()
            await asyncio.sleep(0.05)


async def test_a_cancellation_that_comes_while_the_watch_ends_is_not_swallowed() -> None:
    api, went_on = SlowToEnd(), False

    async def run() -> None:
        nonlocal went_on
        async with PodWatch.follow(api, "run=x"):
            await api.asked.wait()
        went_on = True

    task = asyncio.create_task(run())
    await api.ending.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not went_on
