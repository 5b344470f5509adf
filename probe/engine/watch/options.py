"""What a watch is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.model.watch import Budget

ATTEMPT_SECONDS = 0.9
"""The timeout of one attempt: too short for a SYN to be repeated, so that an attempt is one packet at one instant."""


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How long: for ``seconds``, or until ``command`` has ended and ``settle`` seconds more (exactly one is given).

    ``rate``: attempts a second for each cell; ``max_load``: in all, to which the rate gives way.
    ``connections``: one is held to each allowed cell.
    """

    seconds: float | None = None
    command: str | None = None
    settle: float = 30.0
    rate: float = 5.0
    max_load: float = 4000.0
    budget: Budget = field(default_factory=Budget)
    connections: bool = False

    @property
    def until(self) -> str:
        """How long, in words."""
        if self.command is None:
            return f"for {self.seconds:g} s"
        return f"until this has ended, and {self.settle:g} s more: {self.command}"
