"""Where reports go: parsing ``-o``, early refusal, whole files, streams that cannot show everything."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode
from probe.model.errors import UsageError
from probe.model.packed import PackedCells
from probe.model.record import RunRecord
from probe.report.outputs import FORMATS, Outputs, stream_options
from probe.report.render import RenderOptions
from probe.report.sinks import Output


def test_stdout_gets_the_table_unless_something_else_claims_it() -> None:
    assert Outputs.parse([]).outputs == (Output("table"),)
    assert Outputs.parse(["json=run.json"]).outputs == (Output("json", Path("run.json")), Output("table"))
    assert Outputs.parse(["wide"]).outputs == (Output("wide"),)
    assert Outputs.parse(["json=-", "junit=a=b.xml"]).outputs == (Output("json"), Output("junit", Path("a=b.xml")))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (["jsn"], "unknown format 'jsn'; did you mean json"),
        (["yaml=x"], "known: table, wide, summary, json, junit, html, markdown, tap, prometheus, csv"),
        (["json="], "a file name must follow"),
        (["json", "wide"], "-o json and -o wide both write to stdout"),
        (["json=./same", "wide=same"], "two formats would be written to"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        Outputs.parse(values)


def test_a_file_that_cannot_be_written_is_found_before_the_run(tmp_path: Path) -> None:
    for path, complaint in ((tmp_path, "is a directory"), (tmp_path / "no" / "run.json", "No such file or directory")):
        with pytest.raises(UsageError, match=complaint):
            Outputs.parse([f"json={path}"]).check()
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="Not a directory"):
        Outputs.parse([f"json={tmp_path / 'file' / 'run.json'}"]).check()


def test_the_check_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("old")
    Outputs.parse([f"json={tmp_path / 'new.json'}", f"wide={tmp_path / 'old.json'}"]).check()
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"]
    assert (tmp_path / "old.json").read_text() == "old"


@pytest.mark.parametrize("name", FORMATS)
def test_packed_cells_read_like_any_others(red: RunRecord, name: str) -> None:
    def text_of(record: RunRecord) -> str:
        return "".join(FORMATS[name](record, RenderOptions()))

    (scenario,) = red.scenarios
    steps = [replace(step, cells=PackedCells(step.cells)) for step in scenario.steps]
    assert text_of(replace(red, scenarios=[replace(scenario, steps=steps)])) == text_of(red)


def test_files_are_written_whole_and_named_on_stdout(tmp_path: Path, green: RunRecord) -> None:
    stdout = io.StringIO()
    files = {name: tmp_path / f"run.{name}" for name in FORMATS}
    files["json"].write_text("old")
    Outputs.parse([f"{name}={path}" for name, path in files.items()]).write(green, stdout)
    assert json.loads(files["json"].read_text())["run"] == "ab12cd"
    assert files["junit"].read_bytes().startswith(b"<?xml")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in files.values())
    assert f"written: {files['json']}" in stdout.getvalue()
    assert "PASS 54 cells" in stdout.getvalue()


def test_files_get_the_permissions_of_any_new_file(tmp_path: Path, green: RunRecord) -> None:
    (tmp_path / "plain").touch()
    Outputs.parse([f"json={tmp_path / 'run.json'}"]).write(green, io.StringIO())
    assert (tmp_path / "run.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_symbolic_link_stays_and_its_target_is_replaced(tmp_path: Path, green: RunRecord) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    Outputs.parse([f"json={tmp_path / 'link'}"]).write(green, io.StringIO())
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "target").read_text())["kind"] == "RunRecord"


def test_a_device_is_written_to_and_never_replaced(green: RunRecord) -> None:
    outputs = Outputs.parse(["json=/dev/null", "junit=/dev/null"])
    outputs.check()
    outputs.write(green, io.StringIO())
    assert Path("/dev/null").is_char_device()


def test_a_file_that_fails_after_the_run_does_not_cost_the_other_reports(tmp_path: Path, green: RunRecord) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    outputs = Outputs.parse([f"json={gone / 'run.json'}", f"junit={tmp_path / 'junit.xml'}"])
    outputs.check()
    gone.rmdir()
    stdout = io.StringIO()
    written = outputs.write(green, stdout)
    assert written.exit_code == ExitCode.HARNESS
    assert "cannot write" in written.problems[0]
    assert "cannot write" in (tmp_path / "junit.xml").read_text()
    assert "exit code 3" in stdout.getvalue()
    assert "54" in stdout.getvalue()


def test_a_stream_without_unicode_gets_escapes(build: Any) -> None:
    record = build.run(build.scenario(build.step([build.cell()]), description="naïve 宽"))
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Outputs.parse([]).write(record, stream)
    assert rb"na\xefve \u5bbd" in raw.getvalue()


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with open(master, "rb", buffering=0), open(slave, "w") as terminal:
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert stream_options(terminal).colour
        monkeypatch.setenv("NO_COLOR", "1")
        assert not stream_options(terminal).colour
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("TERM", "dumb")
        assert not stream_options(terminal).colour
    assert not stream_options(io.StringIO()).colour


def test_the_width_is_the_terminals_or_what_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert stream_options(io.StringIO()).width >= 80
    monkeypatch.setenv("COLUMNS", "132")
    assert stream_options(io.StringIO()).width == 132
    monkeypatch.setenv("COLUMNS", "a few")
    assert stream_options(io.StringIO()).width >= 80


def test_a_reader_that_went_away_is_no_error() -> None:
    program = (
        "import os, sys; from probe.report.sinks import print_pieces; r, w = os.pipe(); os.close(r); "
        "print_pieces('x' * 100000, os.fdopen(w, 'w')); print('fine')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False, env=dict(os.environ)
    )
    assert (done.stdout, done.stderr, done.returncode) == ("fine\n", "", 0)
