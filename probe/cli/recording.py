"""What a command that measures does besides: it shows progress, keeps the journal, folds the record, heeds signals."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, TypeAlias

from probe.cli.signals import until_interrupted
from probe.model.errors import CniProbeError, UsageError
from probe.model.events import Event, ProblemSeen, RunDone
from probe.model.record import RunRecord

Emit: TypeAlias = Callable[[Event], None]


async def recorded(args: argparse.Namespace, measure: Callable[[Emit], Coroutine[Any, Any, None]]) -> RunRecord:
    """Measure until done or interrupted; an interrupted run still has its record.

    Reads ``quiet`` and ``journal`` of the arguments. Raises UsageError.
    """
    from probe.report.fold import Recorder
    from probe.report.journal import Journal
    from probe.report.progress import Progress

    recorder = Recorder()
    with ExitStack() as stack:
        progress = stack.enter_context(Progress(sys.stderr, quiet=args.quiet))
        journal = stack.enter_context(Journal(args.journal)) if args.journal else None

        def emit(event: Event) -> None:
            recorder.see(event)
            progress.see(event)
            if journal is not None:
                try:
                    journal.see(event)
                except CniProbeError as error:  # once: then it is closed
                    emit(ProblemSeen(str(error)))

        started = time.monotonic()
        interrupted = await until_interrupted(_told(measure, emit))
        emit(
            RunDone(
                finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
                seconds=round(time.monotonic() - started, 3),
                interrupted=interrupted,
            )
        )
    return recorder.record()


async def _told(measure: Callable[[Emit], Coroutine[Any, Any, None]], emit: Emit) -> None:
    """What goes wrong on the way is an event, so that the record has it."""
    try:
        await measure(emit)
    except UsageError:
        raise
    except CniProbeError as error:
        emit(ProblemSeen(str(error)))
    except Exception as error:  # noqa: BLE001 - the record of what was measured comes first, and exit code 1 is a leak's
        traceback.print_exc()
        emit(ProblemSeen(f"a fault of cni-probe itself ended the run: {error!r}"))
