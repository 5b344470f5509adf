"""pods/exec over WebSocket, with real processes behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from probe.sandbox.api.exec import V4, V5
from tests.sandbox.api.local_runtime import LocalSession
from tests.sandbox.api.server import PODS, Server, pod

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


class Exec:
    """The client's side: what arrived on each channel."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.received: dict[int, bytes] = {STDOUT: b"", STDERR: b"", ERROR: b""}

    async def send(self, channel: int, data: bytes) -> None:
        await self.socket.send_bytes(bytes([channel]) + data)

    async def until(self, text: bytes, channel: int = STDOUT) -> None:
        """Read until the text is there."""
        async with asyncio.timeout(60):
            while text not in self.received[channel]:
                assert await self._read(), f"the stream ended: {self.received}"

    async def finish(self) -> dict[str, Any]:
        """Read to the end; the final Status."""
        async with asyncio.timeout(60):
            while await self._read():
                pass
        assert self.socket.close_code == 1000
        status: dict[str, Any] = json.loads(self.received[ERROR])
        return status

    async def _read(self) -> bool:
        message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            return False
        self.received[message.data[0]] += message.data[1:]
        return True


@pytest.fixture
async def execs(server: Server) -> Any:
    await server.client.post(PODS, pod(nodeName="n1"))

    @asynccontextmanager
    async def start(*command: str, protocol: str = V5, streams: str = "stdin stdout stderr") -> AsyncIterator[Exec]:
        query = [("command", part) for part in command] + [(name, "true") for name in streams.split()]
        async with server.client.http.ws_connect(
            f"{PODS}/backend/exec", params=query, protocols=(protocol,), max_msg_size=0
        ) as socket:
            assert socket.protocol == protocol
            yield Exec(socket)

    return start


@pytest.fixture(params=[V5, V4])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_streams_arrive_apart_and_success_is_said(execs: Any, protocol: str) -> None:
    async with execs("sh", "-c", "echo out; echo err >&2", protocol=protocol) as running:
        status = await running.finish()
        assert (status["kind"], status["status"]) == ("Status", "Success")
        assert (running.received[STDOUT], running.received[STDERR]) == (b"out\n", b"err\n")


@pytest.mark.parametrize(("command", "code"), [("exit 3", "3"), ("kill -9 $$", "137"), ("exit 255", "255")])
async def test_an_exit_code_is_a_cause(execs: Any, protocol: str, command: str, code: str) -> None:
    async with execs("sh", "-c", command, protocol=protocol) as running:
        status = await running.finish()
        assert (status["status"], status["reason"]) == ("Failure", "NonZeroExitCode")
        assert status["details"]["causes"] == [{"reason": "ExitCode", "message": code}]


async def test_stdin_is_a_conversation(execs: Any, protocol: str) -> None:
    async with execs("cat", protocol=protocol) as running:
        for text in (b"one\n", b"two\n"):
            await running.send(STDIN, text)
            await running.until(text)


async def test_the_end_of_stdin_reaches_the_command_in_v5(execs: Any) -> None:
    async with execs("sort") as running:
        await running.send(STDIN, b"b\na\n")
        await running.send(CLOSE, bytes([STDIN]))
        assert (await running.finish())["status"] == "Success"
        assert running.received[STDOUT] == b"a\nb\n"


async def test_in_v4_there_is_no_half_close(execs: Any) -> None:
    async with execs("cat", protocol=V4) as running:
        await running.send(CLOSE, bytes([STDIN]))
        await running.send(STDIN, b"still there\n")
        await running.until(b"still there\n")


async def test_large_output_arrives_whole(execs: Any, protocol: str) -> None:
    async with execs("head", "-c", "5000000", "/dev/zero", protocol=protocol) as running:
        assert (await running.finish())["status"] == "Success"
        assert running.received[STDOUT] == bytes(5_000_000)


async def test_large_input_arrives_whole(execs: Any) -> None:
    async with execs("wc", "-c") as running:
        for _ in range(50):
            await running.send(STDIN, bytes(100_000))
        await running.send(CLOSE, bytes([STDIN]))
        await running.finish()
        assert running.received[STDOUT].strip() == b"5000000"


