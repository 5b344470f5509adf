"""What commands import before they do anything: an interpreter's start is most of what the quick ones take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SMOKE = Path(__file__).parents[2] / "scenarios/smoke"
CLIENTS = ("kubernetes", "aiohttp", "rich", "pyroute2")
READERS = ("pydantic", "yaml", "probe.scenario", "probe.policy")


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [(["validate", str(SMOKE)], CLIENTS), (["sandbox", "status", "--name", "none"], (*CLIENTS, *READERS))],
    ids=["validate", "sandbox"],
)
def test_what_a_command_does_not_use_is_not_imported(words: list[str], unneeded: tuple[str, ...]) -> None:
    code = (
        f"import sys; from probe.cli import main; code = main({words!r}); "
        f"print([name for name in {unneeded!r} if name in sys.modules]); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr
