"""``cni-probe report``: the reports of a run, from its journal or its record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from probe.cli import main
from probe.model.cell import ExitCode, Expectation, Family, Outcome, Protocol, Verdict
from probe.model.cell import Path as Path_
from probe.model.events import Event, RunDone, RunStarted
from probe.model.record import CellRecord, ClusterRecord, RunRecord, ScenarioRecord, StepRecord
from probe.report.journal import Journal
from probe.report.render import RenderOptions
from probe.report.run_record import render
from tests.report.runner import taken

CLUSTER = ClusterRecord("https://127.0.0.1:6443", "v1.34.0", ["node-1"])


def journal(path: Path, run: str, *, ended: bool = True) -> None:
    started = RunStarted(run, "2026-11-20T10:00:00+00:00", CLUSTER, 0)
    events: list[Event] = [started, *([RunDone("2026-11-20T10:00:12+00:00", 12.0, False)] if ended else [])]
    with Journal(path) as writer:
        for event in events:
            writer.see(event)


def test_a_journal_becomes_any_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path / "j", "aaaaaa")
    assert main(["report", str(tmp_path / "j"), "-o", f"json={tmp_path / 'run.json'}"]) == ExitCode.PASSED
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["run"], record["seconds"], record["interrupted"]) == ("aaaaaa", 12.0, False)
    assert "run aaaaaa on https://127.0.0.1:6443" in " ".join(capsys.readouterr().out.split())


def test_a_record_becomes_any_report_and_its_exit_code_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = RunRecord(
        "aaaaaa", "cni-probe 0.1.0", "2026-11-20T10:00:00Z", "2026-11-20T10:00:12Z", 12.0, CLUSTER, [], {}, 3
    )
    (tmp_path / "run.json").write_text(render(record, RenderOptions()))
    assert main(["report", str(tmp_path / "run.json")]) == ExitCode.PASSED
    assert main(["report", str(tmp_path / "run.json"), "--exit-code"]) == ExitCode.HARNESS
    assert "exit code 3" in capsys.readouterr().out


def test_a_journal_without_an_end_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path / "j", "aaaaaa", ended=False)
    assert main(["report", str(tmp_path / "j"), "--exit-code"]) == ExitCode.INTERRUPTED
    said = " ".join(capsys.readouterr().out.split())
    assert "the journal ends in mid-run" in said
    assert "`cni-probe clean --run aaaaaa` removes what it left" in said


def test_of_several_runs_the_last_is_taken_or_the_one_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal(tmp_path / "j", "aaaaaa")
    journal(tmp_path / "j", "bbbbbb")
    main(["report", str(tmp_path / "j")])
    said = capsys.readouterr()
    assert "run bbbbbb on" in said.out
    assert "--run chooses another: aaaaaa" in said.err
    main(["report", str(tmp_path / "j"), "--run", "aaaaaa"])
    assert "run aaaaaa on" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read"),
        ("hello", "neither a journal nor a run record"),
        ('{"kind": "Scenario"}', "not a run record: expected cni-probe/v1 RunRecord"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "f").write_text(content)
    assert main(["report", str(tmp_path / "f")]) == ExitCode.USAGE
    assert message in capsys.readouterr().err


def test_a_run_that_is_not_in_the_journal_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal(tmp_path / "j", "aaaaaa")
    assert main(["report", str(tmp_path / "j"), "--run", "cccccc"]) == ExitCode.USAGE
    assert "has no run cccccc; it has: aaaaaa" in capsys.readouterr().err


def leaking() -> RunRecord:
    cell = CellRecord(
        "shop/api", "shop/web", 80, Protocol.TCP, Family.IPV4, Path_.POD_IP, None, Expectation.DENY, Outcome.CONNECTED,
        Verdict.LEAK, "expected deny, but it connected", line=12,
    )  # fmt: skip
    step = StepRecord("contained", "", [], None, 0.0, None, 0.0, 0.0, [cell], line=7)
    scenario = ScenarioRecord("shop", "shop.yaml", "", {}, {}, [], 0.0, None, [step])
    return RunRecord(
        "aaaaaa", "cni-probe 0.1.0", "2026-11-20T10:00:00Z", "2026-11-20T10:00:12Z", 12.0, CLUSTER, [scenario],
        {Verdict.LEAK: 1}, 1,
    )  # fmt: skip


@pytest.mark.parametrize(("output", "stream"), [("table", "out"), ("json", "err")])
def test_github_is_told_where_no_program_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, output: str, stream: str
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    (tmp_path / "run.json").write_text(render(leaking(), RenderOptions()))
    words = ["report", str(tmp_path / "run.json"), "--github", "-o", output, "-o", f"markdown={tmp_path / 'run.md'}"]
    assert main(words) == ExitCode.PASSED
    said = capsys.readouterr()
    assert taken(getattr(said, stream)) == [
        "::error file=shop.yaml,line=12,title=shop%3A contained::"
        "leak: shop/api -> shop/web 80/TCP: expected deny, but it connected"
    ]
    assert (tmp_path / "summary").read_text() == (tmp_path / "run.md").read_text() + "\n"
    if output == "json":
        json.loads(said.out)


def test_to_github_neither_a_table_nor_a_mistake_is_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    record = leaking()
    record.problems = ["::add-path::/tmp"]
    record.scenarios[0].steps[0].name = "##[add-path]/tmp"
    (tmp_path / "run.json").write_text(render(record, RenderOptions()))
    assert main(["report", str(tmp_path / "run.json"), "--github"]) == ExitCode.PASSED
    said = capsys.readouterr()
    assert "##[add-path]" in said.out
    assert {line.partition("title=")[0] for line in taken(said.out)} == {
        "::error file=shop.yaml,line=12,", "::error ",
    }  # fmt: skip
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: '##[add-path]/tmp'\n")
    assert main(["run", str(tmp_path / "a.yaml"), "--github", "-o", "json"]) == ExitCode.USAGE
    said = capsys.readouterr()
    assert "##[add-path]" in said.err
    assert taken(said.err) == []
    assert said.out == ""


def test_github_elsewhere_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "run.json").write_text(render(leaking(), RenderOptions()))
    words = ["report", str(tmp_path / "run.json"), "--github", "-o", f"csv={tmp_path / 'run.csv'}"]
    assert main(words) == ExitCode.USAGE
    assert "--github needs $GITHUB_STEP_SUMMARY" in capsys.readouterr().err
    assert not (tmp_path / "run.csv").exists()
