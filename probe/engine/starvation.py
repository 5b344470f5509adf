"""Whether the ends of an attempt had the CPU to tell silence from their own slowness.

Agents measure by how much their event loops are late at worst. An answer that has come is looked for before a time-out
is believed, so that slowness never feigns a connection, nor hides a packet from the receipts.
"""

from __future__ import annotations

from typing import Final

from probe.engine.agent import Sample
from probe.model.cell import Expectation, Outcome

_PROBER_SHARE: Final = 0.5
"""Of the attempt's timeout: a prober whose loop was later than that cannot tell a drop from its own delay."""
_EXCHANGE_SHARE: Final = 0.25
"""The same for both ends together where an answer is expected: an exchange waits twice for each of the two loops."""


def starved(sample: Sample, expectation: Expectation, timeout: float) -> str:
    """Who had too little CPU for what was seen to be believed; empty when it can be. ``timeout``: the attempt's."""
    if sample.outcome is Outcome.CONNECTED or (expectation.denies and sample.established):
        return ""
    if slow := late(sample, timeout):
        return slow
    missed = expectation is Expectation.ALLOW and sample.outcome is Outcome.TIMED_OUT
    if missed and sample.lag + sample.responder_lag > timeout * _EXCHANGE_SHARE:
        lags = f"their clocks lagged {sample.lag:.2f} s and {sample.responder_lag:.2f} s"
        return f"prober and responder were starved of CPU ({lags})"
    return ""


def late(sample: Sample, timeout: float) -> str:
    """Why the time of an attempt says nothing, whatever came of it; empty when it does. ``timeout``: the attempt's."""
    if sample.lag > timeout * _PROBER_SHARE:
        return f"the prober was starved of CPU (its clock lagged {sample.lag:.2f} s)"
    return ""
