"""What a process of the pool does: one fault after the other, with the suite read once."""

from __future__ import annotations

import asyncio
from functools import cache

from probe.sandbox.faults.registry import FAULTS
from probe.scenario import load_scenarios
from probe.scenario.suite import conformance_suite
from tests.sandbox.detection.detect import CLEAN, Detection, detect
from tests.sandbox.detection.touch import Subject, touched


@cache
def subjects() -> tuple[Subject, ...]:
    """The suite, and what is computed of it once."""
    return tuple(map(Subject, load_scenarios([conformance_suite()])))


def work(fault: str, stop_after: int | None, only: str | None = None) -> Detection:
    """Run what a fault can touch, or ``only`` one scenario; without a fault (``CLEAN``) the whole suite."""
    scenarios = [subject.scenario for subject in subjects()]
    if only is not None:
        scenarios = [scenario for scenario in scenarios if scenario.name == only]
    elif fault != CLEAN:
        scenarios = touched(FAULTS[fault], subjects())
    return asyncio.run(detect(fault, scenarios, stop_after if fault != CLEAN else None))
