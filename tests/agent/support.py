"""Real agents for tests: processes that serve, and the ways to talk to them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "cni_probe_agent")


def _candidates() -> Iterator[int]:
    """Ports outside the range that kernels hand out, in a circle from a random start. Tests that run at the same time
    in another of xdist's workers have other ones."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 12
    start = int.from_bytes(os.urandom(2), "little")
    return (20_000 + worker * 1_000 + number % 1_000 for number in itertools.count(start))


_CANDIDATES = _candidates()


def free_port() -> int:
    """A port that is free for TCP and UDP on both families, and that no test here had before (for a thousand ports)."""
    ports = itertools.islice(_CANDIDATES, 1_000)
    return next(port for port in ports if all(_can_bind(kind, family, port) for kind in _KINDS for family in _FAMILIES))


_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def _can_bind(kind: socket.SocketKind, family: socket.AddressFamily, port: int) -> bool:
    with socket.socket(family, kind) as sock:
        try:
            sock.bind(("", port))
        except OSError:
            return False
    return True


def environment(path: Path, uid: str = "uid-of-test") -> dict[str, str]:
    """The environment of an agent whose control socket is at ``path``."""
    return {**os.environ, "CNI_PROBE_SOCKET": str(path), "CNI_PROBE_POD_UID": uid}


@dataclass
class RunningAgent:
    """A serving agent process."""

    process: subprocess.Popen[bytes]
    socket_path: Path
    uid: str
    command: Sequence[str] = COMMAND

    def rss(self) -> int:
        """Resident memory in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def descriptors(self) -> int:
        """How many descriptors it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def control(self) -> Control:
        """A connection to its control socket."""
        return Control(self.socket_path)

    def run(self, *argv: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run another command of the agent's program in its environment."""
        return subprocess.run(
            (*self.command, *argv), input=stdin, env=environment(self.socket_path), capture_output=True, timeout=30
        )


@contextlib.contextmanager
def serving(
    path: Path, ports: Sequence[str], uid: str = "uid-of-test", command: Sequence[str] = COMMAND, *options: str
) -> Iterator[RunningAgent]:
    """Run an agent until the end of the block; it must still be alive then, or have been killed on purpose."""
    argv = [*command, "serve", *(word for port in ports for word in ("--port", port)), *options]
    process = subprocess.Popen(argv, env=environment(path, uid), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    agent = RunningAgent(process, path, uid, command)
    try:
        wait_for(lambda: _answers(path), "the control socket")
        yield agent
        if process.returncode is None:
            assert process.poll() is None, "the agent died"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.terminate()
        _, stderr = process.communicate(timeout=10)
    assert b"Traceback" not in stderr, stderr.decode()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


def wait_for(condition: Any, what: str, seconds: float = 60.0) -> None:
    """Wait until ``condition()`` is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.01)


class Control:
    """A blocking client of the control protocol, as thin as can be."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.connect(str(path))
        except OSError:
            self.sock.close()
            raise
        self.sock.settimeout(10)
        self._lines = self.sock.makefile("rb")

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self.sock.close()

    def send(self, **frame: Any) -> None:
        """Send a frame."""
        self.sock.sendall(json.dumps(frame).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """The next frame."""
        line = self._lines.readline()
        assert line, "the agent closed the stream"
        frame: dict[str, Any] = json.loads(line)
        return frame

    def at_end(self) -> bool:
        """Whether the agent has closed the stream (waits for it)."""
        return not self._lines.readline()

    def hello(self, session: str = "s", ack: int = 0) -> dict[str, Any]:
        """Say hello and return the answer, past whatever is replayed before it."""
        self.send(v=1, op="hello", session=session, ack=ack)
        return self.until("hello")[-1]

    def until(self, op: str) -> list[dict[str, Any]]:
        """All frames up to the first with this ``op``."""
        frames = [self.receive()]
        while frames[-1]["op"] != op:
            frames.append(self.receive())
        return frames

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """One question and its answer, which may be an ``error`` frame."""
        self.send(op=op, id="q", **fields)
        while True:
            frame = self.receive()
            if frame.get("id") == "q":
                return frame

    def dial(
        self, *targets: tuple[str, int, str] | tuple[str, int, str, str], timeout: float = 1.0, **fields: Any
    ) -> dict[int, list[Any]]:
        """Dial a batch to its end: rows by index."""
        common = {"op": "dial", "id": "b", "nonce": "n", "timeout": timeout, "total": len(targets), **fields}
        for first in range(0, len(targets) or 1, 2000):
            self.send(**common, first=first, targets=targets[first : first + 2000])
        rows: dict[int, list[Any]] = {}
        while (frame := self.receive())["op"] != "done":
            assert frame["op"] == "results", frame
            rows.update({row[0]: row[1:] for row in frame["results"]})
            self.send(op="ack", seq=frame["seq"])
        return rows


class RelayDuplex:
    """The channel's carrier in tests: a relay subprocess, as an exec would run it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._stderr = b""

    @classmethod
    async def start(cls, path: Path, argv: Sequence[str] = (*COMMAND, "relay")) -> RelayDuplex:
        """Run a relay to the agent at ``path``."""
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(*argv, env=environment(path), stdin=pipe, stdout=pipe, stderr=pipe)
        )

    async def read(self) -> bytes:
        """The relay's stdout."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        data = await self.process.stdout.read(1 << 16)
        if not data:
            self._stderr = await self.process.stderr.read()
        return data

    async def write(self, data: bytes) -> None:
        """To the relay's stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    async def aclose(self) -> None:
        """Close stdin and see the relay end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
        await self.process.communicate()

    def why(self) -> str:
        """The relay's stderr."""
        return self._stderr.decode().strip()
