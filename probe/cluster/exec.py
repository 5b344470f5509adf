"""``pods/exec`` as a duplex of bytes: the way to an agent that no NetworkPolicy can cut.

Channels 0 to 3 are demultiplexed here (the client's own call merges stdout with stderr and loses the exit code).
Protocol: v4.channel.k8s.io, see the WebSocket section of the Kubernetes API reference of ``pods/exec``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from urllib.parse import quote, urlencode

import aiohttp

from probe.cluster.api import Api
from probe.model.errors import ClusterError

_STDIN, _STDOUT, _STDERR, _ERROR = 0, 1, 2, 3
_MAX_STDERR = 4096
_MAX_FRAME = 64 * 1024
_CLOSE_SECONDS = 2.0
_LATER_STATUSES = (429, 500, 502, 503, 504)
_LATER_PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between tries: a kubelet may not know a container yet that the API already calls running (status 500)."""


class ExecStream:
    """One running command in a container. Implements ``cluster.duplex.Duplex``."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, what: str) -> None:
        self._socket = socket
        self._what = what
        self._stderr = b""
        self._end = ""

    async def read(self) -> bytes:
        """The next piece of stdout; empty when the command or the stream has ended."""
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY and message.data:
                channel, data = message.data[0], message.data[1:]
                if channel == _STDOUT and data:
                    return bytes(data)
                if channel == _STDERR:
                    self._stderr = (self._stderr + data)[-_MAX_STDERR:]
                elif channel == _ERROR:
                    self._end = _status_text(data)
            elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
                return b""
            elif message.type is aiohttp.WSMsgType.ERROR:
                self._end = self._end or f"stream broke: {self._socket.exception()}"
                return b""

    async def write(self, data: bytes) -> None:
        """Send to stdin. Raises ClusterError when the stream is gone."""
        try:
            for start in range(0, len(data), _MAX_FRAME):
                await self._socket.send_bytes(bytes([_STDIN]) + data[start : start + _MAX_FRAME])
        except (ConnectionError, aiohttp.ClientError, RuntimeError) as error:
            raise ClusterError(f"{self._what}: stream is closed: {self.why() or error}") from error

    async def aclose(self) -> None:
        """Close the stream; the command's stdin ends with it."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._socket.close()
        except TimeoutError:
            pass  # the peer does not answer the closing handshake: the connection is dropped all the same

    def why(self) -> str:
        """What the command or the server said about the end so far: its Status and its stderr."""
        stderr = self._stderr.decode(errors="replace").strip()
        return "; ".join(part for part in (self._end, stderr) if part)


async def exec_stream(api: Api, namespace: str, pod: str, container: str, argv: Sequence[str]) -> ExecStream:
    """Start ``argv`` in a container, with stdin, stdout and stderr attached; tries again while the server is busy.

    Raises ClusterError.
    """
    what = f"exec in {namespace}/{pod}"
    query: list[tuple[str, str]] = [("container", container)]
    query += [(stream, "true") for stream in ("stdin", "stdout", "stderr")]
    query += [("command", word) for word in argv]
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec?{urlencode(query)}"
    for pause in (*_LATER_PAUSES, None):
        try:
            return ExecStream(await _connect(api, path), what)
        except aiohttp.WSServerHandshakeError as error:
            if pause is None or error.status not in _LATER_STATUSES:
                hint = "; the user needs the verbs get and create on pods/exec" if error.status == 403 else ""
                raise ClusterError(f"{what} was refused: {error.status} {error.message}{hint}") from error
            await asyncio.sleep(pause)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ClusterError(f"{what} failed: {error}") from error
    raise AssertionError("unreachable: the last try returns or raises")


async def _connect(api: Api, path: str) -> aiohttp.ClientWebSocketResponse:
    client = api.websockets
    _, url, headers, _, _ = await client.param_serialize(
        method="GET", resource_path=path, header_params={}, auth_settings=["BearerToken"]
    )
    socket: aiohttp.ClientWebSocketResponse = await (
        await client.request("GET", url, headers=headers, _preload_content=False)
    )
    return socket


def _status_text(data: bytes) -> str:
    """A Status of the error channel as text: empty for success."""
    try:
        status = json.loads(data)
        return "" if status.get("status") == "Success" else str(status.get("message", "failed"))
    except ValueError:
        return data.decode(errors="replace").strip()
