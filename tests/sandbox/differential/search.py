"""Random cases, one after the other, until oracle and packets disagree. The same seed makes the same cases again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.policy.generate.pick import Pick
from tests.policy.generate.sets import Kinds
from tests.sandbox.differential.cells import Case, make_case
from tests.sandbox.differential.fleet import Disagreement, Fleet, Tally
from tests.sandbox.differential.shrink import shrunk

PATIENCE = 1.5
"""Seconds for which a shrunk disagreement is waited for, once more: TCP has sent its SYN again by then."""


def case_of(seed: int, number: int, kinds: Kinds) -> Case:
    """The case of a number, whatever came before it."""
    return make_case(Pick(random.Random(f"{seed}/{number}").randrange), kinds)


@dataclass(slots=True)
class Search:
    """``sets`` cases from number ``first`` on. ``progress`` is called after each."""

    fleet: Fleet
    seed: int
    kinds: Kinds
    progress: Callable[[Tally], None] = lambda _: None

    async def run(self, sets: int, first: int = 0) -> tuple[int, Disagreement] | None:
        """The first disagreement, as it was found, and its case's number."""
        for number in range(first, first + sets):
            wrong = await self.fleet.compare(case_of(self.seed, number, self.kinds))
            self.progress(self.fleet.tally)
            if wrong:
                return number, wrong[0]
        return None


async def settle(fleet: Fleet, found: Disagreement) -> Disagreement:
    """The disagreement shrunk, and seen once more with full timeouts. Raises AssertionError if it is not any more."""
    tally, fleet.tally = fleet.tally, Tally()
    try:
        small = await shrunk(found, fleet.compare)
        again = await fleet.compare(small.case, patience=PATIENCE)
    finally:
        fleet.tally = tally
    assert again, f"seen three times in a row, but not with full timeouts: {small}"
    return again[0]
