"""A real API server over TLS on loopback, with its controllers, for tests."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from probe.model.cell import Family
from probe.sandbox.api.app import serve
from probe.sandbox.api.credentials import Credentials
from probe.sandbox.api.resources import SERVED, Served
from probe.sandbox.api.tokens import Tokens
from probe.sandbox.controllers.run import run_controllers
from probe.sandbox.store import Obj, Store
from tests.sandbox.api.local_runtime import LocalRuntime

PODS = "/api/v1/namespaces/default/pods"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"
SERVICES = "/api/v1/namespaces/default/services"
NAMESPACES = "/api/v1/namespaces"

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


@dataclass(slots=True)
class Reply:
    """An answer: HTTP status, JSON body, and warnings."""

    code: int
    body: Any
    warnings: list[str] = field(default_factory=list)


class Client:
    """Plain requests with the right token; for what the official client hides."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        kind: str = "",
        user: str = "",
        **query: str,
    ) -> Reply:
        """``user``: in whose name."""
        headers = {"Content-Type": kind or "application/json"} if body is not None else {}
        if user:
            headers["Impersonate-User"] = user
        data = body if isinstance(body, str | bytes | None) else json.dumps(body)
        async with self.http.request(method, path, data=data, params=query, headers=headers) as response:
            text = await response.text()
            parsed = json.loads(text) if "json" in response.content_type else text
            return Reply(response.status, parsed, response.headers.getall("Warning", []))

    async def get(self, path: str, **query: str) -> Reply:
        return await self.request("GET", path, None, **query)

    async def post(self, path: str, body: Any, **query: str) -> Reply:
        return await self.request("POST", path, body, **query)

    async def put(self, path: str, body: Any, **query: str) -> Reply:
        return await self.request("PUT", path, body, **query)

    async def patch(self, path: str, body: Any, kind: str = MERGE, **query: str) -> Reply:
        return await self.request("PATCH", path, body, kind=kind, **query)

    async def delete(self, path: str, body: Any = None, **query: str) -> Reply:
        return await self.request("DELETE", path, body, **query)

    async def apply(self, path: str, body: Any, manager: str = "me", **query: str) -> Reply:
        return await self.patch(path, body, APPLY, fieldManager=manager, **query)


@dataclass(frozen=True, slots=True)
class Server:
    """The server under test and its parts."""

    store: Store
    runtime: LocalRuntime
    credentials: Credentials
    tokens: Tokens
    url: str
    client: Client


@asynccontextmanager
async def api_server(
    families: tuple[Family, ...] = (Family.IPV4, Family.IPV6),
    history: int = 5000,
    bookmark_seconds: float = 30.0,
    served: Served = SERVED,
) -> AsyncIterator[Server]:
    """A cluster without nodes; its first namespaces are complete."""
    store, runtime, credentials = Store(history), LocalRuntime(), Credentials.make()
    tokens = Tokens(store, credentials.token)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    api = await serve(
        store,
        runtime,
        listeners=[listener],
        ssl_context=credentials.server_context(),
        tokens=tokens,
        families=families,
        bookmark_seconds=bookmark_seconds,
        served=served,
    )
    controllers = asyncio.create_task(run_controllers(store, ca=credentials.ca.decode()))
    connector = aiohttp.TCPConnector(ssl=credentials.client_context())
    headers = {"Authorization": f"Bearer {credentials.token}"}
    try:
        async with aiohttp.ClientSession(url, connector=connector, headers=headers) as http:
            await until(store, "serviceaccounts", lambda: store.find("serviceaccounts", "default", "default"))
            yield Server(store, runtime, credentials, tokens, url, Client(http))
    finally:
        await api.close()
        controllers.cancel()
        with suppress(asyncio.CancelledError):
            await controllers


async def until(store: Store, resource: str, done: Any) -> Any:
    """Wait for a condition that changes of a resource can bring about."""
    async with asyncio.timeout(60), store.subscribe(resource) as changes:
        while not (value := done()):
            await changes.batch()
        return value


def pod(name: str = "backend", **spec: Any) -> Obj:
    """A pod that any cluster accepts."""
    containers = [{"name": "agent", "image": "cni-probe-agent:1", "ports": [{"containerPort": 80}]}]
    meta = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers, **spec}}


def configmap(name: str = "settings", **data: str) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def policy(name: str = "deny", **spec: Any) -> Obj:
    """A NetworkPolicy for all pods; denies ingress unless told otherwise."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {}, **spec},
    }


def service(name: str = "web", **spec: Any) -> Obj:
    ports = [{"port": 80}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    }


def node(name: str, **spec: Any) -> Obj:
    labels = {"kubernetes.io/hostname": name}
    ready = {"type": "Ready", "status": "True"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": {"conditions": [ready]},
    }
