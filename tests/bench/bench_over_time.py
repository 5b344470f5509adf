"""What happens over time, as it is measured, against what was done: disturbances, new pods, and open connections.

Run: ``python -m tests.bench.bench_over_time [watches|races|established ...]``; four minutes on a quiet machine.
Exits 1 when a verdict is wrong, or a length off by two sample intervals.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

from tests.bench.over_time import established, races, watches

SHOWS: dict[str, tuple[str, Callable[[], list[str]]]] = {
    "watches": ("Watches over disturbances", lambda: asyncio.run(watches.show())),
    "races": ("The first moments of twenty pods that a policy isolates", races.show),
    "established": ("Connections that are open when something changes", established.show),
}


def main(names: list[str]) -> int:
    """Show what is asked for, all without a name."""
    wrong: list[str] = []
    for name in names or SHOWS:
        title, show = SHOWS[name]
        began = time.monotonic()
        print(f"\n{title}\n")
        wrong += show()
        print(f"\n({time.monotonic() - began:.0f} s)", flush=True)
    print("\n".join(("", *(f"WRONG: {text}" for text in wrong))) if wrong else "\nall as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
