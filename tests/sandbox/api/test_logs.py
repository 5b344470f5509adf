"""pods/log: the parameters of kubectl logs."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.api.local_runtime import LocalLog
from tests.sandbox.api.server import PODS, Server, pod

LOG = f"{PODS}/backend/log"


@pytest.fixture
async def log(server: Server) -> LocalLog:
    created = await server.client.post(PODS, pod())
    written = server.runtime.log(created.body["metadata"]["uid"])
    written.write("old", datetime.now(UTC) - timedelta(hours=1))
    for index in range(3):
        written.write(f"line {index}")
    return written


async def test_the_log_so_far(server: Server, log: LocalLog) -> None:
    reply = await server.client.get(LOG)
    assert (reply.code, reply.body) == (200, "old\nline 0\nline 1\nline 2\n")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"tailLines": "1"}, "line 2\n"),
        ({"tailLines": "0"}, ""),
        ({"tailLines": "99"}, "old\nline 0\nline 1\nline 2\n"),
        ({"sinceSeconds": "60"}, "line 0\nline 1\nline 2\n"),
        ({"limitBytes": "5"}, "old\nl"),
        ({"container": "agent", "tailLines": "1"}, "line 2\n"),
    ],
)
async def test_a_part_of_it(server: Server, log: LocalLog, query: dict[str, str], expected: str) -> None:
    assert (await server.client.get(LOG, **query)).body == expected


async def test_timestamps(server: Server, log: LocalLog) -> None:
    time, text = (await server.client.get(LOG, timestamps="true", tailLines="1")).body.split(" ", 1)
    assert (text, time[-1]) == ("line 2\n", "Z")


async def test_following_until_the_container_ends(server: Server, log: LocalLog) -> None:
    async with (
        asyncio.timeout(60),
        server.client.http.get(LOG, params={"follow": "true", "tailLines": "1"}) as response,
    ):
        assert await response.content.readline() == b"line 2\n"
        log.write("more")
        assert await response.content.readline() == b"more\n"
        log.end()
        assert await response.content.read() == b""


async def test_what_has_no_log(server: Server, log: LocalLog) -> None:
    assert (await server.client.get(LOG, previous="true")).code == 400
    assert (await server.client.get(LOG, container="other")).code == 400
    assert (await server.client.get(LOG, tailLines="x")).code == 400
    assert (await server.client.get(f"{PODS}/nobody/log")).code == 404
