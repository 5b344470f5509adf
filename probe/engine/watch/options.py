"""What a watch is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.model.cell import Cell
from probe.model.scenario import Watching

ATTEMPT_SECONDS = 0.9
"""The timeout of one attempt: too short for a SYN to be repeated, so that an attempt is one packet at one instant."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Cells to which connections are to be held. ``place``: where that is asked for, for people."""

    place: str
    cells: frozenset[Cell]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How long: for ``seconds``, or until ``command`` has ended and then as long as it is to settle (exactly one is
    given). ``connections``: what ``how.connections`` come to.
    """

    seconds: float | None = None
    command: str | None = None
    how: Watching = field(default_factory=Watching)
    connections: tuple[Wanted, ...] = ()

    @property
    def until(self) -> str:
        """How long, in words."""
        if self.command is None:
            return f"for {self.seconds:g} s"
        return f"until this has ended, and {self.how.settle:g} s more: {self.command}"
