"""kubectl as a user runs it, against a real API server with a small kubelet stand-in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from probe.sandbox.api.credentials import write_kubeconfig
from probe.sandbox.controllers.conditions import set_condition
from probe.sandbox.store import Obj, Store, timestamp
from tests.sandbox.api.server import Server, api_server, node


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def ok(self) -> str:
        """Its output; it must have succeeded without a complaint."""
        assert (self.code, self.err) == (0, ""), f"exit {self.code}\n{self.out}\n{self.err}"
        return self.out


class Kubectl:
    """Runs kubectl with the sandbox's kubeconfig and a home of its own."""

    def __init__(self, binary: str, kubeconfig: Path, home: Path, server: Server) -> None:
        self._binary, self._kubeconfig, self._home, self.server = binary, kubeconfig, home, server

    async def __call__(self, *arguments: str, stdin: str | bytes = b"") -> Done:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        pipe = asyncio.subprocess.PIPE
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home), "KUBECONFIG": str(self._kubeconfig)}
        environment["GOGC"] = "off"  # it lives for too short a time to collect garbage, a sixth of what it computes
        process = await asyncio.create_subprocess_exec(
            self._binary, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=environment
        )
        async with asyncio.timeout(60):
            out, err = await process.communicate(data)
        return Done(process.returncode or 0, out.decode(), err.decode())


async def run_kubelet(store: Store) -> None:
    """Pods that are scheduled become ready; pods that are deleted go."""
    async with store.subscribe("pods") as changes:
        async for event in changes:
            meta = event.obj["metadata"]
            if event.type == "DELETED" or not event.obj["spec"].get("nodeName"):
                continue
            if "deletionTimestamp" in meta:
                store.finalize("pods", meta["namespace"], meta["name"], meta["uid"])
            elif event.obj["status"]["phase"] == "Pending":
                store.modify("pods", meta["namespace"], meta["name"], _start)


def _start(pod: Obj) -> None:
    running = {"running": {"startedAt": timestamp()}}
    pod["status"] |= {
        "phase": "Running",
        "podIP": "10.244.0.7",
        "podIPs": [{"ip": "10.244.0.7"}],
        "hostIP": "172.18.0.2",
        "startTime": timestamp(),
        "containerStatuses": [
            {"name": item["name"], "image": item["image"], "ready": True, "restartCount": 0, "state": running}
            for item in pod["spec"]["containers"]
        ],
    }
    set_condition(pod, "Ready", "True")


@pytest.fixture
async def kubectl(tmp_path: Path, kubectl_binary: str) -> AsyncIterator[Kubectl]:
    async with api_server() as server:
        for name in ("node-1", "node-2"):
            server.store.create("nodes", node(name))
        kubelet = asyncio.create_task(run_kubelet(server.store))
        write_kubeconfig(tmp_path / "config", server.credentials, server=server.url, sandbox="test")
        yield Kubectl(kubectl_binary, tmp_path / "config", tmp_path, server)
        kubelet.cancel()
        with suppress(asyncio.CancelledError):
            await kubelet
