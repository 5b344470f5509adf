"""Run the conformance suite against every fault: ``python -m tests.sandbox.detection``.

The table comes on stdout, what is going on on stderr. Exit code 1 if a fault was not caught that the API does not leave
open, or if a cluster without a fault did not pass.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from probe.sandbox.faults.registry import FAULTS
from probe.scenario.select import parse_shard
from tests.sandbox.detection.detect import CLEAN, Detection
from tests.sandbox.detection.table import is_missed, page, text
from tests.sandbox.detection.work import work

ENOUGH = 3


def arguments() -> argparse.Namespace:
    """What to do."""
    parser = argparse.ArgumentParser(prog="python -m tests.sandbox.detection", description=__doc__)
    parser.add_argument(
        "--fault", action="append", choices=(CLEAN, *FAULTS), metavar="NAME",
        help=f"only this one ({CLEAN}: a cluster without any); may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--shard", type=parse_shard, default=(1, 1), metavar="I/N", help="every N-th fault from the I-th"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="clusters at a time (%(default)s)")
    parser.add_argument(
        "--stop-after", type=int, default=ENOUGH, metavar="N",
        help="scenarios that notice a fault are enough; 0: run all that could (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--scenario", metavar="NAME", help="only this one, whether the fault can touch it or not")
    parser.add_argument("--results", type=Path, metavar="FILE", help="add the results to this file, a line each")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page for the docs, of all --results")
    return parser.parse_args()


def detections(names: Sequence[str], options: argparse.Namespace) -> Iterator[Detection]:
    """All of them, as they become known."""
    began = time.monotonic()
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, spawn) as pool:
        enough = options.stop_after or None
        futures = [pool.submit(work, name, enough, options.scenario) for name in names]
        for number, future in enumerate(as_completed(futures), 1):
            found = future.result()
            word = "MISSED" if is_missed(found) else "caught" if found.catches else "fine"
            said = f"{found.fault}: {word}, {len(found.catches)} of {found.ran} run, {found.seconds:g} s"
            passed = time.monotonic() - began
            print(f"[{number}/{len(names)}, {passed:.0f} s] {said}", file=sys.stderr, flush=True)
            yield found


def main() -> int:
    """Do it."""
    options = arguments()
    index, parts = options.shard
    names = (options.fault or [CLEAN, *FAULTS])[index - 1 :: parts]
    found = []
    for each in detections(names, options):
        found.append(each)
        if options.results:
            with options.results.open("a") as stream:
                stream.write(json.dumps(each.to_json()) + "\n")
    order = [CLEAN, *FAULTS]
    print(text(sorted(found, key=lambda each: order.index(each.fault))))
    if options.page:
        known = {each.fault: each for each in (read(options.results) if options.results else found)}
        options.page.write_text(page(known, options.stop_after))
    return int(any(map(is_missed, found)))


def read(results: Path) -> list[Detection]:
    """What earlier pieces found; of one fault the last counts."""
    return [Detection.from_json(json.loads(line)) for line in results.read_text().splitlines()]


if __name__ == "__main__":
    sys.exit(main())
