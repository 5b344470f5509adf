"""What GitHub Actions is told: commands that the runner can read, ten at the most, and a summary."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from probe.model.errors import UsageError
from probe.model.record import RunRecord
from probe.report.github import GitHub
from probe.report.workflow import Commands
from tests.report.runner import taken

COMMANDS = Commands(io.StringIO())
COMMAND = re.compile(r"::error (?P<properties>[^:\n]*)::(?P<message>[^\n]*)\n")


def unescaped(text: str) -> str:
    """As the runner does: the percent sign last."""
    for code, char in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def told(record: RunRecord, workspace: Path | None = None) -> list[dict[str, str]]:
    """The annotations as the runner reads them."""
    found = []
    for line in GitHub(Path("unused"), COMMANDS, workspace).annotations(record):
        command = COMMAND.fullmatch(line)
        assert command, line
        pairs = (pair.split("=", 1) for pair in command["properties"].split(","))
        found.append({key: unescaped(value) for key, value in pairs} | {"message": unescaped(command["message"])})
    return found


def leak(build: Any, number: int = 80, **more: Any) -> Any:
    return build.cell(port=f"{number}/TCP", expected="deny", outcome="connected", **more)


def test_a_run_that_passed_has_no_annotation(green: RunRecord) -> None:
    assert told(green) == []


def test_cells_of_one_line_share_an_annotation_at_the_rule_or_at_the_step(build: Any) -> None:
    cells = [leak(build, 80, line=12), leak(build, 81, line=12), leak(build, 82)]
    first, second = told(build.run(build.scenario(build.step(cells, line=7))))
    assert first == {
        "file": "scenarios/seeds/frontend-ingress.yaml",
        "line": "12",
        "title": "frontend-ingress: frontend-policy",
        "message": "leak: production/backend -> production/frontend 80/TCP: expected deny, but it connected "
        "(here in all: 2 leak)",
    }
    assert (second["line"], "in all" in second["message"]) == ("7", False)


def test_mismatches_come_first_and_the_tenth_says_how_many_more(build: Any) -> None:
    lost = [build.cell(port=f"{number}/TCP", outcome="agent-error", line=number) for number in range(1, 9)]
    leaks = [leak(build, number, line=number) for number in range(101, 106)]
    found = told(build.run(build.scenario(build.step(lost + leaks)), problems=["slow"]))
    assert len(found) == 10
    assert [each["message"].partition(":")[0] for each in found[:5]] == ["leak"] * 5
    assert found[-1]["message"] == "and 5 places more: see the step's summary"


def test_a_cell_of_an_old_record_is_told_at_the_head_of_its_file(build: Any) -> None:
    (found,) = told(build.run(build.scenario(build.step([leak(build)]))))
    assert (found["file"], found["line"]) == ("scenarios/seeds/frontend-ingress.yaml", "1")


def test_paths_are_those_of_the_repository(build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "repository/tests").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository/tests")
    record = build.run(build.scenario(build.step([leak(build)]), file="policies.yaml"))
    absolute = build.run(build.scenario(build.step([leak(build)]), file=str(tmp_path / "elsewhere.yaml")))
    assert told(record, tmp_path / "repository")[0]["file"] == "tests/policies.yaml"
    assert told(absolute, tmp_path / "repository")[0]["file"] == str(tmp_path / "elsewhere.yaml")


def test_hostile_texts_are_no_commands(build: Any) -> None:
    evil = "50%,x:y::error file=a::b\n::stop-commands::x\r\x1b"
    step = build.step([leak(build, reason=evil)], name=evil, line=3)
    (found,) = told(build.run(build.scenario(step, name=evil, file=evil)))
    spelt = evil.replace("\n", "\\n").replace("\r", "\\r").replace("\x1b", "\\x1b")
    assert found["file"] == spelt
    assert found["title"].startswith("50%,x:y::error file=a::b\\n")
    assert "50%,x:y::error file=a::b ::stop-commands::x" in found["message"]


def test_only_what_is_said_is_taken_for_a_command() -> None:
    log = io.StringIO()
    with Commands(log) as commands:
        log.write("::error::of a cluster\n ##[error]of a scenario\n")
        commands.say(["::error title=ours::one\n", "::error title=ours::two\n"])
        log.write("::add-path::/tmp/evil\n")
        tokens = re.findall(r"^::stop-commands::(.*)", log.getvalue(), re.MULTILINE)
        log.write(f"::{tokens[0]}::\n::error::by a token of before\n")
    assert taken(log.getvalue()) == ["::error title=ours::one", "::error title=ours::two"]
    assert len(set(tokens)) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", token) for token in tokens)


@pytest.mark.parametrize(
    "doubtful",
    [
        lambda build, step: build.run(build.scenario(step), interrupted=True),
        lambda build, step: build.run(build.scenario(step), exit_code=3),
        lambda build, step: build.run(build.scenario(step), problems=["the API server went away"]),
        lambda build, step: build.run(build.scenario(replace(step, completed=False))),
    ],
)
def test_a_run_that_did_not_pass_is_never_silent(build: Any, doubtful: Any) -> None:
    assert told(doubtful(build, build.step([build.cell()])))


def test_the_summary_is_appended_to(tmp_path: Path, green: RunRecord) -> None:
    (tmp_path / "summary").write_text("of an earlier program\n")
    github = GitHub.of(COMMANDS, {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")})
    github.append(green)
    github.append(green)
    text = (tmp_path / "summary").read_text()
    assert text.startswith("of an earlier program\n### :white_check_mark: PASS 54 cells")
    assert text.count("### :white_check_mark:") == 2


def test_without_a_runner_it_is_a_usage_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--github needs \$GITHUB_STEP_SUMMARY"):
        GitHub.of(COMMANDS, {})
    with pytest.raises(UsageError, match=r"cannot append to .* Is a directory"):
        GitHub.of(COMMANDS, {"GITHUB_STEP_SUMMARY": str(tmp_path)})
