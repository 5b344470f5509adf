"""Readiness probes: ``exec`` ones, which is what an agent is asked with.

Until the first success the probe is repeated much faster than its period: a kubelet would leave a pod that is
ready after 5 ms unready for a second, and every run would wait for it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from probe.sandbox.zygote.client import Process, ProcessRefused

Exec: TypeAlias = Callable[[Sequence[str], tuple[int, int, int]], Awaitable[Process]]

FIRST_RETRY = 0.05
MAX_OUTPUT = 1024


async def watch_readiness(probe: Mapping[str, Any], execute: Exec, report: Callable[[bool, str], None]) -> None:
    """Probe for as long as the container runs; ``report(ready, failure)`` after each attempt that counts."""
    command = (probe.get("exec") or {}).get("command")
    if not command:
        report(False, "the sandbox knows exec probes only")
        return
    period = float(probe.get("periodSeconds") or 10)
    await asyncio.sleep(float(probe.get("initialDelaySeconds") or 0))
    ready, row, pause, starting = False, 0, FIRST_RETRY, True
    while True:
        failure = await _attempt(command, execute, float(probe.get("timeoutSeconds") or 1))
        row = row + 1 if (failure is None) != ready else 0
        needed = int((probe.get("failureThreshold") or 3) if ready else (probe.get("successThreshold") or 1))
        if row >= needed:
            ready, row = not ready, 0
        starting = starting and not ready and pause < period
        report(ready, "" if failure is None or starting else failure)
        await asyncio.sleep(pause if starting else period)
        pause = min(pause * 2, period)


async def _attempt(command: Sequence[str], execute: Exec, timeout: float) -> str | None:
    """None on success, else what went wrong."""
    output = os.memfd_create("probe")
    silence = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        process = await execute(command, (silence, output, output))
        try:
            async with asyncio.timeout(timeout):
                code = await process.wait()
        except TimeoutError:
            return f'command "{" ".join(command)}" timed out after {timeout:g}s'
        finally:
            process.signal(signal.SIGKILL)
        if code == 0:
            return None
        text = os.pread(output, MAX_OUTPUT, 0).decode(errors="replace").strip()
        return text or f"exit code {code}"
    except (ProcessRefused, ProcessLookupError) as error:
        return str(error) or "the container has ended"
    finally:
        os.close(silence)
        os.close(output)
