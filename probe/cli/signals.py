"""What a run does when it is told to stop: it cleans up, and it writes its reports."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any


def stops() -> list[signal.Signals]:
    """The signals that ask for an end."""
    asked = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup does
        asked.append(signal.SIGHUP)
    return asked


async def until_interrupted(work: Coroutine[Any, Any, None]) -> bool:
    """Do ``work``; signals cancel it once (cleaning up goes on). Returns whether that happened.

    Until the loop ends, later signals are only answered: what was measured is still to be written.
    """
    task = asyncio.create_task(work)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if task.done():
            said = "writing the reports first ..."
        elif not interrupted:
            interrupted = True
            task.cancel()
            said = "interrupted; cleaning up ..."
        else:
            said = "still cleaning up; what SIGKILL leaves `cni-probe clean` removes"
        _say(said)

    for number in stops():
        asyncio.get_running_loop().add_signal_handler(number, interrupt)
    try:
        await task
    except asyncio.CancelledError:
        if not interrupted:
            raise
    return interrupted


@contextmanager
def unbroken() -> Iterator[None]:
    """A block that the first signal does not end: reports are written to their end. The second one does."""
    asked = False

    def wait(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        _say("writing the reports first ...")

    before = {number: signal.signal(number, wait) for number in stops()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    with suppress(OSError):  # the terminal may be what has gone
        print(f"cni-probe: {text}", file=sys.stderr)
