"""``cni-probe schema``: printed, and compared with the copies in the repository."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from probe.cli import main

ROOT = Path(__file__).parents[2]
PUBLISHED = {
    "scenario": ROOT / "scenarios/scenario.schema.json",
    "fleet": ROOT / "scenarios/fleet.schema.json",
    "config": ROOT / "scenarios/run-config.schema.json",
    "run": ROOT / "probe/report/run-record.schema.json",
    "matrix": ROOT / "probe/report/truth-table.schema.json",
}


@pytest.mark.parametrize("what", PUBLISHED)
def test_a_valid_schema_is_printed(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", what]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("what", PUBLISHED)
def test_the_published_copy_is_current(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", what, "--check", str(PUBLISHED[what])]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_copy_that_is_not_current_fails_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text("{}\n", "utf-8")
    assert main(["schema", "--check", str(copy)]) == 1
    assert f"{copy} is not the current schema" in capsys.readouterr().err
    assert main(["schema", "--check", str(tmp_path / "none.json")]) == 2
