"""What a process of the pool does: one fault after the other, with the suite read once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import cache

from probe.sandbox.faults.registry import FAULTS
from probe.scenario import load_scenarios
from probe.scenario.suite import conformance_suite
from tests.sandbox.detection.detect import CLEAN, LIMIT, Detection, detect
from tests.sandbox.detection.touch import Subject, is_of_time, touched

A_FEW = 3
"""Scenarios that are run with a fault that the API leaves open, which none of them need notice."""


@cache
def subjects() -> tuple[Subject, ...]:
    """The suite, and what is computed of it once."""
    return tuple(map(Subject, load_scenarios([conformance_suite()])))


def work(fault: str, stop_after: int | None, only: str | None = None) -> Detection:
    """Run what a fault can touch, or ``only`` one scenario; without a fault (``CLEAN``) the whole suite.

    A fault of time is noticed by a limit. Whether this machine keeps it without the fault is tried before.
    """
    scenarios = [subject.scenario for subject in subjects()]
    if only is not None:
        scenarios = [scenario for scenario in scenarios if scenario.name == only]
    elif fault != CLEAN:
        scenarios = touched(FAULTS[fault], subjects())
        scenarios = scenarios[:A_FEW] if FAULTS[fault].left_open else scenarios
    if fault == CLEAN or not is_of_time(FAULTS[fault]):
        return asyncio.run(detect(fault, scenarios, stop_after if fault != CLEAN else None))
    control = asyncio.run(detect(CLEAN, scenarios[:stop_after], limit=LIMIT))
    if control.catches or control.problems:
        slow = f"this machine is too slow: it needs more than {LIMIT:g} s without the fault, too"
        return replace(control, fault=fault, touched=len(scenarios), catches=(), problems=(slow, *control.problems))
    return asyncio.run(detect(fault, scenarios, stop_after, limit=LIMIT))
