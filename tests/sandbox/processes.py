"""Processes as the host sees them."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> set[int]:
    """A process and all that came from it."""
    parents = _parents()
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def children(pid: int) -> set[int]:
    """The processes that a process started itself."""
    return {child for child, parent in _parents().items() if parent == pid}


def _parents() -> dict[int, int]:
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return parents


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def process_of_agent(sandbox_pid: int, uid: str) -> int:
    """The process, as the host numbers it, of the agent in the pod with a uid."""
    (path,) = Path(f"/proc/{sandbox_pid}/root/run/cni-probe/volumes/{uid}").glob("*/agent.sock")
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(str(path))
        peer = control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int(struct.unpack("3i", peer)[0])


def cpu_seconds(pid: int) -> float:
    """Time that a process and all that came from it have computed so far, those included that were waited for."""
    ticks = 0
    for each in descendants(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime: proc_pid_stat(5)
    return ticks / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> int:
    """How many file descriptors a process has."""
    return len(os.listdir(f"/proc/{pid}/fd"))
