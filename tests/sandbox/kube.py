"""A client for tests of the sandbox: the API as it is on the wire, with exec over a WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

Json = dict[str, Any]
AGENT = ["python3", "-m", "cni_probe_agent"]
EXTERNAL = "/apis/sandbox.cni-probe.dev/v1"


@dataclass(frozen=True)
class Done:
    """How an exec ended."""

    code: int
    stdout: str
    stderr: str


@dataclass
class Kube:
    """One connection to a sandbox."""

    http: aiohttp.ClientSession
    server: str
    events: list[Json] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def connect(cls, kubeconfig: Path) -> AsyncIterator[Kube]:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        connector = aiohttp.TCPConnector(ssl=trust, limit=0)
        headers = {"Authorization": f"Bearer {user['token']}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
            yield cls(http, cluster["server"])

    async def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """One request; the object, or the Status when it is refused."""
        async with self.http.request(method, self.server + path, json=body) as response:
            answer: Json = await response.json()
            return answer

    async def ok(self, method: str, path: str, body: Json | None = None) -> Json:
        """One request that has to succeed."""
        answer = await self.call(method, path, body)
        assert answer.get("status") != "Failure", answer
        return answer

    async def wait(self, path: str, condition: Callable[[Json], object], seconds: float = 60) -> Json:
        """The object, once the condition holds."""
        answer: Json = {}
        try:
            async with asyncio.timeout(seconds):
                while not condition(answer := await self.call("GET", path)):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{path} did not get there: {json.dumps(answer, indent=1)}") from None
        return answer

    async def pod(self, namespace: str, name: str, *ports: str, wait: bool = True, **changes: Any) -> Json:
        """A pod with an agent that serves ``ports``; ``changes`` to the pod's spec, ``container`` to its container."""
        manifest = agent_pod(name, ports, **changes)
        await self.ok("POST", f"/api/v1/namespaces/{namespace}/pods", manifest)
        return await self.ready(namespace, name) if wait else manifest

    async def ready(self, namespace: str, name: str) -> Json:
        """The pod, once it is Ready."""
        return await self.wait(pod_path(namespace, name), is_ready)

    async def exec(
        self, namespace: str, pod: str, *argv: str, stdin: bytes | None = None, tty: bool = False, resize: str = ""
    ) -> Done:
        """Run a command in a pod's agent container. With ``stdin`` None none is attached."""
        query = [("container", "agent"), ("stdout", "true"), ("stderr", str(not tty).lower())]
        query += [("command", word) for word in argv] + [("tty", str(tty).lower())]
        query += [("stdin", "true")] if stdin is not None else []
        url = f"{self.server}{pod_path(namespace, pod)}/exec"
        streams = {1: b"", 2: b"", 3: b""}
        async with self.http.ws_connect(url, params=query, protocols=["v5.channel.k8s.io"]) as socket:
            if resize:
                await socket.send_bytes(b"\x04" + resize.encode())
            if stdin is not None:
                await socket.send_bytes(b"\x00" + stdin)
                await socket.send_bytes(b"\xff\x00")  # v5: close channel 0
            async for message in socket:
                assert message.type is aiohttp.WSMsgType.BINARY
                streams[message.data[0]] += message.data[1:]
        return Done(exit_code(json.loads(streams[3])), streams[1].decode(), streams[2].decode())

    async def dial(self, namespace: str, pod: str, address: str, port: str) -> str:
        """What an agent says after trying one target: ``connected 10.0.0.1 80/TCP in ...``."""
        return (await self.exec(namespace, pod, *AGENT, "dial", address, port)).stdout.strip()


def pod_path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def exit_code(status: Json) -> int:
    """From the Status that ends an exec."""
    if status["status"] == "Success":
        return 0
    causes = {cause["reason"]: cause["message"] for cause in (status.get("details") or {}).get("causes", [])}
    assert "ExitCode" in causes, status
    return int(causes["ExitCode"])


def is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", []) if isinstance(pod.get("status"), dict) else []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def ip(pod: Json, index: int = 0) -> str:
    address: str = pod["status"]["podIPs"][index]["ip"]
    return address


def agent_pod(name: str, ports: Sequence[str], container: Json | None = None, **spec: Any) -> Json:
    agent: Json = {
        "name": "agent",
        "image": "cni-probe-agent:test",
        "command": [*AGENT, "serve", *(word for port in ports for word in ("--port", port))],
        "env": [{"name": "CNI_PROBE_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}}],
        "readinessProbe": {"exec": {"command": [*AGENT, "ready"]}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "control", "mountPath": "/run/cni-probe"}],
    }
    sysctl = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"sysctls": [sysctl]},
            "volumes": [{"name": "control", "emptyDir": {}}],
            "containers": [agent | (container or {})],
        }
        | spec,
    }
