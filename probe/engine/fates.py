"""The rules of judgement for connections that were open before a change; pure, as those of ``judge`` for new ones."""

from __future__ import annotations

from dataclasses import dataclass

from probe.engine.judge import Judgement
from probe.model.cell import Expectation, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Ending:
    """When a connection went silent or ended (unix time in seconds), and how that looked to its opener."""

    at: float
    outcome: Outcome
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Witness:
    """What is known of a connection. ``begun`` and ``acknowledged`` are when the change was (unix time).

    ``opened``: it was answered at least once. ``ending``: None when it is still answered after all was measured.
    ``trouble`` says why what was seen proves nothing (empty: it does). ``arrived``: heartbeats without an answer got to
    the responder (None: it could not be asked). ``quiet``: seconds for which it was silent and then was not any more.
    """

    opened: bool
    begun: float
    acknowledged: float
    ending: Ending | None
    trouble: str = ""
    arrived: bool | None = None
    quiet: float = 0.0


def judge_fate(expected: Expectation, new: Expectation, seen: Witness) -> Judgement:
    """The verdict. ``expected``: allow (kept), deny (cut) or either; ``new``: what is expected of a new connection."""
    if not seen.opened:
        why = f": {seen.trouble or _said(seen.ending)}" if seen.trouble or seen.ending else ""
        return Judgement(Verdict.INCONCLUSIVE, f"it could not be opened before the change{why}")
    if seen.trouble and expected is not Expectation.EITHER:
        return Judgement(Verdict.INCONCLUSIVE, f"{fate_words(seen)}, which proves nothing: {seen.trouble}")
    if seen.ending is not None and seen.ending.at < seen.begun:
        return Judgement(Verdict.INCONCLUSIVE, f"{fate_words(seen)}, so that it says nothing of the change")
    if expected is Expectation.EITHER:
        doubt = f" ({seen.trouble})" if seen.trouble else ""
        return Judgement(Verdict.UNDEFINED, f"the API leaves it open; seen: {fate_words(seen)}{doubt}")
    if expected is Expectation.ALLOW and seen.ending is not None:
        why = "a new connection is allowed as well" if new is Expectation.ALLOW else "it should have been kept"
        return Judgement(Verdict.BLOCKED, f"{fate_words(seen)}, but {why}")
    if expected.denies and seen.ending is None:
        return Judgement(Verdict.LEAK, f"{fate_words(seen)}, but it should have been cut")
    return Judgement(Verdict.PASS)


def fate_words(seen: Witness) -> str:
    """``cut 0.05 s after the change: timed-out, nothing arrived any more``; ``kept, silent for 0.8 s meanwhile``."""
    if seen.ending is None:
        return f"kept, silent for {seen.quiet:.2f} s meanwhile" if seen.quiet else "kept"
    after = seen.ending.at - seen.acknowledged
    when = f"{after:.2f} s after the change" if after >= 0 else f"{-after:.2f} s before the change was acknowledged"
    arrived = {None: "", True: ", requests still arrived", False: ", requests arrived no more"}[seen.arrived]
    return f"cut {when} ({_said(seen.ending)}{arrived})"


def _said(ending: Ending | None) -> str:
    if ending is None:
        return ""
    return f"{ending.outcome} {ending.error}" if ending.error else str(ending.outcome)
