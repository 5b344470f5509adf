"""Which requests are repeated, after what, for how long: against real servers that fail, refuse and go away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from probe.cluster.api import Api, ApiError, Unreachable
from probe.cluster.connect import Manners, connect
from probe.cluster.pacing import RequestPace
from probe.model.errors import ClusterError
from tests.cluster.support import Server, kubeconfig, serving, status, version


def hang_up(request: web.Request) -> web.StreamResponse:
    """End the connection without an answer."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


class Faulty:
    """A server with one collection of objects, which does something wrong before it answers as it should.

    ``faults`` are taken in order, one a request; each sees the request after it was handled when ``late``, so that
    only the answer is lost. ``asked`` are the methods seen.
    """

    def __init__(self, *faults: Callable[[web.Request], web.StreamResponse] | None, late: bool = False) -> None:
        self.faults = list(faults)
        self.late = late
        self.asked: list[str] = []
        self.objects: dict[str, Any] = {"there": {"metadata": {"name": "there", "uid": "1"}}}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.method)
        if request.path == "/version":
            return await version(request)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and not self.late:
            return fault(request)
        handled = await self._handle(request)
        return handled if fault is None else fault(request)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        if request.path.startswith("/apis/authorization.k8s.io/"):
            return web.json_response({}, status=201)
        if request.method == "POST":
            body = await request.json()
            name = body["metadata"]["name"]
            if name in self.objects:
                return status(409, f'"{name}" already exists')
            self.objects[name] = body | {"metadata": body["metadata"] | {"managedFields": [{"manager": "cni-probe"}]}}
            return web.json_response(self.objects[name], status=201)
        if name not in self.objects:
            return status(404, f'"{name}" not found')
        found = self.objects[name]
        if request.method == "DELETE":
            del self.objects[name]
        return web.json_response(found)


BODY: dict[str, Any] = {"metadata": {"name": "new", "labels": {"cni-probe.dev/run": "r"}}}


async def read(api: Api) -> dict[str, Any]:
    return await api.get("/things/there")


async def create(api: Api) -> dict[str, Any]:
    return await api.create("/things", BODY)


async def delete(api: Api) -> dict[str, Any]:
    return await api.delete("/things/there", uid="1")


async def delete_by_name(api: Api) -> dict[str, Any]:
    return await api.delete("/things/there")


async def merge(api: Api) -> dict[str, Any]:
    return await api.merge("/things/there", {})


async def apply(api: Api) -> dict[str, Any]:
    return await api.apply("/things/there", {})


async def ask(api: Api) -> dict[str, Any]:
    return await api.create("/apis/authorization.k8s.io/v1/there", {"metadata": {"name": "question"}})


FAULTS = {
    "hangs up": hang_up,
    "500": lambda request: status(500, "etcdserver: leader changed"),
    "502": lambda request: web.Response(status=502, text="<html>bad gateway</html>"),
    "503": lambda request: status(503, "not ready"),
    "504": lambda request: status(504, "timed out"),
}
VERBS = {verb.__name__: verb for verb in (read, create, delete, merge, apply, ask)}


