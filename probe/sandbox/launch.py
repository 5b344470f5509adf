"""Starting and ending a sandbox, from the host's side.

The listening socket is made here, on the host's loopback, because the sandbox's own namespaces have no way out; it
goes down with a control socket, the state directory and its lock as inherited file descriptors. Whatever happens to
any process involved, the kernel takes the rest away: the sandbox ends with PID 1 of its PID namespace, PID 1 ends
with ``unshare`` (--kill-child) and, unless it is detached, with the control socket's other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from probe import __version__
from probe.model.errors import MissingRequirement, SandboxError
from probe.sandbox.descriptors import readable
from probe.sandbox.options import DEFAULT_NAME, SandboxOptions
from probe.sandbox.requirements import check_host, unshare_command
from probe.sandbox.state import (
    SandboxState,
    StateDirectory,
    remove_kubeconfig,
    signal_process,
    start_time,
    write_kubeconfig,
)

START_SECONDS = 60.0
STOP_SECONDS = 10.0
_MAX_MESSAGE = 256 * 1024
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running embedded cluster."""

    name: str
    kubeconfig: Path
    server: str
    pid: int
    """PID 1 of the sandbox, as the host numbers it."""

    @classmethod
    @asynccontextmanager
    async def start(cls, options: SandboxOptions | None = None) -> AsyncIterator[Sandbox]:
        """A sandbox for as long as the block, or this process, lives.

        Raises MissingRequirement, SandboxError; also at the end of the block when the sandbox broke down meanwhile.
        """
        launch = await _Launch.begin(options or SandboxOptions(), detached=False)
        try:
            yield launch.sandbox
        except BaseException as error:
            if broken := await launch.end():
                error.add_note(broken)
            raise
        if broken := await launch.end():
            raise SandboxError(broken)

    async def ended(self) -> None:
        """Wait until the sandbox is no more, whoever ended it."""
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            await readable(pidfd)
        finally:
            os.close(pidfd)


async def up(options: SandboxOptions) -> Sandbox:
    """Start a sandbox that stays until `down`. Raises MissingRequirement, SandboxError."""
    launch = await _Launch.begin(options, detached=True)
    launch.release()
    return launch.sandbox


async def down(directory: StateDirectory) -> bool:
    """End a sandbox and remove its state; whether there was one. Raises SandboxError when it cannot be ended."""
    state = directory.read()
    if not directory.is_running():
        return directory.remove_if_stale()
    if state is None:
        raise SandboxError(f"sandbox {directory.name} is just being started: try again in a moment")
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        signal_process(state, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while directory.is_running():  # noqa: ASYNC110 - another process' lock: nothing to wait on
                    await asyncio.sleep(0.02)
                remove_kubeconfig(Path(state.kubeconfig))
                directory.remove_if_stale()
                return True
    raise SandboxError(f"sandbox {directory.name} (process {state.pid}) does not end")


class _Launch:
    """A sandbox and what this process holds of it."""

    def __init__(
        self, directory: StateDirectory, process: subprocess.Popen[bytes], control: socket.socket, sandbox: Sandbox
    ) -> None:
        self._directory, self._process, self._control = directory, process, control
        self.sandbox = sandbox

    @classmethod
    async def begin(cls, options: SandboxOptions, *, detached: bool) -> _Launch:
        check_host()
        name = options.name or (DEFAULT_NAME if detached else f"run-{os.getpid()}-{secrets.token_hex(3)}")
        directory = StateDirectory(name)
        lock = directory.acquire()
        if lock is None:
            raise SandboxError(f"a sandbox named {name} is running already: end it with `cni-probe sandbox down`")
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        control.setblocking(False)
        with ExitStack() as undo:
            undo.enter_context(control)
            undo.callback(os.close, lock)
            undo.callback(directory.remove)
            with theirs:
                process = _spawn(directory, theirs.fileno(), lock)
            undo.callback(process.wait)
            undo.callback(process.kill)
            sandbox = await _handshake(options, detached, directory, control)
            undo.pop_all()
            os.close(lock)  # the sandbox has it
        return cls(directory, process, control, sandbox)

    def release(self) -> None:
        """Let a detached sandbox go."""
        self._control.close()
        self._process.returncode = 0  # it is not ours to wait for any more

    async def end(self) -> str:
        """End the sandbox and remove its state. What went wrong, if it broke down before it was asked to end."""
        self._control.shutdown(socket.SHUT_WR)
        slow = False
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.sandbox.ended()
        except TimeoutError:
            slow = True  # its processes are many, or it hangs: the kernel is faster, and takes as much away
            self._process.kill()
            await self.sandbox.ended()
        code = self._process.wait()
        broken = self._failure() if code and not slow else ""
        self._control.close()
        remove_kubeconfig(self.sandbox.kubeconfig)
        self._directory.remove_if_stale()
        return broken

    def _failure(self) -> str:
        try:
            said = json.loads(self._control.recv(_MAX_MESSAGE) or b"{}").get("error", "")
        except (BlockingIOError, ConnectionError):
            said = ""
        log = self._directory.log_tail()
        return f"the sandbox broke down: {said or f'it was killed; the end of its log: {log}'}"


def _spawn(directory: StateDirectory, control: int, lock: int) -> subprocess.Popen[bytes]:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
        folder = os.open(directory.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, folder)
        log = os.open(directory.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        stack.callback(os.close, log)
        fds = (control, listener.fileno(), folder, lock)
        # -P: the directory that happens to be the current one is not a place to import from
        main = (sys.executable, "-P", "-m", "probe.sandbox.main", *map(str, fds))
        return subprocess.Popen(
            [*unshare_command(), *main],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=fds, start_new_session=True, cwd="/",
        )  # fmt: skip


async def _handshake(
    options: SandboxOptions,
    detached: bool,
    directory: StateDirectory,
    control: socket.socket,
) -> Sandbox:
    control.send(json.dumps({"detached": detached, "options": options.to_json()}).encode())
    try:
        async with asyncio.timeout(START_SECONDS):
            answer, pid = await _receive(control)
    except TimeoutError:
        raise SandboxError(f"the sandbox did not start within {START_SECONDS:g} s:\n{directory.log_tail()}") from None
    if not answer:
        raise SandboxError(f"the sandbox ended while it started:\n{directory.log_tail()}")
    if "error" in answer:
        raise (MissingRequirement if answer["missing"] else SandboxError)(answer["error"])
    kubeconfig = (options.kubeconfig or directory.kubeconfig).absolute()
    write_kubeconfig(kubeconfig, answer["kubeconfig"])
    directory.write(
        SandboxState(
            name=directory.name,
            pid=pid,
            started=start_time(pid) or 0,
            server=answer["server"],
            kubeconfig=str(kubeconfig),
            nodes=options.nodes,
            families=list(options.families),
            enforcement=options.enforce,
            fault=options.fault,
            version=__version__,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
        )
    )
    return Sandbox(directory.name, kubeconfig, answer["server"], pid)


async def _receive(control: socket.socket) -> tuple[dict[str, Any], int]:
    """The sandbox's one message, and its PID as the kernel translates it for us; nothing at end of file."""
    await readable(control.fileno())
    try:
        data, ancillary, _, _ = control.recvmsg(_MAX_MESSAGE, socket.CMSG_SPACE(_CREDENTIALS.size))
    except ConnectionError:
        return {}, 0
    for level, kind, payload in ancillary:
        if data and level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return json.loads(data), _CREDENTIALS.unpack(payload)[0]
    return {}, 0
