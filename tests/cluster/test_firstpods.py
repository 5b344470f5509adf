"""Creating pods where the default service account is still to come, against a server that makes it late."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from probe.cluster.api import ApiError
from probe.cluster.firstpods import PodCreator
from probe.model.errors import DeployError
from tests.cluster.support import serving

LATE = 'pods "a" is forbidden: error looking up service account shop/default: serviceaccount "default" not found'


def refused(message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": 403, "reason": "Forbidden", "message": message}, status=403)


class Admission:
    """Refuses a namespace's pods ``times`` times for want of an account."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.asked = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        if self.asked <= self.times:
            return refused(LATE)
        return web.json_response({"metadata": {"name": (await request.json())["metadata"]["name"]}}, status=201)


def pod(name: str) -> dict[str, dict[str, str]]:
    return {"metadata": {"name": name}}


async def test_pods_wait_for_the_account_and_one_of_them_asks_for_all(tmp_path: Path) -> None:
    server = Admission(times=12)
    async with serving(tmp_path, server.answer) as api:
        creator = PodCreator(api, asyncio.Semaphore(24))
        made = await asyncio.gather(*(creator.create("shop", pod(f"p{number}"), 60) for number in range(10)))
    assert {each["metadata"]["name"] for each in made} == {f"p{number}" for number in range(10)}
    assert server.asked == 22  # ten come too early, one of them asks twice more, and all have theirs then


async def test_an_account_that_never_comes_is_named(tmp_path: Path) -> None:
    server = Admission(times=1000)
    async with serving(tmp_path, server.answer) as api:
        creator = PodCreator(api, asyncio.Semaphore(24))
        with pytest.raises(DeployError, match=r"namespace shop has no default service account after 0\.2 s"):
            await creator.create("shop", pod("p"), 0.2)


async def test_other_refusals_are_final(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return refused('pods "a" is forbidden: violates PodSecurity')

    async with serving(tmp_path, answer) as api:
        with pytest.raises(ApiError, match="violates PodSecurity"):
            await PodCreator(api, asyncio.Semaphore(24)).create("shop", pod("p"), 60)
