"""Watches go on through windows, silence, faults and garbage, and end only for what is the caller's to know."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from probe.cluster.api import Api, ApiError, WatchExpired
from probe.model.errors import ClusterError
from tests.cluster.support import serving, status, version

Window = Callable[[web.StreamResponse], Awaitable[None]]


def line(kind: str, version: int, **fields: Any) -> bytes:
    obj = {"metadata": {"name": f"pod-{version}", "resourceVersion": str(version)}} | fields
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


class Watched:
    """A server whose watches are played one window after the other; ``versions`` are those they were asked from."""

    def __init__(self, *windows: bytes | web.Response | Window) -> None:
        self.windows = list(windows)
        self.versions: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return await version(request)
        self.versions.append(request.query["resourceVersion"])
        window = self.windows.pop(0) if self.windows else b""
        if isinstance(window, web.Response):
            return window
        response = web.StreamResponse()
        await response.prepare(request)
        if isinstance(window, bytes):
            await response.write(window)
        else:
            await window(response)
        return response


async def names(api: Api, number: int) -> list[str]:
    """The names of the first objects of a watch."""
    found: list[str] = []
    async with aclosing(api.watch("/api/v1/pods", "0")) as events, asyncio.timeout(10):
        async for _, pod in events:
            found.append(pod["metadata"]["name"])
            if len(found) == number:
                break
    return found


async def test_a_window_is_resumed_from_the_last_event_or_bookmark(tmp_path: Path) -> None:
    server = Watched(line("ADDED", 1) + line("BOOKMARK", 7), line("ADDED", 8))
    async with serving(tmp_path, server.answer) as api:
        assert await names(api, 2) == ["pod-1", "pod-8"]
    assert server.versions == ["0", "7"]


async def test_a_connection_that_has_gone_silent_is_left(tmp_path: Path) -> None:
    """As a firewall leaves it: nothing comes, no end either."""

    async def silent(response: web.StreamResponse) -> None:
        await response.write(line("ADDED", 1))
        await asyncio.Event().wait()

    server = Watched(silent, line("ADDED", 2))
    said: list[str] = []
    async with serving(tmp_path, server.answer, quiet_watch=0.3, notice=said.append) as api:
        assert await names(api, 2) == ["pod-1", "pod-2"]
    assert server.versions == ["0", "1"]
    assert said == []


async def test_events_keep_a_watch_that_is_not_silent(tmp_path: Path) -> None:
    async def slow(response: web.StreamResponse) -> None:
        for number in range(1, 6):
            await asyncio.sleep(0.25)
            await response.write(line("ADDED", number))

    server = Watched(slow)
    async with serving(tmp_path, server.answer, quiet_watch=1.0) as api:
        assert await names(api, 5) == [f"pod-{number}" for number in range(1, 6)]
    assert server.versions == ["0"]


@pytest.mark.parametrize(
    "garbage", [b'{"type": "ADDED", "obj', b"<html>\n", b"[]\n", b'{"type": "ADDED"}\n', b'{"type":1,"object":{}}\n']
)
async def test_a_line_that_is_no_event_costs_only_the_connection(tmp_path: Path, garbage: bytes) -> None:
    server = Watched(line("ADDED", 1) + garbage, garbage, line("ADDED", 2))
    async with serving(tmp_path, server.answer) as api:
        assert await names(api, 2) == ["pod-1", "pod-2"]
    assert server.versions == ["0", "1", "1"]


async def test_nothing_but_garbage_is_an_error(tmp_path: Path) -> None:
    server = Watched(*[b"<html>please log in</html>\n"] * 9)
    async with serving(tmp_path, server.answer) as api:
        with pytest.raises(ClusterError, match=r"are no events .*Last: '<html>please log in"):
            await names(api, 1)


@pytest.mark.parametrize("as_event", [False, True])
async def test_an_expired_version_is_the_callers_to_list_again(tmp_path: Path, as_event: bool) -> None:
    gone = line("ERROR", 0, code=410, message="too old resource version") if as_event else status(410, "too old")
    async with serving(tmp_path, Watched(gone).answer) as api:
        with pytest.raises(WatchExpired, match="too old"):
            await names(api, 1)


@pytest.mark.parametrize("code", [429, 500, 503, 504])
@pytest.mark.parametrize("as_event", [False, True])
async def test_a_fault_passes(tmp_path: Path, code: int, as_event: bool) -> None:
    fault = line("ERROR", 0, code=code, message="later") if as_event else status(code, "later")
    server = Watched(line("ADDED", 1), fault, line("ADDED", 2))
    async with serving(tmp_path, server.answer) as api:
        assert await names(api, 2) == ["pod-1", "pod-2"]
    assert server.versions == ["0", "1", "1"]


@pytest.mark.parametrize("as_event", [False, True])
async def test_a_refusal_does_not(tmp_path: Path, as_event: bool) -> None:
    refusal = line("ERROR", 0, code=403, message="you may not") if as_event else status(403, "you may not")
    async with serving(tmp_path, Watched(refusal).answer) as api:
        with pytest.raises(ApiError, match="watch /api/v1/pods: you may not"):
            await names(api, 1)
