"""Watches: from a version on, with what exists, with bookmarks, and 410 when the history is gone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.sandbox.api.server import CONFIGMAPS, NAMESPACES, PODS, Client, api_server, configmap, pod


class Events:
    """The lines of a watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self) -> tuple[str, dict[str, Any]]:
        async with asyncio.timeout(60):
            line = await self.response.content.readline()
        assert line, "the watch has ended"
        event = json.loads(line)
        return event["type"], event["object"]

    async def some(self, count: int) -> list[tuple[str, str]]:
        found = [await self.next() for _ in range(count)]
        return [(kind, obj["metadata"].get("name", "")) for kind, obj in found]

    async def end(self) -> None:
        async with asyncio.timeout(60):
            assert await self.response.content.readline() == b""


@asynccontextmanager
async def watching(client: Client, path: str, accept: str = "application/json", **query: str) -> AsyncIterator[Events]:
    async with client.http.get(path, params={"watch": "1", **query}, headers={"Accept": accept}) as response:
        assert response.status == 200
        yield Events(response)


async def version(client: Client) -> str:
    found: str = (await client.get(CONFIGMAPS)).body["metadata"]["resourceVersion"]
    return found


ONLY = "metadata.name!=kube-root-ca.crt"


async def test_without_a_version_it_begins_with_what_exists(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("a"))
    for start in ({}, {"resourceVersion": "0"}):
        async with watching(client, CONFIGMAPS, fieldSelector=ONLY, **start) as events:
            assert await events.some(1) == [("ADDED", "a")]
            await client.patch(f"{CONFIGMAPS}/a", {"data": {"x": str(start)}})
            assert await events.some(1) == [("MODIFIED", "a")]


async def test_from_a_version_on_nothing_is_missed_and_nothing_repeated(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("before"))
    since = await version(client)
    await client.post(CONFIGMAPS, configmap("a"))
    async with watching(client, CONFIGMAPS, resourceVersion=since) as events:
        await client.patch(f"{CONFIGMAPS}/a", {"data": {"x": "y"}})
        await client.delete(f"{CONFIGMAPS}/a")
        assert await events.some(3) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_deletion_moves_the_version_on(client: Client) -> None:
    created = (await client.post(CONFIGMAPS, configmap("a"))).body["metadata"]
    async with watching(client, CONFIGMAPS, resourceVersion=created["resourceVersion"]) as events:
        await client.delete(f"{CONFIGMAPS}/a")
        kind, gone = await events.next()
        assert (kind, gone["data"]) == ("DELETED", {})
        assert int(gone["metadata"]["resourceVersion"]) > int(created["resourceVersion"])
        assert gone["metadata"]["uid"] == created["uid"]


async def test_objects_enter_and_leave_a_selection(client: Client) -> None:
    since = await version(client)
    async with watching(client, CONFIGMAPS, resourceVersion=since, labelSelector="team=x") as events:
        await client.post(CONFIGMAPS, configmap("a"))
        for team in ("x", "x", "y", "x"):
            await client.patch(f"{CONFIGMAPS}/a", {"metadata": {"labels": {"team": team}}})
            await client.patch(f"{CONFIGMAPS}/a", {"data": {"n": team}})
        assert await events.some(5) == [
            ("ADDED", "a"),
            ("MODIFIED", "a"),
            ("DELETED", "a"),
            ("ADDED", "a"),
            ("MODIFIED", "a"),
        ]


async def test_one_namespace_or_one_object(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "n"}})
    since = await version(client)
    async with (
        watching(client, f"{NAMESPACES}/n/configmaps", resourceVersion=since, fieldSelector=ONLY) as namespace,
        watching(client, f"{CONFIGMAPS}/b", resourceVersion=since) as one,
    ):
        await client.post(CONFIGMAPS, configmap("a"))
        await client.post(CONFIGMAPS, configmap("b"))
        await client.post(f"{NAMESPACES}/n/configmaps", configmap("c"))
        assert await one.some(1) == [("ADDED", "b")]
        assert await namespace.some(1) == [("ADDED", "c")]


async def test_a_version_that_is_forgotten_is_410() -> None:
    async with api_server(history=3) as server:
        since = await version(server.client)
        for index in range(5):
            await server.client.post(CONFIGMAPS, configmap(f"c{index}"))
        async with watching(server.client, CONFIGMAPS, resourceVersion=since) as events:
            kind, status = await events.next()
            assert (kind, status["kind"], status["code"], status["reason"]) == ("ERROR", "Status", 410, "Expired")
            assert "too old resource version" in status["message"]
            await events.end()


async def test_the_timeout_ends_a_watch_with_a_bookmark(client: Client) -> None:
    since = await version(client)
    await client.post(PODS, pod())  # another resource: nothing to tell, but the version goes on
    async with watching(
        client, CONFIGMAPS, resourceVersion=since, timeoutSeconds="1", allowWatchBookmarks="true"
    ) as events:
        kind, mark = await events.next()
        assert (kind, mark["kind"]) == ("BOOKMARK", "ConfigMap")
        assert int(mark["metadata"]["resourceVersion"]) > int(since)
        await events.end()
    async with watching(client, CONFIGMAPS, resourceVersion=since, timeoutSeconds="1") as events:
        await events.end()


async def test_bookmarks_come_again_and_again() -> None:
    async with api_server(bookmark_seconds=0.05) as server:
        since = await version(server.client)
        async with watching(server.client, CONFIGMAPS, resourceVersion=since, allowWatchBookmarks="true") as events:
            assert [kind for kind, _ in await events.some(3)] == ["BOOKMARK"] * 3


async def test_initial_events_end_with_a_bookmark_that_says_so(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap("a"))
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
        "fieldSelector": ONLY,
    }
    async with watching(client, CONFIGMAPS, **query) as events:
        assert await events.some(1) == [("ADDED", "a")]
        kind, mark = await events.next()
        assert kind == "BOOKMARK"
        assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_watch_as_a_table_has_its_headings_once(client: Client) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    since = await version(client)
    async with watching(client, CONFIGMAPS, accept, resourceVersion=since) as events:
        await client.post(CONFIGMAPS, configmap("a"))
        await client.post(CONFIGMAPS, configmap("b"))
        (_, first), (_, second) = await events.next(), await events.next()
        assert (first["kind"], first["rows"][0]["cells"][0]) == ("Table", "a")
        assert (bool(first["columnDefinitions"]), bool(second["columnDefinitions"])) == (True, False)


async def test_many_events_reach_many_watchers_in_time(client: Client) -> None:
    since, count = await version(client), 300
    await client.post(CONFIGMAPS, configmap("a"))
    began = time.process_time()

    async def follow() -> None:
        async with watching(client, CONFIGMAPS, resourceVersion=since) as events:
            while (await events.next())[1].get("data", {}).get("n") != str(count):
                pass

    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(follow())
        for index in range(count):
            await client.patch(f"{CONFIGMAPS}/a", {"data": {"n": str(index + 1)}})
    # 300 writes and 1,500 deliveries, all in this process: its own time, so that a busy machine proves nothing wrong
    assert time.process_time() - began < 10


async def test_a_client_that_goes_leaves_no_subscription() -> None:
    async with api_server() as server:
        before = server.store.watchers("configmaps")
        async with watching(server.client, CONFIGMAPS) as events:
            await events.next()
            assert server.store.watchers("configmaps") == before + 1
            events.response.close()
        async with asyncio.timeout(60):
            while server.store.watchers("configmaps") > before:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.01)
