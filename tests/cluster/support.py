"""An API server that answers everything as a test wants it to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

from aiohttp import web

from probe.cluster.api import Api
from probe.cluster.connect import connect

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


def kubeconfig(directory: Path, cluster: dict[str, str]) -> Path:
    path = directory / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(config))
    return path


@asynccontextmanager
async def serving(directory: Path, answer: Answer, timeout: float = 5.0) -> AsyncIterator[Api]:
    """A connection to a server that answers everything with ``answer``."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        path = kubeconfig(directory, {"server": f"http://{host}:{port}"})
        async with connect(str(path), request_timeout=timeout) as api:
            yield api
    finally:
        await runner.cleanup()
