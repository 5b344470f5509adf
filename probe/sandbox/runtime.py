"""What the API server needs of running containers: exec and logs.

The seam between the API (which speaks WebSocket and HTTP) and the kubelets (which speak processes), so that
neither imports the other. `probe.sandbox.kubelet` implements it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class ContainerNotRunning(Exception):
    """The container does not exist or is not running; the message reads like a kubelet's.

    For example ``container "agent" in pod "backend" is waiting to start: ContainerCreating``.
    """


class ExecStdin(Protocol):
    """The writing side of an exec's standard input; an ``asyncio.StreamWriter`` fits."""

    def write(self, data: bytes) -> None:
        """Queue ``data``; never fails, writes after the process went away are dropped."""

    async def drain(self) -> None:
        """Wait until the queue is short. Raises ``ConnectionError`` when the process closed its stdin."""

    def close(self) -> None:
        """End of input. With a tty it sends the terminal's end-of-file character (Ctrl-D)."""


class ExecSession(Protocol):
    """A process that runs in a pod's namespaces on behalf of an exec request."""

    @property
    def stdin(self) -> ExecStdin | None:
        """None when the request asked for no stdin."""

    @property
    def stdout(self) -> asyncio.StreamReader:
        """At end of file when the process and everything that inherited the stream is gone."""

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        """None with a tty: both streams are one terminal."""

    async def wait(self) -> int:
        """The exit code; ``128 + N`` when signal N ended the process. May be awaited many times."""

    def kill(self) -> None:
        """SIGKILL to the session's process group. No effect when it has ended."""

    def resize(self, rows: int, cols: int) -> None:
        """New terminal size (SIGWINCH). No effect without a tty."""

    async def aclose(self) -> None:
        """Kill what is left and give back the file descriptors. May be called many times."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line that a container wrote. ``time`` is RFC 3339 in UTC with nanoseconds; ``data`` ends with a newline."""

    time: str
    data: bytes


class LogStream(Protocol):
    """What a container's current process wrote to stdout and stderr, as far as it is kept."""

    def snapshot(self) -> Sequence[LogLine]:
        """The lines so far, oldest first."""

    def follow(self) -> AsyncIterator[LogLine]:
        """The lines so far and then each new one; ends when the container has ended."""


class Runtime(Protocol):
    """The kubelets' side of the pod subresources ``exec``, ``attach`` and ``log``."""

    async def exec(self, pod_uid: str, container: str, argv: Sequence[str], *, stdin: bool, tty: bool) -> ExecSession:
        """Start ``argv`` in the container's namespaces. A command that cannot be found exits 127 (126: not
        executable) with a message on stderr.

        Raises `ContainerNotRunning`.
        """

    def logs(self, pod_uid: str, container: str, *, previous: bool = False) -> LogStream:
        """The container's log, or its predecessor's with ``previous``. Raises `ContainerNotRunning`."""
