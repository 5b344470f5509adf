"""``cni-probe conformance`` without a cluster: what it lists, what it copies out, and mistakes on its command line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from probe.cli import main
from probe.model.cell import ExitCode
from probe.scenario import load_scenarios
from probe.scenario.suite import conformance_suite, write_suite

ROOT = Path(__file__).parents[2]
NOWHERE = ("--kubeconfig", "/nowhere")


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main(["conformance", "--list", "-o", "json", *words]) == ExitCode.PASSED
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["scenarios"]
    return found


def wrong(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_the_list_has_every_scenario_with_tags_steps_and_cells(capsys: pytest.CaptureFixture[str]) -> None:
    suite = {scenario.name: scenario for scenario in load_scenarios([ROOT / "scenarios/conformance"])}
    found = listed(capsys)
    assert [each["name"] for each in found] == [*suite]
    for each in found:
        scenario = suite[each["name"]]
        assert each["tags"] == dict(scenario.labels)
        assert each["steps"] == len(scenario.steps)
        assert each["cells"] > 0
        assert each["description"]


def test_the_list_is_of_what_would_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--tag", "feature=sctp", "--exclude", "isolates")
    first, second = ([each["name"] for each in listed(capsys, *chosen, "--shard", f"{i}/2")] for i in (1, 2))
    assert first
    assert second
    assert not {*first} & {*second}
    assert all(name.startswith("sctp-") and "isolates" not in name for name in first + second)


def test_the_list_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "--list", "--include", "^port-range$"]) == ExitCode.PASSED
    head, _, line, sum_ = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["scenario", "steps", "cells", "tags"]
    assert line.startswith("port-range ")
    assert "feature=port-ranges" in line
    assert sum_.startswith("1 of ")


def test_the_suite_that_is_copied_out_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    copy = write_suite(tmp_path / "mine")
    assert copy == tmp_path / "mine/conformance"
    names = [scenario.name for scenario in load_scenarios([copy])]
    assert names == [scenario.name for scenario in load_scenarios([conformance_suite()])]


def test_a_directory_with_something_in_it_is_not_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("")
    assert "is not empty" in wrong(capsys, "conformance", "--write", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_wheel_has_what_the_copy_has(tmp_path: Path) -> None:
    """The package's data is listed in pyproject.toml: nothing of the suite may be missing there."""
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    write_suite(tmp_path)
    assert included["force-include"] == {
        f"scenarios/{path.name}": f"probe/_scenarios/{path.name}" for path in tmp_path.iterdir()
    }


SMOKE = ("run", str(ROOT / "scenarios/smoke"), *NOWHERE)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--include", "("), "not a regular expression"),
        (("--tag", "sute"), 'no scenario has a label "sute" (did you mean "suite"?)'),
        (("--shard", "3/2"), "write I/N"),
        (("--shuffle", "often"), "write a number, or `random`"),
        (("--strict-known-failures",), "goes with --known-failures"),
        (
            ("--known-failures", "/nowhere/known.yaml"),
            "/nowhere/known.yaml: cannot be read: No such file",
        ),
        (("--shuffle", "random", "--include", "smoke"), "/nowhere does not exist"),
    ],
)
def test_a_choice_that_cannot_be_meant_is_an_error_before_anything_is_asked_of_a_cluster(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    assert told in wrong(capsys, *SMOKE, *words)


def test_the_suite_takes_the_same_choices(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no scenario of" in wrong(capsys, "conformance", *NOWHERE, "--include", "^nothing$")
    assert "table and json, not junit" in wrong(capsys, "conformance", "--list", "-o", "junit")
