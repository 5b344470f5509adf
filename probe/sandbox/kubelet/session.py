"""Exec: a process in a running container, its streams on asyncio, with or without a terminal."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import struct
import termios
from asyncio.streams import FlowControlMixin
from contextlib import ExitStack, suppress

from probe.sandbox.runtime import ExecStdin
from probe.sandbox.zygote.client import Process, ZygoteClient
from probe.sandbox.zygote.protocol import ExecProcess

_END_OF_FILE = b"\x04"  # what a terminal's user types: Ctrl-D


class Session:
    """A `probe.sandbox.runtime.ExecSession`."""

    def __init__(
        self, process: Process, stdin: _Stdin | None, stdout: _Output, stderr: _Output | None, terminal: int | None
    ) -> None:
        self._process = process
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._terminal = terminal

    @property
    def stdin(self) -> ExecStdin | None:
        """None when none was asked for."""
        return self._stdin

    @property
    def stdout(self) -> asyncio.StreamReader:
        """What the process writes; with a terminal, all of it."""
        return self._stdout.reader

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        """None with a terminal."""
        return self._stderr.reader if self._stderr else None

    async def wait(self) -> int:
        """The exit code; ``128 + N`` after signal N."""
        return await self._process.wait()

    def kill(self) -> None:
        """SIGKILL to the session's process group."""
        if self._process.exit_code is None:
            with suppress(ProcessLookupError):  # it has ended, and we are about to hear of it
                os.killpg(self._process.pid, signal.SIGKILL)

    def resize(self, rows: int, cols: int) -> None:
        """Set the terminal's size."""
        if self._terminal is not None:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    async def aclose(self) -> None:
        """Kill what is left, close the streams."""
        self.kill()
        if self._stdin is not None:
            self._stdin.abort()
        for output in (self._stdout, self._stderr):
            if output is not None:
                output.transport.close()
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None
        await self._process.wait()


async def start_session(zygote: ZygoteClient, container: Process, process: ExecProcess, *, stdin: bool) -> Session:
    """Start ``process`` beside ``container``. Raises ProcessRefused, ProcessLookupError."""
    if process.tty:
        return await _with_terminal(zygote, container, process, stdin)
    with ExitStack() as theirs, ExitStack() as ours:
        child_in, our_in = _pipe(theirs, ours) if stdin else (_owned(theirs, os.open(os.devnull, os.O_RDONLY)), None)
        our_out, child_out = _pipe(ours, theirs)
        our_err, child_err = _pipe(ours, theirs)
        started = await zygote.exec(process, container, (child_in, child_out, child_err))
        ours.pop_all()
    return Session(
        started,
        None if our_in is None else await _Stdin.open(our_in),
        await _Output.open(our_out),
        await _Output.open(our_err),
        None,
    )


async def _with_terminal(zygote: ZygoteClient, container: Process, process: ExecProcess, stdin: bool) -> Session:
    with ExitStack() as theirs, ExitStack() as ours:
        master, slave = os.openpty()
        _owned(ours, master)
        _owned(theirs, slave)
        started = await zygote.exec(process, container, (slave, slave, slave))
        ours.pop_all()
    keyboard = await _Stdin.open(os.dup(master), end=_END_OF_FILE) if stdin else None
    return Session(started, keyboard, await _Output.open(os.dup(master)), None, master)


def _owned(stack: ExitStack, fd: int) -> int:
    stack.callback(os.close, fd)
    return fd


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    return _owned(reader, read), _owned(writer, write)


class _Output:
    """The reading end of a pipe or terminal."""

    def __init__(self, reader: asyncio.StreamReader, transport: asyncio.BaseTransport) -> None:
        self.reader, self.transport = reader, transport

    @classmethod
    async def open(cls, fd: int) -> _Output:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=256 * 1024)
        transport, _ = await loop.connect_read_pipe(lambda: _OutputProtocol(reader), os.fdopen(fd, "rb", 0))
        return cls(reader, transport)


class _OutputProtocol(asyncio.StreamReaderProtocol):
    """A terminal whose last process has gone reads as EIO: for us an end of file like any other."""

    def connection_lost(self, exc: Exception | None) -> None:
        gone = isinstance(exc, OSError) and exc.errno == errno.EIO
        super().connection_lost(None if gone else exc)


class _Stdin:
    """The writing end; ``end`` is written before closing (a terminal's end of file is a character)."""

    def __init__(self, writer: asyncio.StreamWriter, end: bytes) -> None:
        self._writer, self._end = writer, end

    @classmethod
    async def open(cls, fd: int, end: bytes = b"") -> _Stdin:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(FlowControlMixin, os.fdopen(fd, "wb", 0))
        return cls(asyncio.StreamWriter(transport, protocol, None, loop), end)

    def write(self, data: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(data)

    async def drain(self) -> None:
        await self._writer.drain()

    def close(self) -> None:
        if not self._writer.is_closing():
            self._writer.write(self._end)
            self._writer.close()

    def abort(self) -> None:
        transport = self._writer.transport
        assert isinstance(transport, asyncio.WriteTransport)
        # One that is closing with nothing left to write is as good as closed, and must not be touched again.
        if not transport.is_closing() or transport.get_write_buffer_size():
            transport.abort()
