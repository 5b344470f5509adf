"""``cni-probe diff``: files in, an answer and an exit code out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probe.cli import main

PUBLISHED = sorted((Path(__file__).parents[1] / "report" / "records").glob("*.json"))
"""Records as earlier versions wrote them, by the day of the version."""


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "run.json"
    path.write_text(PUBLISHED[-1].read_text())
    return path


def worsened(record: Path) -> Path:
    data = json.loads(record.read_text())
    cell = next(each for each in data["scenarios"][0]["steps"][0]["cells"] if each["expected"] == "deny")
    cell |= {"verdict": "leak", "outcome": "connected", "reason": "expected deny, but it connected"}
    path = record.with_name("worse.json")
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_records_of_every_version_that_was_published_can_be_compared(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(path), str(path)]) == 0
    assert "no regression in 16 cells" in capsys.readouterr().out


def test_only_a_regression_is_exit_code_1(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worse = worsened(record)
    assert main(["diff", str(record), str(worse)]) == 1
    assert "1 regression" in capsys.readouterr().out
    assert main(["diff", str(worse), str(record)]) == 0
    assert "1 fixed" in capsys.readouterr().out


def test_reports_go_to_files_as_those_of_a_run_do(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"-o={format}={tmp_path / format}" for format in ("json", "markdown", "junit")]
    assert main(["diff", str(record), str(record), *words]) == 0
    assert json.loads((tmp_path / "json").read_text())["kind"] == "RunDiff"
    assert (tmp_path / "markdown").read_text().startswith("### ")
    assert (tmp_path / "junit").read_text().startswith("<?xml")
    assert "no regression" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--chance", "2"], "--chance must be between 0 and 1, not 2"),
        (["--slower-by", "-1"], "--slower-by must be a number of seconds, not -1"),
        (["-o", "jsn"], "did you mean json?"),
        (["-o", "json", "-o", "markdown"], "both write to stdout"),
    ],
)
def test_wrong_words_are_exit_code_2(
    record: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", str(record), str(record), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_record_is_named(record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text('{"apiVersion": "v1", "kind": "Pod"}')
    assert main(["diff", str(record), str(tmp_path / "other.json")]) == 2
    said = capsys.readouterr().err
    assert "other.json" in said
    assert "not a run record" in said
