"""Run the conformance suite against every fault: ``python -m tests.sandbox.detection``.

The table comes on stdout, what is going on on stderr. Exit code 1 if a fault was not caught that the API does not leave
open, or if a cluster without a fault did not pass.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from probe.sandbox.faults.registry import FAULTS
from probe.scenario.select import parse_shard
from tests.sandbox.detection.detect import CLEAN, Detection
from tests.sandbox.detection.table import is_missed, page, text
from tests.sandbox.detection.work import work

ENOUGH = 3
_OF_SCTP = ("sctp-unenforced",)
"""Faults that no packet shows where the kernel has no SCTP sockets."""


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
    parser.add_argument(
        "--results", type=Path, metavar="FILE",
        help="add the results to this file, a line each; what it has is not tried again, but is in the table",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, metavar="N", help="begin with no further fault after so long")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="write the page for the docs, once all faults have been tried"
    )
    return parser.parse_args()


def detections(names: Sequence[str], options: argparse.Namespace) -> Iterator[Detection]:
    """All of them, or as many as there is time for, as they become known."""
    began, waiting = time.monotonic(), list(names)
    running: set[Future[Detection]] = set()
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        while waiting or running:
            if options.minutes and time.monotonic() - began > options.minutes * 60:
                waiting.clear()
            while waiting and len(running) < options.jobs:
                running.add(pool.submit(work, waiting.pop(0), options.stop_after or None, options.scenario))
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for found in (future.result() for future in ended):
                left = f"{len(waiting) + len(running)} left"
                print(f"[{time.monotonic() - began:.0f} s, {left}] {progress(found)}", file=sys.stderr, flush=True)
                yield found


def progress(found: Detection) -> str:
    """A line for who waits."""
    word = "MISSED" if is_missed(found) else "caught" if found.catches else "fine"
    return f"{found.fault}: {word}, by {len(found.catches)} of {found.ran} run, {found.seconds:g} s"


def main() -> int:
    """Do it."""
    options = arguments()
    index, parts = options.shard
    names = (options.fault or [CLEAN, *FAULTS])[index - 1 :: parts]
    if impossible := [] if has_sctp() else [name for name in names if name in _OF_SCTP]:
        print(f"cannot be tried, since this kernel has no SCTP sockets: {', '.join(impossible)}", file=sys.stderr)
        names = [name for name in names if name not in impossible]
    found = {each.fault: each for each in read(options.results)}
    for each in detections([name for name in names if name not in found], options):
        found[each.fault] = each
        if options.results:
            with options.results.open("a") as stream:
                stream.write(json.dumps(each.to_json()) + "\n")
    shown = [found[name] for name in (CLEAN, *FAULTS) if name in found]
    print(text(shown))
    if missing := [name for name in names if name not in found]:
        print(f"not tried: {', '.join(missing)}", file=sys.stderr)
    elif options.page:
        options.page.write_text(page(found))
    return int(bool(missing) or any(map(is_missed, shown)))


def has_sctp() -> bool:
    """Whether pods of an embedded cluster can speak SCTP."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        return False
    return True


def read(results: Path | None) -> list[Detection]:
    """What earlier pieces found."""
    if results is None or not results.exists():
        return []
    return [Detection.from_json(json.loads(line)) for line in results.read_text().splitlines()]


if __name__ == "__main__":
    sys.exit(main())
