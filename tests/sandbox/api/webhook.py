"""A real HTTPS server that answers AdmissionReviews, for tests."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trustme
from aiohttp import web

from probe.sandbox.store import Obj

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"


def denied(message: str = "not here", **status: Any) -> Obj:
    return {"allowed": False, "status": {"message": message, **status}}


class Webhook:
    """What the server answers, and what it was asked."""

    def __init__(self, url: str, ca: bytes) -> None:
        self.url, self.ca = url, ca
        self.asked: list[Obj] = []
        self.decide: Callable[[Obj], Any] = lambda request: {"allowed": True}
        self.hold: asyncio.Event | None = None
        self.arrived = asyncio.Event()

    async def serve(self, request: web.Request) -> web.Response:
        review = await request.json()
        self.asked.append(review["request"])
        self.arrived.set()
        if self.hold is not None:
            await self.hold.wait()
        response = self.decide(review["request"])
        if not isinstance(response, dict):
            return web.Response(body=response)
        kind = {key: review[key] for key in ("apiVersion", "kind")}
        return web.json_response({**kind, "response": {"uid": review["request"]["uid"], **response}})

    def configuration(self, *rules: Obj, name: str = "policy.example.com", **more: Any) -> Obj:
        """A ValidatingWebhookConfiguration that asks this server."""
        bundle = base64.b64encode(self.ca).decode()
        webhook = {
            "name": name,
            "clientConfig": {"url": self.url, "caBundle": bundle},
            "rules": rules or [rule("configmaps")],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            **more,
        }
        return {"metadata": {"name": name.partition(".")[0]}, "webhooks": [webhook]}


def rule(resources: str, operations: str = "*", groups: str = "*", **more: Any) -> Obj:
    return {
        "operations": operations.split(),
        "apiGroups": [groups],
        "apiVersions": ["v1"],
        "resources": resources.split(),
        **more,
    }


@asynccontextmanager
async def webhook_server() -> AsyncIterator[Webhook]:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    webhook = Webhook("", authority.cert_pem.bytes())
    app = web.Application()
    app.router.add_post("/validate", webhook.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    webhook.url = f"https://127.0.0.1:{runner.addresses[0][1]}/validate"
    try:
        yield webhook
    finally:
        await runner.cleanup()
