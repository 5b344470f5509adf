"""Where the output cannot be written: said in one line, or not at all when nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

SCENARIOS = Path(__file__).parents[2] / "scenarios"
COMMANDS = (["plan", str(SCENARIOS)], ["plan", str(SCENARIOS / "smoke")], ["validate", str(SCENARIOS)], ["schema"])
BUFFERED = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}


def cni_probe(words: list[str], stdout: int | IO[bytes]) -> tuple[int, str]:
    code = "import sys; from probe.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=BUFFERED,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [*COMMANDS, ["--help"], ["plan", "--help"]], ids=" ".join)
def test_a_reader_that_has_gone_is_not_an_error_worth_a_word(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert cni_probe(words, writer) == (3, "")
    finally:
        os.close(writer)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("words", [*COMMANDS, ["--help"]], ids=" ".join)
def test_a_full_disk_is_said_in_one_line(words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        assert cni_probe(words, full) == (3, "cni-probe: cannot write to stdout: No space left on device\n")


@pytest.mark.parametrize("fault", ["open('/nowhere/at/all')", "{}['nothing']"], ids=["OSError", "KeyError"])
def test_a_fault_of_its_own_is_told_with_its_place_and_is_not_taken_for_a_leak(fault: str) -> None:
    """Python would end with exit code 1, which says that the cluster did something else than expected."""
    code = (
        "import sys; from probe.cli import main, validate\n"
        f"def run(args): {fault}\n"
        "validate.run = run\n"
        "sys.exit(main(['validate', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "in run" in done.stderr
    assert "this is a fault of cni-probe itself" in done.stderr
