"""The orchestrator's clock: unix time that nobody sets.

It starts from the wall clock and goes on with the monotonic one, so that a correction in the middle of a run (NTP after
a suspend, a clock that was minutes off) neither tears apart what was measured before it from what comes after, nor
makes up a delay. All times of agents are brought to this clock.
"""

from __future__ import annotations

import time

_EPOCH = time.time() - time.monotonic()


def now() -> float:
    """Unix time in seconds, as the wall clock had it when this process began."""
    return _EPOCH + time.monotonic()
