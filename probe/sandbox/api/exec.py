"""``pods/exec`` over WebSocket: v5.channel.k8s.io (with half-close of stdin) and v4.channel.k8s.io.

A binary message is a channel byte and data: 0 stdin, 1 stdout, 2 stderr, 3 the final Status, 4 terminal sizes; in v5
255 closes the channel that follows. Output is sent only as fast as the client takes it.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from probe.sandbox.api.admission.webhooks import Operation, ask
from probe.sandbox.api.auth.middleware import user_of
from probe.sandbox.api.context import Context
from probe.sandbox.api.errors import ApiError, bad_request
from probe.sandbox.api.forms import encode
from probe.sandbox.api.request import Target, flag
from probe.sandbox.runtime import ContainerNotRunning, ExecSession
from probe.sandbox.store import Obj

V5: Final = "v5.channel.k8s.io"
V4: Final = "v4.channel.k8s.io"

_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_CHUNK: Final = 32 * 1024
_MAX_MESSAGE: Final = 16 * 1024 * 1024


async def serve_exec(ctx: Context, target: Target, request: web.Request) -> web.StreamResponse:
    """Run the query's ``command`` in a container. Raises ApiError before the upgrade, NotFound."""
    query = request.query
    pod = ctx.store.get("pods", target.namespace, target.name or "")
    container = container_of(pod, query)
    argv = query.getall("command", [])
    if not argv:
        raise bad_request("you must specify at least one command")
    if not any(flag(query, stream) for stream in ("stdin", "stdout", "stderr")):
        raise bad_request("you must specify at least one of stdin, stdout, stderr")
    await _ask(ctx, target, request)
    socket = web.WebSocketResponse(protocols=(V5, V4), max_msg_size=_MAX_MESSAGE, compress=False, autoclose=False)
    upgrade = socket.can_prepare(request)
    if not upgrade.ok:
        # kubectl tries again like this after a refused WebSocket, and shows the last answer only: say what matters.
        if why := _not_running(pod, container):
            raise bad_request(why)
        raise bad_request(f"Upgrade request required: exec is served over WebSocket, as {V5} or {V4}")
    if upgrade.protocol is None:
        raise bad_request(f"exec is served with the subprotocols {V5} and {V4}")
    try:
        session = await ctx.runtime.exec(
            pod["metadata"]["uid"], container, argv, stdin=flag(query, "stdin"), tty=flag(query, "tty")
        )
    except ContainerNotRunning as error:
        raise ApiError(500, "InternalError", f"Internal error occurred: {error}") from None
    try:
        await socket.prepare(request)
        await _Stream(socket, session, query).run()
    finally:
        session.kill()
        await session.aclose()
    return socket


async def _ask(ctx: Context, target: Target, request: web.Request) -> None:
    """Webhooks may refuse a connection, too. Raises ApiError."""
    query = request.query
    options: Obj = {
        "kind": "PodExecOptions",
        "apiVersion": "v1",
        **{stream: True for stream in ("stdin", "stdout", "stderr", "tty") if flag(query, stream)},
        **({"container": query["container"]} if "container" in query else {}),
        "command": query.getall("command", []),
    }
    operation = Operation(
        "CONNECT",
        target.resource,
        user_of(request),
        options,
        subresource="exec",
        name=target.name or "",
        namespace=target.namespace or "",
        obj_kind=("", "v1", "PodExecOptions"),
    )
    await ask(ctx.store, operation)


class _Stream:
    def __init__(self, socket: web.WebSocketResponse, session: ExecSession, query: Mapping[str, str]) -> None:
        self._socket, self._session = socket, session
        self._wanted = {_STDOUT: flag(query, "stdout"), _STDERR: flag(query, "stderr")}
        self._half_close = socket.ws_protocol == V5

    async def run(self) -> None:
        """Until the command has ended and said everything, or the client has gone."""
        serving = asyncio.ensure_future(self._serve())
        listening = asyncio.ensure_future(self._listen())
        try:
            await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # The client left first: nobody is there to be told anything.
            for task in (serving, listening):
                task.cancel()
            results = await asyncio.gather(serving, listening, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ConnectionError):
                raise result

    async def _serve(self) -> None:
        session = self._session
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(_STDOUT, session.stdout))
            if session.stderr is not None:
                group.create_task(self._send(_STDERR, session.stderr))
        status = _exit_status(await session.wait())
        await self._socket.send_bytes(bytes([_ERROR]) + encode(status))
        await self._socket.close(code=WSCloseCode.OK)

    async def _send(self, channel: int, reader: asyncio.StreamReader) -> None:
        head = bytes([channel])
        with suppress(ConnectionError):  # the client has gone, as the listening side is about to find out
            while data := await reader.read(_CHUNK):
                if self._wanted[channel]:
                    await self._socket.send_bytes(head + data)

    async def _listen(self) -> None:
        """The client's messages, until it closes."""
        while True:
            message = await self._socket.receive()
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return
            data = message.data.encode() if isinstance(message.data, str) else message.data
            if data:
                await self._handle(data[0], data[1:])

    async def _handle(self, channel: int, data: bytes) -> None:
        stdin = self._session.stdin
        if channel == _STDIN and stdin is not None and data:
            try:
                stdin.write(data)
                await stdin.drain()
            except ConnectionError:
                return  # the command reads no more; it may still write
        elif channel == _RESIZE:
            self._resize(data)
        elif channel == _CLOSE and self._half_close and data[:1] == bytes([_STDIN]) and stdin is not None:
            stdin.close()

    def _resize(self, data: bytes) -> None:
        try:
            size: Any = json.loads(data)
            self._session.resize(int(size["Height"]), int(size["Width"]))
        except (ValueError, KeyError, TypeError):
            return  # a terminal of unknown size is no reason to end a command


def container_of(pod: Obj, query: Mapping[str, str]) -> str:
    """The container that a request means. Raises ApiError 400."""
    names: list[str] = [container["name"] for container in pod["spec"]["containers"]]
    everything = names + [container["name"] for container in pod["spec"].get("initContainers", ())]
    name = pod["metadata"]["name"]
    asked = query.get("container", "")
    if not asked:
        if len(names) == 1:
            return names[0]
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{' '.join(names)}]")
    if asked not in everything:
        raise bad_request(f"container {asked} is not valid for pod {name}")
    return asked


def _not_running(pod: Obj, container: str) -> str:
    """Why, by the pod's status, nothing can be run in the container; empty when it seems to run."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    for entry in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        if entry["name"] == container and "running" not in (entry.get("state") or {}):
            state, found = next(iter((entry.get("state") or {"waiting": {}}).items()))
            return f'container "{container}" in pod "{name}" is not running: {found.get("reason") or state}'
    return "" if pod["spec"].get("nodeName") else f"pod {name} does not have a host assigned"


def _exit_status(code: int) -> Obj:
    status: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
    if code == 0:
        return {**status, "status": "Success"}
    return {
        **status,
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: {_said(code)}",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _said(code: int) -> str:
    try:
        return f"exit status {code} ({signal.Signals(code - 128).name})" if code > 128 else f"exit status {code}"
    except ValueError:
        return f"exit status {code}"
