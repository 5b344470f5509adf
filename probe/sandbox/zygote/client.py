"""The sandbox's side of the zygote: containers and execs as awaitable processes."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from typing import Any

from probe.model.errors import SandboxError
from probe.sandbox.descriptors import readable, writable
from probe.sandbox.zygote.protocol import ContainerProcess, ExecProcess, Packet, Refusal, receive, send


class ProcessRefused(Exception):
    """A process could not be started; the message is the reason, ``exit_code`` what a shell would have said."""

    def __init__(self, refusal: Refusal) -> None:
        self.exit_code = refusal.exit_code
        super().__init__(refusal.message)


class Process:
    """A process that the zygote forked."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd: int | None = pidfd
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def pidfd(self) -> int:
        """Names the process for good, unlike its pid. Raises ProcessLookupError when it has ended."""
        if self._pidfd is None:
            raise ProcessLookupError(self.pid)
        return self._pidfd

    @property
    def exit_code(self) -> int | None:
        """None while it runs; ``128 + N`` when signal N ended it."""
        return self._exit.result() if self._exit.done() else None

    async def wait(self) -> int:
        """The exit code."""
        return await asyncio.shield(self._exit)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; no effect when it has ended."""
        if self._pidfd is not None:
            try:
                signal.pidfd_send_signal(self._pidfd, number)
            except ProcessLookupError:
                return  # a zombie that is about to be reported

    def ended(self, code: int) -> None:
        """Called by the client only."""
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        if not self._exit.done():
            self._exit.set_result(code)


class ZygoteClient:
    """Asks the zygote for processes. ``run`` has to be running; it fails when the zygote dies."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Process]] = {}
        self._processes: dict[int, Process] = {}
        self._sending = asyncio.Lock()

    async def start(self, process: ContainerProcess, *, netns: int, output: int) -> Process:
        """Start a container in a network namespace. Does not close the file descriptors it is given.

        Raises `ProcessRefused`.
        """
        return await self._ask("start", asdict(process), (netns, output))

    async def exec(self, process: ExecProcess, container: Process, stdio: tuple[int, int, int]) -> Process:
        """Start a process in a running container's namespaces. Does not close the file descriptors it is given.

        Raises `ProcessRefused`; ProcessLookupError when the container has ended.
        """
        return await self._ask("exec", asdict(process), (container.pidfd, *stdio))

    async def _ask(self, operation: str, body: dict[str, Any], fds: Sequence[int]) -> Process:
        status, child_status = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            try:
                process = await self._request({"op": operation, **body}, (child_status, *fds))
            finally:
                os.close(child_status)
            try:
                reason = await _read_to_end(status)
            except asyncio.CancelledError:
                process.signal(signal.SIGKILL)
                raise
        finally:
            os.close(status)
        if reason:
            raise ProcessRefused(Refusal(**json.loads(reason)))
        return process

    async def _request(self, body: dict[str, Any], fds: Sequence[int]) -> Process:
        number = next(self._ids)
        reply: asyncio.Future[Process] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            async with self._sending:
                await self._send({"id": number, **body}, fds)
            return await reply
        except OSError as error:
            raise ProcessRefused(Refusal(f"cannot ask for a process: {error}")) from error
        finally:
            del self._replies[number]

    async def _send(self, body: dict[str, Any], fds: Sequence[int]) -> None:
        while True:
            try:
                return send(self._sock, body, fds)
            except BlockingIOError:
                await writable(self._sock.fileno())

    async def run(self) -> None:
        """Take replies and exits. Raises SandboxError when the zygote ends."""
        while True:
            await readable(self._sock.fileno())
            try:
                packet = receive(self._sock)
            except ConnectionError:
                packet = None
            if packet is None:
                raise SandboxError("the sandbox's fork server has ended, and all pods with it")
            self._take(packet)

    def _take(self, packet: Packet) -> None:
        body = packet.body
        if "exited" in body:
            process = self._processes.pop(body["exited"], None)
            if process is not None:
                process.ended(body["code"])
            return
        reply = self._replies.get(body["id"])
        waiting = reply is not None and not reply.done()
        if "pid" in body:
            process = self._processes[body["pid"]] = Process(body["pid"], packet.fds.pop())
            if reply is not None and waiting:
                reply.set_result(process)
            else:
                process.signal(signal.SIGKILL)  # whoever asked has gone
        elif reply is not None and waiting:
            reply.set_exception(ProcessRefused(Refusal(body["error"])))


@asynccontextmanager
async def zygote() -> AsyncIterator[ZygoteClient]:
    """A zygote process and its client; the process ends with the block."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            server = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "probe.sandbox.zygote", str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        ours.setblocking(False)
        try:
            yield ZygoteClient(ours)
        finally:
            with suppress(ProcessLookupError):
                server.kill()
            await server.wait()


async def _read_to_end(fd: int) -> bytes:
    data = b""
    while True:
        await readable(fd)
        chunk = os.read(fd, 65536)
        if not chunk:
            return data
        data += chunk
