"""A watch that would prove nothing changes nothing either."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from probe.engine.watch.options import WatchOptions
from probe.engine.watch.watch import Watch
from probe.model.cell import Verdict
from probe.model.events import Event, WatchDone, WatchStarted
from probe.model.record import StepRecord

NOBODY = cast(Any, None)


async def test_the_command_is_not_run_when_there_is_nothing_to_watch(tmp_path: Path) -> None:
    step = StepRecord("closed", "", [], None, 0.0, 0.0, 0.0, 0.0, [])
    events: list[Event] = []
    options = WatchOptions(command=f"touch {tmp_path}/ran")
    await Watch(options, NOBODY, events.append, {}).hold(step, NOBODY)
    started, done = events
    assert isinstance(started, WatchStarted)
    assert isinstance(done, WatchDone)
    assert (done.record.verdict, done.record.command) == (Verdict.INCONCLUSIVE, None)
    assert not (tmp_path / "ran").exists()
