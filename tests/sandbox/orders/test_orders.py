"""Disturbances on order: what is said to have happened, and when, is what packets meet."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import ssl
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import ClientError, ClientOSError, StreamReader, WSMsgType

from probe.cli import main
from probe.model.errors import UsageError
from probe.sandbox.launch import Sandbox
from probe.sandbox.orders.client import by_kubeconfig, give
from probe.sandbox.state import StateDirectory
from tests.sandbox.kube import Json, Kube, ip, is_ready, pod_path
from tests.sandbox.orders import ticker
from tests.sandbox.processes import process_of_agent

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

DOWN = 0.4
SLACK = 0.05
"""Seconds that a busy machine may need from when a request is sent until a node's rules see it."""


@dataclass(frozen=True)
class Tick:
    """A request, sent between two times."""

    before: float
    after: float
    answered: bool


@dataclass
class Ticker:
    """A process that asks the server from a pod, again and again, until it is stopped."""

    process: Process

    async def stop(self) -> list[Tick]:
        """All that it has sent."""
        out, _ = await self.process.communicate(b"")  # which ends its stdin
        return [Tick(*each) for each in json.loads(out)]


@dataclass
class Stage:
    """A server that only a friend may reach, on node-2, and who tries it from node-1."""

    sandbox: Sandbox
    kube: Kube
    namespace: str
    pods: dict[str, Json]

    @property
    def directory(self) -> StateDirectory:
        return StateDirectory(self.sandbox.name)

    async def order(self, name: str, **arguments: Any) -> Any:
        return await give(self.directory, name, **arguments)

    async def restart(self, mode: str, **arguments: Any) -> list[Json]:
        wanted: Json = {"nodes": [], "mode": mode, "down": DOWN, "rolling": False, **arguments}
        done: list[Json] = await self.order("restart-enforcer", **wanted)
        return done

    async def reach(self, name: str) -> Ticker:
        """Begin to ask the server from a pod."""
        pid = process_of_agent(self.sandbox.pid, self.pods[name]["metadata"]["uid"])
        enter = ["nsenter", "--target", str(pid), "--net"]
        if os.geteuid() != 0:
            enter += ["--user", "--preserve-credentials"]
        words = [sys.executable, str(Path(ticker.__file__)), ip(self.pods["server"]), "53"]
        process = await asyncio.create_subprocess_exec(*enter, *words, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert process.stderr is not None
        assert await process.stderr.readline() == b"ready\n"
        return Ticker(process)

    async def tries(self, name: str) -> bool:
        """One attempt."""
        said = await self.kube.exec(
            self.namespace, name, "python3", "-m", "cni_probe_agent", "dial", ip(self.pods["server"]), "53/UDP",
            "--timeout", "0.3",
        )  # fmt: skip
        return said.stdout.startswith("connected")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(sandbox: Sandbox) -> AsyncIterator[Stage]:
    async with Kube.connect(sandbox.kubeconfig) as kube:
        name = "test-orders"
        await kube.ok("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        rule = {"from": [{"podSelector": {"matchLabels": {"friend": "yes"}}}]}
        spec = {"podSelector": {"matchLabels": {"app": "server"}}, "policyTypes": ["Ingress"], "ingress": [rule]}
        policies = f"/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies"
        await kube.ok("POST", policies, {"metadata": {"name": "friends-only"}, "spec": spec})
        labels = {"server": {"app": "server"}, "friend": {"friend": "yes"}, "stranger": {}}
        for pod, its in labels.items():
            await kube.pod(name, pod, "53/UDP", wait=False, nodeName="node-2" if pod == "server" else "node-1")
            change = {"metadata": {"labels": its}}
            await patch(kube, pod_path(name, pod), change)
        pods = {pod: await kube.ready(name, pod) for pod in labels}
        yield Stage(sandbox, kube, name, pods)
        await kube.ok("DELETE", f"/api/v1/namespaces/{name}")


async def patch(kube: Kube, path: str, change: Json) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    async with kube.http.patch(kube.server + path, data=json.dumps(change), headers=headers) as response:
        assert response.status == 200, await response.text()


def span(ticks: list[Tick], answered: bool) -> tuple[float, float] | None:
    """From the first to the last request that was (not) answered, at the shortest."""
    them = [tick for tick in ticks if tick.answered is answered]
    return (them[0].after, them[-1].before) if them else None


def assert_within(found: tuple[float, float] | None, gap: Json) -> None:
    """All of it inside the injected gap, and most of the gap inside of it."""
    assert found is not None
    assert gap["began"] - gap["within"] - SLACK <= found[0]
    assert found[1] <= gap["ended"]
    assert found[1] - found[0] >= DOWN / 2


@pytest.mark.parametrize("mode", ["keep", "fail-open", "fail-closed"])
async def test_a_gap_is_where_and_what_it_is_said_to_be(stage: Stage, mode: str) -> None:
    friend, stranger = await stage.reach("friend"), await stage.reach("stranger")
    (gap,) = await stage.restart(mode, nodes=["node-2"])
    allowed, denied = await asyncio.gather(friend.stop(), stranger.stop())
    assert len(allowed) > 20
    assert (gap["node"], gap["mode"]) == ("node-2", mode)
    assert gap["seconds"] >= DOWN
    if mode == "fail-open":
        assert_within(span(denied, True), gap)
    else:
        assert span(denied, True) is None
    if mode == "fail-closed":
        assert_within(span(allowed, False), gap)
    else:
        assert span(allowed, False) is None


async def test_changes_are_not_followed_until_the_enforcer_is_back(stage: Stage) -> None:
    path = f"/apis/networking.k8s.io/v1/namespaces/{stage.namespace}/networkpolicies/friends-only"
    nobody = {"spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}}
    before = await stage.kube.ok("GET", path)
    friend = await stage.reach("friend")
    restart = asyncio.create_task(stage.restart("keep", down=1.5))
    await asyncio.sleep(0.3)
    await patch(stage.kube, path, nobody)
    patched = time.time()
    gaps = await restart
    ticks = await friend.stop()
    (gap,) = (each for each in gaps if each["node"] == "node-2")
    back = gap["ended"] - gap["within"] - SLACK
    assert all(tick.answered for tick in ticks if tick.after < back), "the rules are as they were"
    assert any(patched < tick.before and tick.after < back for tick in ticks)
    assert not await stage.tries("friend")
    await patch(stage.kube, path, {"spec": before["spec"]})
    await stage.restart("keep", down=0.01)  # which comes back to the latest
    assert await stage.tries("friend")


async def test_a_rolling_restart_goes_from_node_to_node(stage: Stage) -> None:
    one, two = await stage.restart("keep", rolling=True, down=0.05)
    assert (one["node"], two["node"]) == ("node-1", "node-2")
    assert one["ended"] <= two["began"]
    one, two = await stage.restart("keep", down=0.3)
    assert two["began"] < one["ended"], "all together"


async def test_an_upgrade_changes_enforcement(stage: Stage) -> None:
    try:
        await stage.restart("keep", down=0.01, upgrade={"fault": "ingress-ignored"})
        assert await stage.tries("stranger")
    finally:
        await stage.restart("keep", down=0.01, upgrade={"fault": "none"})
    assert not await stage.tries("stranger")


async def test_a_node_that_restarts_takes_its_pods_along_and_puts_rules_in_first(stage: Stage) -> None:
    path = pod_path(stage.namespace, "server")
    before = stage.pods["server"]
    (gap,) = await stage.order("restart-node", nodes=["node-2"], down=0.3, rolling=False)
    assert f"{stage.namespace}/server" in gap["pods"]
    after = await stage.kube.wait(
        path, lambda pod: is_ready(pod) and pod["status"]["containerStatuses"][0]["restartCount"]
    )
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert ip(after) != ip(before), "the network is made anew, as by most plugins"
    stage.pods["server"] = after
    assert await stage.tries("friend")
    assert not await stage.tries("stranger")
    node = await stage.kube.wait("/api/v1/nodes/node-2", is_ready)
    assert not node["spec"].get("taints")


async def test_the_api_server_is_away_and_back_on_its_port(stage: Stage) -> None:
    async with stage.kube.http.get(f"{stage.kube.server}/api/v1/nodes?watch=true") as watch:
        assert await watch.content.readline()
        path = f"{stage.kube.server}{pod_path(stage.namespace, 'friend')}/exec"
        query = [("container", "agent"), ("stdout", "true"), ("stdin", "true"), ("command", "cat")]
        async with stage.kube.http.ws_connect(path, params=query, protocols=["v5.channel.k8s.io"]) as stream:
            await stream.send_bytes(b"\x00hello")
            while (await stream.receive(timeout=10)).data != b"\x01hello":
                pass
            pause = asyncio.create_task(stage.order("pause-api", down=1))
            assert (await stream.receive(timeout=10)).type in (WSMsgType.CLOSED, WSMsgType.ERROR)
        await _to_the_end(watch.content)
    tries = []
    while not pause.done():
        began = time.time()
        tries.append((began, await _answers(stage.kube), time.time()))
        await asyncio.sleep(0.02)
    gap = await pause
    assert gap["seconds"] >= 1
    assert not all(answered for _, answered, _ in tries)
    for began, answered, ended in tries:
        if answered:
            assert ended >= gap["began"] + gap["within"] + 1
        else:
            assert began <= gap["ended"]
    assert await _answers(stage.kube)


async def test_a_connection_in_its_handshake_does_not_outlive_the_api_server(stage: Stage) -> None:
    server = urlsplit(stage.kube.server)
    with socket.create_connection((server.hostname, server.port)) as connection:
        assert await _answers(stage.kube)  # so it was accepted
        pause = asyncio.create_task(stage.order("pause-api", down=1))
        while await _answers(stage.kube):
            pass
        assert await asyncio.to_thread(_ask, connection) == b""
    await pause


def _ask(connection: socket.socket) -> bytes:
    """The beginning of the answer to a request that comes only now, with the TLS handshake; nothing if it was cut."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError), context.wrap_socket(connection) as stream:
        stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        return stream.recv(1)
    return b""


async def _answers(kube: Kube) -> bool:
    """Whether the API server is there; where it is not, its port resets whoever connects."""
    try:
        await kube.ok("GET", "/api/v1/nodes")
    except ClientOSError as error:
        if error.errno != errno.ECONNRESET:
            raise
        return False
    return True


async def _to_the_end(content: StreamReader) -> None:
    with suppress(ClientError):
        while await content.readline():
            pass


async def test_orders_that_make_no_sense_are_refused(stage: Stage) -> None:
    with pytest.raises(UsageError, match=r"there is no node node-9 \(node-1, node-2\)"):
        await stage.restart("keep", nodes=["node-9"])
    with pytest.raises(UsageError, match="--down is more than 0"):
        await stage.restart("keep", down=0)


async def test_on_the_command_line(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    found = by_kubeconfig(str(stage.sandbox.kubeconfig))
    assert found is not None
    assert found.name == stage.sandbox.name
    words = ["sandbox", "restart-enforcer", "--name", stage.sandbox.name, "--down", "10ms", "-o", "json"]
    assert await asyncio.to_thread(main, words) == 0
    assert [it["node"] for it in json.loads(capsys.readouterr().out)] == ["node-1", "node-2"]
    assert await asyncio.to_thread(main, ["sandbox", "pause-api", "--name", stage.sandbox.name, "--down", "10ms"]) == 0
    assert "the API server was away from 20" in capsys.readouterr().out
