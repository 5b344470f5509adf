"""Requests against API servers that misbehave: every way to fail is one clear error of ours."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import pytest
from aiohttp import web

from probe.cluster.api import ApiError, Unreachable
from probe.cluster.connect import connect
from probe.model.errors import ClusterError, UsageError
from tests.cluster.support import Answer, kubeconfig, serving


async def page(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>please log in</html>", content_type="text/html")


async def wrong_json(request: web.Request) -> web.StreamResponse:
    return web.json_response([])


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.close()
    return response


async def never_ends(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    await asyncio.Event().wait()
    return response


@pytest.mark.parametrize("answer", [page, wrong_json])
async def test_what_is_no_api_server_is_said_to_be_none(tmp_path: Path, answer: Answer) -> None:
    async with serving(tmp_path, answer) as api:
        with pytest.raises(ClusterError, match="did not answer as a Kubernetes API server does"):
            await api.get("/version")


async def test_an_answer_that_breaks_off_is_an_unreachable_server(tmp_path: Path) -> None:
    async with serving(tmp_path, cut_off) as api:
        with pytest.raises(Unreachable, match="cannot reach the API server"):
            await api.get("/version")


async def test_an_answer_that_never_ends_is_bounded_by_the_request_timeout(tmp_path: Path) -> None:
    async with serving(tmp_path, never_ends, timeout=0.2) as api:
        with pytest.raises(Unreachable, match=r"did not answer within 0.2 s"):
            await api.get("/version")


async def test_a_server_that_asks_to_wait_longer_than_the_request_may_take_is_not_waited_for(tmp_path: Path) -> None:
    async def busy(request: web.Request) -> web.StreamResponse:
        status = {"kind": "Status", "message": "too many requests", "code": 429}
        return web.json_response(status, status=429, headers={"Retry-After": "3600"})

    async with serving(tmp_path, busy) as api:
        async with asyncio.timeout(20):
            with pytest.raises(ApiError, match="too many requests"):
                await api.get("/version")


async def test_a_creation_is_never_abandoned_so_that_cleaning_up_finds_what_was_made(tmp_path: Path) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()
    made: list[str] = []

    async def slow(request: web.Request) -> web.StreamResponse:
        asked.set()
        await answer.wait()
        made.append(request.path)
        return web.json_response({}, status=201)

    async with serving(tmp_path, slow) as api:
        creation = asyncio.create_task(api.create("/api/v1/namespaces", {}))
        await asked.wait()
        creation.cancel()
        await asyncio.sleep(0)
        assert not creation.done()
        answer.set()
        with pytest.raises(asyncio.CancelledError):
            await creation
        assert made == ["/api/v1/namespaces"]


async def test_a_watch_outlives_a_server_that_is_away_for_a_moment(tmp_path: Path) -> None:
    """Its first window ends, then the server is too busy, then it hangs up, then it is back."""
    versions: list[str] = []

    async def moody(request: web.Request) -> web.StreamResponse:
        versions.append(request.query["resourceVersion"])
        if len(versions) == 2:
            return web.json_response({"kind": "Status", "message": "starting", "code": 503}, status=503)
        if len(versions) == 3:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        version = str(len(versions))
        event = {"type": "ADDED", "object": {"metadata": {"name": f"pod-{version}", "resourceVersion": version}}}
        return web.Response(body=json.dumps(event).encode() + b"\n")

    async with serving(tmp_path, moody) as api:
        names = []
        async with aclosing(api.watch("/api/v1/pods", "0")) as events, asyncio.timeout(10):
            async for _, pod in events:
                names.append(pod["metadata"]["name"])
                if len(names) == 2:
                    break
    assert names == ["pod-1", "pod-4"]
    assert versions == ["0", "1", "1", "1"]


@pytest.mark.parametrize("text", ["a: [\n", "just text", "\x00"])
async def test_a_kubeconfig_that_is_none_is_a_usage_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(UsageError, match="cannot be used"):
        async with connect(str(path)):
            pass


@pytest.mark.parametrize("data", ["Z2FyYmFnZQ==", "!!"])
async def test_certificates_that_are_none_are_a_usage_error(tmp_path: Path, data: str) -> None:
    path = kubeconfig(tmp_path, {"server": "https://127.0.0.1:1", "certificate-authority-data": data})
    with pytest.raises(UsageError, match="cannot be used"):
        async with connect(str(path)):
            pass
