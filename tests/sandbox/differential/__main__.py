"""Compare oracle and packets at length: ``python -m tests.sandbox.differential --sets 5000``."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time

from probe.sandbox.faults.registry import FAULTS, load_fault
from tests.policy.generate.sets import Kinds
from tests.sandbox.differential.documents import dump
from tests.sandbox.differential.fleet import Tally, new_fleet
from tests.sandbox.differential.search import Search, settle

KINDS = {kinds.name.lower().replace("_", "-"): kinds for kinds in Kinds}


def arguments() -> argparse.Namespace:
    """What to do."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.differential", description=__doc__)
    parser.add_argument("--sets", type=int, default=1000, help="policy sets (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first set (%(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="(random; it is printed)")
    parser.add_argument("--kinds", choices=KINDS, default="network-policy", help="of policies (%(default)s)")
    parser.add_argument("--fault", choices=FAULTS, metavar="NAME", help="break enforcement: sandbox faults lists how")
    return parser.parse_args()


class Progress:
    """One line on stderr, written anew twice a second."""

    def __init__(self, sets: int) -> None:
        self.began = time.monotonic()
        self._sets = sets
        self._shown = 0.0

    def __call__(self, tally: Tally) -> None:
        now = time.monotonic()
        if now - self._shown > 0.5 or tally.sets == self._sets:
            self._shown = now
            print(f"\r{tally.sets} of {self._sets} sets, {tally.compared:,} cells", end="", file=sys.stderr, flush=True)

    def summary(self, tally: Tally, disagreements: int, late: int) -> str:
        """All figures."""
        seconds = time.monotonic() - self.began
        return (
            f"{tally.sets} sets, {tally.compared:,} cells compared, {tally.allowed:,} of them allowed, "
            f"{tally.undefined:,} undefined skipped, {disagreements} disagreements, "
            f"{tally.second_looks} cells agreed at second sight only, {late} packets were late, "
            f"{tally.sets / seconds * 60:.0f} sets a minute"
        )


async def main(options: argparse.Namespace) -> int:
    """Exit code 1 after a disagreement, which is printed in full."""
    print(f"seed {options.seed}, {options.kinds}", flush=True)
    async with new_fleet() as fleet:
        progress = Progress(options.sets)
        search = Search(fleet, options.seed, KINDS[options.kinds], progress)
        if options.fault:
            fleet.kernel.stages = load_fault(options.fault)
        found = await search.run(options.sets, options.first)
        print(file=sys.stderr)
        if found is not None:
            number, disagreement = found
            print(f"set {number}: {disagreement}\nshrinking ...", file=sys.stderr)
            print(dump(await settle(fleet, disagreement)))
        await fleet.control()
        print(progress.summary(fleet.tally, int(found is not None), fleet.mesh.late))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
