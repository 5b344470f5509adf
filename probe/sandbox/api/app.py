"""The API server as an aiohttp application: routes, authentication, and errors as Status."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from probe.model.cell import Family
from probe.sandbox.api.auth.bootstrap import create_first_roles
from probe.sandbox.api.auth.middleware import Handler, access
from probe.sandbox.api.auth.rbac import Rbac
from probe.sandbox.api.context import CONTEXT, Context
from probe.sandbox.api.discovery import serve_group, serve_resources, serve_root, version
from probe.sandbox.api.errors import ApiError, from_store, method_not_allowed, no_such_path
from probe.sandbox.api.handlers import answer, serve_resource
from probe.sandbox.api.openapi import serve_openapi_index, serve_openapi_v2, serve_openapi_v3
from probe.sandbox.api.outage import ApiServer
from probe.sandbox.api.request import MAX_BODY
from probe.sandbox.api.resources import SERVED, Served
from probe.sandbox.api.rules.classes import create_first_classes
from probe.sandbox.api.tokens import Tokens
from probe.sandbox.runtime import Runtime
from probe.sandbox.store import Store, StoreError

_LOG: Final = logging.getLogger(__name__)


async def serve(
    store: Store,
    runtime: Runtime,
    *,
    listeners: Sequence[socket.socket],
    ssl_context: ssl.SSLContext,
    tokens: Tokens,
    families: tuple[Family, ...] = (Family.IPV4,),
    bookmark_seconds: float = 30.0,
    served: Served = SERVED,
) -> ApiServer:
    """Serve the API on listening sockets."""
    create_first_roles(store)
    create_first_classes(store)
    server = ApiServer(listeners, ssl_context)
    app = make_app(Context(store, runtime, tokens, Rbac(store), families, bookmark_seconds, served), server.is_there)
    # A vanished client cancels its handler: that is how its watches and its exec'd processes end.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    await server.serve(runner)
    return server


def make_app(ctx: Context, *first: Middleware) -> web.Application:
    """The application, without a socket. Requests go through the ``first`` middlewares before its own."""
    app = web.Application(middlewares=[*first, _errors, access], client_max_size=MAX_BODY)
    app[CONTEXT] = ctx
    for path in ("/healthz", "/livez", "/readyz"):
        app.router.add_get(path, _healthy)
    app.router.add_get("/version", _version)
    app.router.add_get("/openapi/v2", serve_openapi_v2)
    app.router.add_get("/openapi/v3", serve_openapi_index)
    app.router.add_get("/openapi/v3/{path:.+}", serve_openapi_v3)
    for path in ("/api", "/api/", "/apis", "/apis/"):
        app.router.add_get(path, serve_root)
    app.router.add_get("/apis/{group}", serve_group)
    app.router.add_get("/api/{version}", serve_resources)
    app.router.add_get("/apis/{group}/{version}", serve_resources)
    app.router.add_route("*", "/api/{version}/{rest:.+}", serve_resource)
    app.router.add_route("*", "/apis/{group}/{version}/{rest:.+}", serve_resource)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong is told as a Status."""
    try:
        return await handler(request)
    except ApiError as error:
        refusal = error
    except StoreError as error:
        refusal = from_store(error)
    except web.HTTPMethodNotAllowed:
        refusal = method_not_allowed()
    except web.HTTPNotFound:
        refusal = no_such_path()
    except web.HTTPRequestEntityTooLarge:
        refusal = ApiError(413, "RequestEntityTooLarge", f"the request is larger than {MAX_BODY} bytes")
    except Exception as error:
        _LOG.exception("%s %s failed", request.method, request.path)
        if request.writer.output_size:
            raise  # a stream has begun: all that is left to say is to hang up
        refusal = ApiError(500, "InternalError", f"Internal error occurred: {error!r}")
    return answer(refusal.status, refusal.code)


async def _healthy(request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _version(request: web.Request) -> web.Response:
    return answer(version())
