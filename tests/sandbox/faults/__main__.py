"""``python -m tests.sandbox.faults [TEXT]``: play faults (whose names contain TEXT), and print what came of each."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import textwrap
from pathlib import Path

from tabulate import tabulate

from probe.sandbox.launch import Sandbox
from tests.sandbox.faults.matrix import ROWS, play, play_slow
from tests.sandbox.faults.stage import Line

_FAULT, _NUMBERS = 30, 30


async def main(text: str) -> int:
    """Exit code 1 when a row is not as it must be."""
    rows = [row for row in ROWS if text in row.fault]
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_RUNTIME_DIR"] = name
        async with Sandbox.start() as sandbox:
            print(f"{len(rows)} faults ...", file=sys.stderr)
            lines = {fault: done.result() for fault, done in (await play_slow(rows, sandbox, Path(name))).items()}
            for number, row in enumerate(rows):
                if not row.slow:
                    lines[row.fault] = await play(row, sandbox, Path(name) / f"{number}")
    print(table([lines[row.fault] for row in rows]))
    wrong = [line for line in lines.values() if line.wrong]
    for line in wrong:
        print(f"{line.fault}: {'; '.join(line.wrong)}", file=sys.stderr)
    print(f"{len(rows) - len(wrong)} of {len(rows)} as documented")
    return 1 if wrong else 0


def table(lines: list[Line]) -> str:
    """The matrix for a terminal."""
    width = max(40, shutil.get_terminal_size((120, 24)).columns - _FAULT - _NUMBERS)
    header = ("fault", "what was seen", "exit code", "leftovers")
    rows = [(wrapped(line.fault, _FAULT), wrapped(line.seen, width), line.exit_code, line.leftovers) for line in lines]
    return tabulate(rows, header, tablefmt="simple_grid", disable_numparse=True)


def wrapped(text: str, width: int) -> str:
    return "\n".join(part for line in text.splitlines() for part in textwrap.wrap(line, width))


if __name__ == "__main__":
    sys.exit(asyncio.run(main(" ".join(sys.argv[1:]))))
