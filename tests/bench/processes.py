"""What processes cost: memory and CPU time of this one and of everything below another, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PARENT, _FIRST_TIME, _LAST_TIME = 1, 11, 15  # fields of /proc/PID/stat behind the name, from 0: proc_pid_stat(5)


def memory_below(root: int) -> dict[str, list[float]]:
    """Pss in MiB of ``root`` and the processes below it, by what they are: the sandbox, its zygote, its agents."""
    found: dict[str, list[float]] = {}
    for pid in _family(root):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            continue
        pss = next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
        found.setdefault(name, []).append(int(pss) / 1024)
    return found


def cpu_below(root: int) -> float:
    """Seconds of CPU that ``root``, the processes below it, and those that they waited for have had."""
    ticks = 0
    for pid in _family(root):
        fields = _stat(pid)
        ticks += sum(map(int, fields[_FIRST_TIME:_LAST_TIME]))
    return ticks / _TICKS


def peak_memory() -> float:
    """The most memory that this process ever had resident, in MiB; not of who started it, as getrusage's may be."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _family(root: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for each in Path("/proc").glob("[0-9]*"):
        if fields := _stat(int(each.name)):
            children.setdefault(int(fields[_PARENT]), []).append(int(each.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
