"""A Runtime whose containers are this host: exec'd commands are plain subprocesses, logs are what a test wrote."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from probe.sandbox.runtime import ContainerNotRunning, ExecStdin, LogLine


class LocalLog:
    """Lines that a test adds; ``end`` says that the container has ended."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self._ended = False
        self._changed = asyncio.Event()

    def write(self, text: str, time: datetime | None = None) -> None:
        moment = (time or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        self.lines.append(LogLine(moment, text.encode() + b"\n"))
        self._changed.set()

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    def snapshot(self) -> Sequence[LogLine]:
        return tuple(self.lines)

    async def follow(self) -> AsyncIterator[LogLine]:
        sent = 0
        while True:
            self._changed.clear()
            for line in self.lines[sent:]:
                sent += 1
                yield line
            if self._ended and sent == len(self.lines):
                return
            await self._changed.wait()


class LocalSession:
    """A subprocess, on pipes or on a terminal."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        stdin: ExecStdin | None,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader | None,
        terminal: int | None = None,
    ) -> None:
        self.process, self.stdin, self.stdout, self.stderr = process, stdin, stdout, stderr
        self._terminal = terminal
        self.closed = False

    async def wait(self) -> int:
        code = await self.process.wait()
        return code if code >= 0 else 128 - code

    def kill(self) -> None:
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def resize(self, rows: int, cols: int) -> None:
        if self._terminal is not None:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    async def aclose(self) -> None:
        self.kill()
        # asyncio's wait() also waits for the pipes' ends, which a paused reader never sees.
        for reader in filter(None, (self.stdout, self.stderr)):
            while await reader.read(65536):
                pass
        await self.process.wait()
        self.closed = True


class _TerminalStdin:
    def __init__(self, terminal: int) -> None:
        self._terminal = terminal

    def write(self, data: bytes) -> None:
        os.write(self._terminal, data)

    async def drain(self) -> None:
        return

    def close(self) -> None:
        os.write(self._terminal, b"\x04")


class LocalRuntime:
    """Runs every container's commands here. ``stopped`` names pod UIDs whose containers do not run."""

    def __init__(self) -> None:
        self.sessions: list[LocalSession] = []
        self.stopped: set[str] = set()
        self._logs: dict[tuple[str, str], LocalLog] = {}

    def log(self, uid: str, container: str = "agent") -> LocalLog:
        return self._logs.setdefault((uid, container), LocalLog())

    async def exec(self, pod_uid: str, container: str, argv: Sequence[str], *, stdin: bool, tty: bool) -> LocalSession:
        if pod_uid in self.stopped:
            raise ContainerNotRunning(f'container "{container}" is not running')
        session = await (self._on_terminal(argv) if tty else self._on_pipes(argv, stdin))
        self.sessions.append(session)
        return session

    async def _on_pipes(self, argv: Sequence[str], stdin: bool) -> LocalSession:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=pipe if stdin else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        assert process.stdout is not None
        return LocalSession(process, process.stdin, process.stdout, process.stderr)

    async def _on_terminal(self, argv: Sequence[str]) -> LocalSession:
        ours, theirs = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()

        def readable() -> None:
            # The other side's end shows as EIO.
            try:
                data = os.read(ours, 65536)
            except OSError:
                data = b""
            if data:
                reader.feed_data(data)
            else:
                loop.remove_reader(ours)
                os.close(ours)
                reader.feed_eof()

        loop.add_reader(ours, readable)
        return LocalSession(process, _TerminalStdin(ours), reader, None, ours)

    def logs(self, pod_uid: str, container: str, *, previous: bool = False) -> LocalLog:
        if previous or (pod_uid, container) not in self._logs:
            raise ContainerNotRunning(f'previous terminated container "{container}" not found')
        return self._logs[pod_uid, container]
