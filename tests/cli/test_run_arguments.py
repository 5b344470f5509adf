"""What is wrong with the words of `run` and `clean` is said before anything is touched: one line and exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.cli import main
from probe.model.cell import ExitCode

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SMOKE, SEEDS = str(SCENARIOS / "smoke"), str(SCENARIOS / "seeds")
NOWHERE = ("--kubeconfig", "/nowhere")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_how_many_nodes_to_sample_is_not_how_many_a_sandbox_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--nodes must be at least 1, not 0" in said(capsys, "run", SMOKE, *NOWHERE, "--nodes", "0")
    assert "a sandbox has 1 to 50 nodes, not 0" in said(capsys, "run", SMOKE, "--sandbox", "--nodes", "0")
    assert "/nowhere does not exist" in said(capsys, "run", SMOKE, *NOWHERE, "--nodes", "500")


@pytest.mark.parametrize(
    "word", ["--ipv6", "--dual-stack", "--no-enforcement", "--no-cluster-policies", "--deny-with=reject"]
)
def test_what_a_sandbox_is_like_cannot_be_said_of_another_cluster(
    capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert "go with --sandbox" in said(capsys, "run", SMOKE, *NOWHERE, word)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run",), "cni-probe run: the following arguments are required: PATH\nsee cni-probe run --help\n"),
        (("doctor", "-q"), "cni-probe doctor: unrecognized arguments: -q\nsee cni-probe doctor --help\n"),
        (("sandbox", "status", "-x"), "cni-probe sandbox: unrecognized arguments: -x\nsee cni-probe sandbox --help\n"),
    ],
)
def test_a_mistake_is_answered_in_two_lines_not_with_every_option(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == told


def test_an_endpoint_that_no_scenario_has_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """Its cells would be unsupported, which fails no run: a slip of the pen must not go unnoticed."""
    text = said(capsys, "run", SEEDS, *NOWHERE, "--external", "valut=192.0.2.1", "--external", "vault=192.0.2.2")
    assert "--external valut: no scenario has an endpoint of this name (they have: " in text
    assert "vault" in text.partition("they have")[2]


@pytest.mark.parametrize("run", ["", "abc,x", "a b", "Abc"])
def test_clean_takes_no_empty_run_for_every_run(capsys: pytest.CaptureFixture[str], run: str) -> None:
    assert f"--run {run!r} is no run's id" in said(capsys, "clean", *NOWHERE, "--run", run)


@pytest.mark.parametrize("seconds", ["-5", "nan", "inf"])
def test_clean_waits_for_a_number_of_seconds(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    assert "--timeout must be a number of seconds" in said(capsys, "clean", *NOWHERE, "--timeout", seconds)