@pytest.mark.parametrize("late", [False, True], ids=["unhandled", "handled"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", VERBS)
async def test_what_may_be_done_twice_succeeds_in_the_end(tmp_path: Path, verb: str, fault: str, late: bool) -> None:
    server = Faulty(FAULTS[fault], late=late)
    async with serving(tmp_path, server.answer) as api:
        await api.get("/version")
        await VERBS[verb](api)
    assert len(server.asked) >= 3


async def test_a_deletion_by_name_alone_is_never_repeated(tmp_path: Path) -> None:
    server = Faulty(hang_up)
    async with serving(tmp_path, server.answer) as api:
        await api.get("/version")
        with pytest.raises(Unreachable):
            await delete_by_name(api)
    assert server.asked == ["GET", "DELETE"]


async def test_a_creation_that_was_lost_and_never_made_is_tried_again(tmp_path: Path) -> None:
    server = Faulty(hang_up)
    async with serving(tmp_path, server.answer) as api:
        await api.get("/version")
        await create(api)
    assert server.asked == ["GET", "POST", "POST"]


async def test_a_creation_that_was_lost_and_has_used_up_the_quota_is_found(tmp_path: Path) -> None:
    """Admission comes before the name is looked at, so that the second try is refused for another reason."""
    server = Faulty(hang_up, lambda request: status(403, "exceeded quota"), late=True)
    async with serving(tmp_path, server.answer) as api:
        await api.get("/version")
        assert (await create(api))["metadata"]["name"] == "new"
    assert server.asked == ["GET", "POST", "POST", "GET"]


async def test_a_creation_that_was_lost_does_not_adopt_what_is_not_ours(tmp_path: Path) -> None:
    """Neither an object without our run's label, nor one that another client made with it."""
    for theirs in (
        {"labels": {"cni-probe.dev/run": "other"}},
        BODY["metadata"] | {"managedFields": [{"manager": "x"}]},
    ):
        server = Faulty(hang_up)
        server.objects["new"] = {"metadata": theirs}
        async with serving(tmp_path, server.answer) as api:
            await api.get("/version")
            with pytest.raises(ApiError, match='"new" already exists') as conflict:
                await create(api)
        assert conflict.value.code == 409


async def test_a_conflict_at_the_first_try_is_an_error(tmp_path: Path) -> None:
    server = Faulty()
    async with serving(tmp_path, server.answer) as api:
        await create(api)
        with pytest.raises(ApiError, match="already exists"):
            await create(api)
    assert server.asked == ["POST", "POST"]


async def test_a_creation_without_a_name_is_never_repeated(tmp_path: Path) -> None:
    server = Faulty(hang_up)
    async with serving(tmp_path, server.answer) as api:
        await api.get("/version")
        with pytest.raises(Unreachable):
            await api.create("/things", {"metadata": {"generateName": "new-"}})
    assert server.asked == ["GET", "POST"]


async def test_a_creation_that_nobody_waits_for_any_more_is_not_repeated(tmp_path: Path) -> None:
    refused = asyncio.Event()

    def refuse(request: web.Request) -> web.StreamResponse:
        refused.set()
        return status(503, "not now")

    server = Faulty(*[refuse] * 9)
    async with serving(tmp_path, server.answer) as api:
        await api.get("/version")
        creation = asyncio.create_task(create(api))
        await refused.wait()
        creation.cancel()
        async with asyncio.timeout(60):
            await asyncio.wait({creation})
        assert creation.cancelled()
    assert server.asked == ["GET", "POST"]


@pytest.mark.parametrize("verb", [*VERBS.values(), delete_by_name])
async def test_one_too_many_is_repeated_whatever_it_is(tmp_path: Path, verb: Any) -> None:
    """429 says that nothing was handled, and how long to wait: in a header or in the Status."""

    def in_status(request: web.Request) -> web.StreamResponse:
        body = {"kind": "Status", "code": 429, "message": "busy", "details": {"retryAfterSeconds": 0}}
        return web.json_response(body, status=429)

    server = Faulty(lambda request: status(429, "busy", Retry_After="1"), in_status)
    started = time.monotonic()
    async with serving(tmp_path, server.answer) as api:
        await verb(api)
    assert time.monotonic() - started >= 1
    assert len(server.asked) == 3


async def test_a_refusal_is_no_fault_and_is_said_at_once(tmp_path: Path) -> None:
    server = Faulty(lambda request: status(403, "you may not"))
    async with serving(tmp_path, server.answer) as api:
        with pytest.raises(ApiError, match="patch /things/there: you may not"):
            await merge(api)
    assert server.asked == ["PATCH"]


async def test_patience_ends(tmp_path: Path) -> None:
    server = Faulty(*[FAULTS["503"]] * 100)
    async with serving(tmp_path, server.answer, patience=0.5) as api:
        with pytest.raises(ApiError, match="not ready"):
            await read(api)
    assert 2 <= len(server.asked) <= 10


async def test_a_server_that_is_away_is_waited_for_and_that_is_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    async with Server.start(Faulty().answer) as server:
        path = kubeconfig(tmp_path, {"server": server.url})
        async with connect(str(path), notice=said.append) as api:
            await api.get("/version")
            await server.go_away()
            requests = [asyncio.create_task(read(api)) for _ in range(5)]
            async with asyncio.timeout(60):
                while not said:  # noqa: ASYNC110 - it is said after a moment
                    await asyncio.sleep(0.01)
            await server.come_back()
            await asyncio.gather(*requests)
    assert len(said) == 2
    assert "Connection refused; waiting for it, up to 60 s" in said[0]
    assert said[1].startswith("the API server answers again, after ")


async def test_a_server_that_stays_away_is_given_up_by_all_at_once(tmp_path: Path) -> None:
    async with Server.start(Faulty().answer) as server:
        path = kubeconfig(tmp_path, {"server": server.url})
        async with connect(str(path), manners=Manners(patience=0.5)) as api:
            await api.get("/version")
            await server.go_away()
            with pytest.raises(Unreachable, match="Connection refused"):
                await read(api)
            started = time.monotonic()
            with pytest.raises(Unreachable):  # what comes later does not wait all over again
                await read(api)
            assert time.monotonic() - started < 0.5
            await server.come_back()
            await read(api)


async def test_a_request_that_always_hangs_ends_though_others_are_answered(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.method == "PATCH":
            await asyncio.Event().wait()
        return await version(request)

    async with serving(tmp_path, answer, timeout=0.2, patience=0.6) as api:
        await api.get("/version")
        hanging = asyncio.create_task(merge(api))
        async with asyncio.timeout(60):
            while not hanging.done():
                await api.get("/version")
                await asyncio.sleep(0.01)
        with pytest.raises(Unreachable, match=r"did not answer within 0.2 s"):
            await hanging


async def test_a_slow_server_is_no_trouble(tmp_path: Path) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.3)
        return await version(request)

    said: list[str] = []
    async with serving(tmp_path, slow, timeout=1, notice=said.append) as api:
        await asyncio.gather(*(api.get("/version") for _ in range(20)))
    assert said == []


async def test_a_page_of_html_is_told_in_one_line(tmp_path: Path) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="<html>\n<h1>Not here</h1>\n</html>" * 99, content_type="text/html")

    async with serving(tmp_path, page) as api:
        with pytest.raises(ClusterError, match=r"^get /api/v1/nodes: 404 an HTML page, '<html> <h1>Not here") as error:
            await api.get("/api/v1/nodes")
    assert len(str(error.value)) < 200


async def test_requests_keep_to_their_pace(tmp_path: Path) -> None:
    """Ten at once, twenty a second after that: thirty take a second."""
    server = Faulty()
    started = time.monotonic()
    async with serving(tmp_path, server.answer, qps=10.0) as api:
        await asyncio.gather(*(read(api) for _ in range(30)))
    assert 0.9 <= time.monotonic() - started < 5
    assert len(server.asked) == 30


async def test_a_turn_that_is_not_taken_is_the_next_ones() -> None:
    now = 0.0
    pace = RequestPace(10.0, burst=1.0, clock=lambda: now)
    await pace.take()
    waiting = [asyncio.create_task(pace.take()) for _ in range(50)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    started = time.monotonic()
    await pace.take()
    assert time.monotonic() - started < 5