async def test_a_command_that_reads_nothing_does_not_stall_the_client(execs: Any) -> None:
    async with execs("sh", "-c", "exec <&-; echo ready; sleep 0.2; echo done") as running:
        await running.until(b"ready")
        for _ in range(20):
            await running.send(STDIN, bytes(50_000))
        assert (await running.finish())["status"] == "Success"


async def test_only_the_streams_asked_for_are_sent(execs: Any) -> None:
    async with execs("sh", "-c", "echo out; echo err >&2", streams="stdout") as running:
        await running.finish()
        assert (running.received[STDOUT], running.received[STDERR]) == (b"out\n", b"")


async def test_a_terminal_has_a_size_and_one_stream(execs: Any) -> None:
    async with execs("sh", "-c", "read x; stty size; echo err >&2", streams="stdin stdout tty") as running:
        await running.send(RESIZE, b'{"Width":100,"Height":33}')
        await running.send(RESIZE, b"nonsense")
        await running.send(STDIN, b"\n")
        assert (await running.finish())["status"] == "Success"
        assert b"33 100" in running.received[STDOUT]
        assert b"err" in running.received[STDOUT]


async def ended(session: LocalSession) -> None:
    async with asyncio.timeout(60):
        while not session.closed:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("polite", [True, False])
async def test_when_the_client_goes_the_command_is_killed(server: Server, execs: Any, polite: bool) -> None:
    async with execs("sh", "-c", "echo $$; exec sleep 1000") as running:
        await running.until(b"\n")
        session = server.runtime.sessions[0]
        if not polite:
            transport = running.socket._writer.transport
            assert transport is not None
            transport.abort()
    await ended(session)
    assert session.process.returncode == -9


async def test_a_client_that_reads_nothing_does_not_fill_the_server(server: Server, execs: Any) -> None:
    async with execs("sh", "-c", "yes; echo never") as running:
        await running.until(b"y")
        session = server.runtime.sessions[0]
        # The pipe, the sockets and the server's buffers are full long before: `yes` must be waiting.
        async with asyncio.timeout(60):
            while not await _is_idle(session.process.pid):
                pass
        assert session.process.returncode is None
    await ended(session)


async def _is_idle(pid: int) -> bool:
    """Whether the children of a process use no processor: they wait for their output to be taken."""
    before = _ticks(pid)
    await asyncio.sleep(0.2)
    return bool(before) and _ticks(pid) == before


def _ticks(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    found = []
    for child in children:
        with open(f"/proc/{child}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        found.append(int(fields[11]) + int(fields[12]))
    return found


async def test_the_server_ends_while_a_command_runs(server: Server, execs: Any) -> None:
    """Nothing to assert but the fixtures' own end: it would hang on a command that nobody stops."""
    async with execs("sleep", "1000") as running:
        await running.send(STDIN, b"x")


@pytest.mark.parametrize(
    ("query", "code", "said"),
    [
        ("command=true&stdout=1&container=nothing", 400, "container nothing is not valid for pod backend"),
        ("stdout=1", 400, "at least one command"),
        ("command=true", 400, "at least one of stdin, stdout, stderr"),
    ],
)
async def test_what_cannot_run_is_refused_before_the_upgrade(
    server: Server, execs: Any, query: str, code: int, said: str
) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.client.http.ws_connect(f"{PODS}/backend/exec?{query}", protocols=(V5,))
    assert refused.value.status == code
    answer = await server.client.get(f"{PODS}/backend/exec?{query}")
    assert (answer.body["kind"], answer.code) == ("Status", code)
    assert said in answer.body["message"]


async def test_no_pod_no_upgrade_no_protocol_no_container(server: Server, execs: Any) -> None:
    query = "exec?command=true&stdout=1"
    assert (await server.client.get(f"{PODS}/nobody/{query}")).code == 404
    assert "Upgrade request required" in (await server.client.get(f"{PODS}/backend/{query}")).body["message"]
    assert (await server.client.post(f"{PODS}/backend/{query}", {})).code == 400
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.client.http.ws_connect(f"{PODS}/backend/{query}", protocols=("v1.channel.k8s.io",))
    assert refused.value.status == 400
    server.runtime.stopped.add(server.store.get("pods", "default", "backend")["metadata"]["uid"])
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.client.http.ws_connect(f"{PODS}/backend/{query}", protocols=(V5,))
    assert refused.value.status == 500
