"""Signals that end a command: it is cancelled once, and cleans up."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


async def until_interrupted(work: Coroutine[Any, Any, None]) -> bool:
    """Do ``work``; SIGINT, SIGTERM and SIGHUP cancel it once (cleaning up goes on). Returns whether that happened."""
    task = asyncio.create_task(work)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            task.cancel()
            said = "interrupted; cleaning up ..."
        else:
            said = "still cleaning up; what SIGKILL leaves `cni-probe clean` removes"
        with suppress(OSError):  # the terminal may be what has gone
            print(f"cni-probe: {said}", file=sys.stderr)

    loop = asyncio.get_running_loop()
    stops = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup does
        stops.append(signal.SIGHUP)
    for number in stops:
        loop.add_signal_handler(number, interrupt)
    try:
        await task
    except asyncio.CancelledError:
        if not interrupted:
            raise
    finally:
        for number in stops:
            loop.remove_signal_handler(number)
    return interrupted
