"""The start race with windows of known length: the distribution that is measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tabulate import tabulate

from tests.bench.over_time.commands import OVER_TIME, Json, measured

WINDOWS = ((0.0, ()), (0.05, ("--fault", "new-pods-open-50ms")), (0.3, ("--fault", "new-pods-open-300ms")))


def show() -> list[str]:
    """Print the table; what is wrong, in sentences."""
    rows: list[list[object]] = []
    wrong: list[str] = []
    for window, words in WINDOWS:
        with tempfile.TemporaryDirectory() as folder:
            record = measured("run", _scenario(Path(folder)), "--sandbox", *words)
        races = record["scenarios"][0]["steps"][0]["startRace"]
        rows += ([f"{window * 1000:.0f}", *_row(race)] for race in races)
        wrong += (f"window of {window * 1000:.0f} ms: {text}" for text in _mistakes(window, record["exitCode"], races))
    headers = ("window ms", "attempts of", "port", "family", "nodes", "pods", "p50 ms", "p99 ms", "max ms", "packets")
    print(tabulate(rows, headers, floatfmt=".0f"))
    return wrong


def _scenario(folder: Path) -> Path:
    """The first step of the shipped one, with twenty pods that come one after another."""
    first, _, _ = (OVER_TIME / "first-moments.yaml").read_text().partition("\n\n    - name: pods with addresses")
    path = folder / "first-moments.yaml"
    path.write_text(f"{first}\n        pods: 20\n        at-once: 1\n")
    return path


def _row(race: Json) -> Iterator[object]:
    yield "the pods" if "@" in race["source"] else "others"
    yield f"{race['port']}/{race['protocol']}"
    yield from (race["family"], race["topology"], len(race["pods"]))
    yield from (race[key] * 1000 for key in ("p50", "p99", "longest"))
    yield f"{sum(pod['packets'] for pod in race['pods'])} of {sum(pod['attempts'] for pod in race['pods'])}"


def _mistakes(window: float, code: int, races: list[Json]) -> Iterator[str]:
    """A window that is closed before the first attempt may be missed in one direction, a long one may not."""
    passed = [race for race in races if race["longest"] > 0]
    if not window and (passed or code != 0):
        yield f"exit code {code}, and {len(passed)} distributions are not 0"
    if window and (not passed or code != 1):
        yield f"exit code {code}, and {len(passed)} distributions are not 0"
    for race in races if window >= 0.3 else ():
        if race["longest"] < window / 2:
            yield f"{race['source']} -> {race['destination']} was measured {race['longest'] * 1000:.0f} ms at most"
