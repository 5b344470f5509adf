"""``pods/exec`` as a duplex of bytes: the way to an agent that no NetworkPolicy can cut.

Channels 0 to 3 are demultiplexed here (the client's own call merges stdout with stderr and loses the exit code).
Protocol: v4.channel.k8s.io, see the WebSocket section of the Kubernetes API reference of ``pods/exec``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import aiohttp

from probe.cluster.api import Api, ApiError, HandshakeRefused, Unreachable
from probe.cluster.apierrors import api_error
from probe.cluster.traffic import Traffic
from probe.model.errors import ClusterError

_STDIN, _STDOUT, _STDERR, _ERROR = 0, 1, 2, 3
_MAX_STDERR = 4096
_MAX_FRAME = 64 * 1024
_CLOSE_SECONDS = 2.0
_PROTOCOLS = ("v4.channel.k8s.io",)
"""What every API server and kubelet speaks. v5 only adds the half-close of stdin, which nothing here needs."""
_RESTARTING = (502, 503, 504)
_KUBELET_FAULT = 500
_KUBELET_PAUSES = (0.1, 0.2, 0.4, 0.8)
"""Seconds between tries: a kubelet may not know a container yet that the API already calls running. One that cannot be
reached is answered for with the same status, so that these tries are few."""
_NO_UPGRADE = (101, 200, 204, 301, 302, 303, 307, 308, 405, 426, 501)
"""Statuses of who does not open WebSockets: an API server answers 101, or an error with a reason."""


class ExecRefused(ApiError):
    """No stream was opened; ``code`` is the HTTP status of the answer, whatever it was."""


class NoUpgrade(ExecRefused):
    """Something between us and the API server does not let WebSockets through."""


class ExecStream:
    """One running command in a container. Implements ``cluster.duplex.Duplex``. ``traffic`` counts its bytes."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, what: str, traffic: Traffic) -> None:
        self._socket = socket
        self._what = what
        self._traffic = traffic
        self._stderr = b""
        self._end = ""
        self.exit_code: int | None = None

    async def read(self) -> bytes:
        """The next piece of stdout; empty when the command or the stream has ended."""
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY and message.data:
                self._traffic.received += len(message.data)
                channel, data = message.data[0], message.data[1:]
                if channel == _STDOUT and data:
                    return bytes(data)
                if channel == _STDERR:
                    self._stderr = (self._stderr + data)[-_MAX_STDERR:]
                elif channel == _ERROR:
                    self.exit_code, self._end = _status(data)
            elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
                return b""
            elif message.type is aiohttp.WSMsgType.ERROR:
                self._end = self._end or f"stream broke: {self._socket.exception()}"
                return b""

    async def write(self, data: bytes) -> None:
        """Send to stdin. Raises ClusterError when the stream is gone."""
        try:
            for start in range(0, len(data), _MAX_FRAME):
                piece = bytes([_STDIN]) + data[start : start + _MAX_FRAME]
                await self._socket.send_bytes(piece)
                self._traffic.sent += len(piece)
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
        return "; ".join(part for part in (self._end, self.stderr) if part)

    @property
    def stderr(self) -> str:
        """The end of what the command has written to stderr so far."""
        return self._stderr.decode(errors="replace").strip()


async def exec_stream(
    api: Api, namespace: str, pod: str, container: str, argv: Sequence[str], *, stdin: bool = True
) -> ExecStream:
    """Start ``argv`` in a container, with stdin (unless told not to), stdout and stderr attached.

    Tries again while the server is busy.

    Raises NoUpgrade when something on the way does not open WebSockets, ExecRefused for another refusal, ClusterError.
    """
    what = f"exec in {namespace}/{pod}"
    query: list[tuple[str, str]] = [("container", container)]
    query += [(stream, "true") for stream in ("stdin", "stdout", "stderr")[not stdin :]]
    query += [("command", word) for word in argv]
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec?{urlencode(query)}"
    tries, pauses = api.tries(), iter(_KUBELET_PAUSES)
    while True:
        try:
            return ExecStream(await api.websocket(path, _PROTOCOLS), what, api.exec_traffic)
        except HandshakeRefused as refusal:
            refused = _refused(what, refusal)
        except Unreachable as error:
            raise ClusterError(f"{what} failed: {error}") from error
        pause = next(pauses, None) if refused.code == _KUBELET_FAULT else None
        if refused.code in _RESTARTING:
            await tries.pause_after(refused)
        elif pause is not None:
            await asyncio.sleep(pause)
        else:
            raise refused


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command in a container ended. ``code`` None: it never got as far as an exit code; ``why`` says what did."""

    code: int | None
    stdout: bytes
    stderr: str
    why: str


async def run_in_pod(
    api: Api, namespace: str, pod: str, container: str, argv: Sequence[str], *, timeout: float = 30.0
) -> Ran:
    """Run a command to its end, without stdin. Raises as ``exec_stream`` does, and ClusterError when it is late."""
    output = b""
    try:
        async with asyncio.timeout(timeout):
            stream = await exec_stream(api, namespace, pod, container, argv, stdin=False)
            try:
                while piece := await stream.read():
                    output += piece
            finally:
                await stream.aclose()
    except TimeoutError:
        raise ClusterError(f"exec in {namespace}/{pod} did not end within {timeout:g} s") from None
    return Ran(stream.exit_code, output, stream.stderr, stream.why())


def _refused(what: str, refusal: HandshakeRefused) -> ExecRefused:
    """Why no stream was opened: the server's words, and what they mean."""
    code, answer = refusal.status, api_error("", refusal.status, refusal.text, refusal.retry_after)
    said = str(answer).removeprefix(str(code)).strip()
    wait, reason = (answer.wait, answer.reason) if isinstance(answer, ApiError) else (None, "")
    if code in _NO_UPGRADE or (code == 400 and "upgrade" in said.lower()):
        text = (
            f"{what} was answered without opening a stream ({code} {said}): a proxy or load balancer before the API "
            "server does not pass WebSocket upgrades; allow them there, or go around it (kubeconfig's server and "
            "proxy-url, $NO_PROXY)"
        )
        return NoUpgrade("", code, reason, text, wait)
    hint = "; the user needs the verbs get and create on pods/exec" if code == 403 else ""
    return ExecRefused("", code, reason, f"{what} was refused: {code} {said}{hint}", wait)


def _status(data: bytes) -> tuple[int | None, str]:
    """A Status of the error channel as exit code and text: 0 and nothing for success."""
    try:
        status = json.loads(data)
        if status.get("status") == "Success":
            return 0, ""
        causes = (status.get("details") or {}).get("causes") or ()
        codes = [int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"]
        return (codes[0] if codes else None), str(status.get("message", "failed"))
    except (ValueError, AttributeError, KeyError, TypeError):
        return None, data.decode(errors="replace").strip()
