"""Following pods at a real server that comes and goes, and what became of a pod, in the cluster's words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from probe.cluster.pods import PodWatch, is_running
from probe.model.errors import ClusterError
from tests.cluster.support import serving

KEY = ("shop", "web")
WEB = ("shop", "web", "uid", "c1")


def pod(**status: Any) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "shop", "uid": "uid", "resourceVersion": "2"}
    return {"metadata": metadata, "status": {"phase": "Running", "podIP": "10.244.0.2", "conditions": []} | status}


def container(id: str, last: dict[str, Any] | None = None, **state: Any) -> list[dict[str, Any]]:
    return [{"name": "agent", "containerID": id, "state": state, "lastState": {"terminated": last} if last else {}}]


RUNNING = pod(containerStatuses=container("c1", running={}))
GONE = {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}


class Pods:
    """What the server has, what it tells its watches, and the statuses that it answers with instead."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = list(pods)
        self.events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self.refusals: list[int] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request)
        if self.refusals:
            code = self.refusals.pop(0)
            return web.json_response({"kind": "Status", "code": code, "message": f"no: {code}"}, status=code)
        return web.json_response({"items": self.pods, "metadata": {"resourceVersion": "1"}})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            kind, obj = await self.events.get()
            await response.write(json.dumps({"type": kind, "object": obj}).encode() + b"\n")


@asynccontextmanager
async def following(pods: Pods, directory: Path, patience: float = 60.0) -> AsyncIterator[PodWatch]:
    async with serving(directory, pods.answer, patience=patience) as api, PodWatch.follow(api, "run=x") as watch:
        yield watch


async def test_a_watch_outlives_an_api_server_that_is_out_of_patience(tmp_path: Path) -> None:
    """The requests give up after a moment, the watch does not."""
    pods = Pods(RUNNING)
    pods.refusals = [503, 500, 503]
    async with following(pods, tmp_path, patience=0.0) as watch:
        await watch.until([KEY], is_running, 10.0)
        assert watch.trouble == ""


async def test_an_expired_watch_is_listed_again(tmp_path: Path) -> None:
    pods = Pods(RUNNING)
    async with following(pods, tmp_path) as watch:
        await watch.until([KEY], is_running, 5.0)
        pods.pods = [pod(phase="Failed")]
        await pods.events.put(("ERROR", GONE))
        assert await watch.until_fate(*WEB, seconds=5.0) == "the pod failed"


async def test_a_pod_that_went_while_nobody_watched_is_known_to_be_gone(tmp_path: Path) -> None:
    pods = Pods(RUNNING)
    async with following(pods, tmp_path) as watch:
        await watch.until([KEY], is_running, 5.0)
        pods.pods = []
        await pods.events.put(("ERROR", GONE))
        assert await watch.until_fate(*WEB, seconds=5.0) == "the pod was deleted"


async def test_a_watch_that_is_refused_is_said_to_whoever_waits(tmp_path: Path) -> None:
    pods = Pods()
    pods.refusals = [403] * 5
    async with following(pods, tmp_path) as watch:
        with pytest.raises(ClusterError, match=r"cannot follow the pods: .* no: 403"):
            await watch.until([KEY], is_running, 5.0)


OOM = {"exitCode": 137, "reason": "OOMKilled", "containerID": "c1"}
ERROR = {"exitCode": 1, "reason": "Error", "containerID": "c1"}
PREEMPTED = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "preempted"}


@pytest.mark.parametrize(
    ("kind", "status", "fate"),
    [
        ("MODIFIED", {"containerStatuses": container("c1", running={})}, ""),
        ("DELETED", {}, "the pod was deleted"),
        (
            "MODIFIED",
            {"containerStatuses": container("c2", OOM, running={})},
            "its container ended (exit code 137, OOMKilled)",
        ),
        (
            "MODIFIED",
            {"containerStatuses": container("c1", terminated=ERROR)},
            "its container ended (exit code 1, Error)",
        ),
        ("MODIFIED", {"containerStatuses": container("c3", running={})}, "its container was restarted"),
        ("MODIFIED", {"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
         "the pod was evicted (low on memory)"),
        ("DELETED", {"conditions": [PREEMPTED]}, "the pod was evicted (PreemptionByScheduler: preempted)"),
        ("MODIFIED", {"phase": "Failed", "reason": "NodeShutdown", "message": "bye"},
         "the pod failed: NodeShutdown bye"),
    ],
)  # fmt: skip
async def test_what_became_of_a_pod_is_said_in_the_clusters_words(
    tmp_path: Path, kind: str, status: dict[str, Any], fate: str
) -> None:
    pods = Pods(RUNNING)
    async with following(pods, tmp_path) as watch:
        await watch.until([KEY], is_running, 5.0)
        await pods.events.put((kind, pod(**status)))
        assert await watch.until_fate(*WEB, seconds=5.0 if fate else 0.2) == fate


async def test_nothing_is_concluded_about_a_pod_that_the_watch_has_not_seen(tmp_path: Path) -> None:
    async with following(Pods(), tmp_path) as watch:
        assert watch.fate(*WEB) == ""
