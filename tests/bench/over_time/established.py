"""What becomes of connections that are open when something changes, in both modes of the embedded cluster."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from tests.bench.over_time.commands import OVER_TIME, Json, cell_name, measured

MODES = (("cut", ()), ("kept", ("--fault", "established-kept")))


def show() -> list[str]:
    """Print the table; what is wrong, in sentences."""
    table: dict[str, list[object]] = {}
    wrong: list[str] = []
    for mode, words in MODES:
        record = measured("run", OVER_TIME / "established.yaml", "--sandbox", *words)
        if record["exitCode"] != 0:
            wrong.append(f"{mode}: exit code {record['exitCode']}")
        for step in record["scenarios"][0]["steps"]:
            held = [cell for cell in step["cells"] if cell["via"] == "established"]
            wrong += (f"{mode}, {step['name']}: {text}" for text in _mistakes(mode, held))
            for protocol in ("TCP", "UDP"):
                for who, cells in _groups([cell for cell in held if cell["protocol"] == protocol]):
                    table.setdefault(f"{step['name']}|{who}|{protocol}", []).append(_fates(cells))
    rows = [[*key.split("|"), *fates] for key, fates in table.items()]
    print(tabulate(rows, ("change", "a new connection is", "protocol", "default", "established-kept")))
    return wrong


def _groups(held: list[Json]) -> Iterator[tuple[str, list[Json]]]:
    for who, expected in (("denied", False), ("allowed", True)):
        if cells := [cell for cell in held if (cell["source"] == "shop/friend") is expected]:
            yield who, cells


def _fates(cells: list[Json]) -> str:
    """``cut after 8 to 49 ms``, ``kept``."""
    ends = [cell["history"][-1]["at"] * 1000 for cell in cells if cell["outcome"] != "connected"]
    kept = len(cells) - len(ends)
    if not ends:
        return "kept"
    spread = f"{min(ends):.0f} to {max(ends):.0f} ms" if len(ends) > 1 else f"{ends[0]:.0f} ms"
    return f"cut after {spread}" + (f", {kept} kept" if kept else "")


def _mistakes(mode: str, held: list[Json]) -> Iterator[str]:
    if not held:
        yield "no connection was followed"
    for cell in held:
        fate = "kept" if cell["outcome"] == "connected" else "cut"
        wanted = "kept" if cell["source"] == "shop/friend" else mode
        if fate != wanted:
            yield f"{cell_name(cell)} was {fate}, not {wanted}: {cell['reason']}"
