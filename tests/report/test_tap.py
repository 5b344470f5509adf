"""TAP read back by node-tap's parser, in its strict mode."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from probe.model.record import RunRecord
from probe.report.render import RenderOptions
from probe.report.tap import pieces

EVIL = "a # SKIP \\ # TODO\x1b\nok 99 - forged\n1..1\nBail out! forged\n  ---\n  \" ' : {[ 宽 \ud800"


@dataclass(frozen=True)
class Read:
    """What the parser saw. ``ok``: whether the run as a whole passed."""

    ok: bool
    points: list[dict[str, Any]] = field(default_factory=list)
    other: list[tuple[str, Any]] = field(default_factory=list)


Reader: TypeAlias = Callable[[RunRecord], Read]


@pytest.fixture(scope="session")
def read() -> Reader:
    """Text that is no TAP is an error, comments and all."""
    installed = Path(__file__).parents[2] / ".venv/tap/node_modules/.bin/tap-parser"
    binary = str(installed) if installed.exists() else shutil.which("tap-parser")
    if binary is None or shutil.which("node") is None:
        pytest.skip("needs node and tap-parser (scripts/setup-image installs them)")

    def parsed(record: RunRecord) -> Read:
        text = "".join(pieces(record, RenderOptions()))
        line = [binary, "--json", "--strict"]
        done = subprocess.run(line, input=text.encode(), stdout=subprocess.PIPE, timeout=60, check=False)
        events: list[tuple[str, Any]] = [
            (each[0], each[1] if len(each) > 1 else None) for each in json.loads(done.stdout)
        ]
        (summary,) = (value for name, value in events if name == "complete")
        assert all(failure.get("tapError") in (None, "no plan") for failure in summary["failures"]), summary
        assert (done.returncode == 0) is summary["ok"]
        points = [value for name, value in events if name == "assert"]
        return Read(summary["ok"], points, [event for event in events if event[0] != "assert"])

    return parsed


@pytest.mark.npm
def test_every_cell_is_a_point_under_one_plan(read: Reader, green: RunRecord) -> None:
    found = read(green)
    assert found.ok
    assert found.other[:2] == [("version", 14), ("plan", {"start": 1, "end": 54, "comment": ""})]
    assert [point["id"] for point in found.points] == list(range(1, 55))
    assert found.points[-1]["name"] == (
        "frontend-ingress: frontend-policy: development/backend -> development/backend 53/UDP"
    )


@pytest.mark.npm
def test_only_what_passed_is_ok_and_what_nobody_can_judge_is_skipped(read: Reader, red: RunRecord) -> None:
    found = read(red)
    assert not found.ok
    told = [(point["ok"], bool(point["skip"])) for point in found.points]
    failed, skipped = (False, False), (True, True)
    assert told == [(True, False), failed, failed, failed, failed, failed, skipped, skipped]
    assert found.points[6]["skip"] == "the kernel has no SCTP"
    assert "diag" not in found.points[0] or found.points[0]["diag"] is None


@pytest.mark.npm
def test_a_failure_has_its_evidence_and_its_place_as_yaml(read: Reader, build: Any) -> None:
    cells = [build.cell(expected="deny", outcome="connected", line=12), build.cell(outcome="agent-error")]
    leak, lost = read(build.run(build.scenario(build.step(cells, line=7)))).points
    assert leak["diag"] | {"details": []} == {
        "message": "expected deny, but it connected",
        "severity": "fail",
        "verdict": "leak",
        "expected": "deny",
        "observed": "connected",
        "at": {"file": "scenarios/seeds/frontend-ingress.yaml", "line": 12},
        "details": [],
    }
    assert leak["diag"]["details"][0] == "expected deny, but it connected"
    assert leak["diag"]["details"][-1].startswith("repeat: kubectl exec -n cp-ab12cd-production backend")
    assert (lost["diag"]["verdict"], lost["diag"]["at"]["line"]) == ("inconclusive", 7)


@pytest.mark.npm
def test_hostile_names_and_errors_forge_nothing(read: Reader, build: Any) -> None:
    cells = [
        build.cell(expected="deny", outcome="connected", reason=EVIL, repeat=EVIL),
        build.cell(port="81/SCTP", outcome="unsupported", reason=EVIL),
        build.cell(port="82/TCP"),
    ]
    record = build.run(build.scenario(build.step(cells, name=EVIL), name=EVIL, file=EVIL), problems=[EVIL])
    found = read(record)
    assert [(point["ok"], bool(point["skip"]), bool(point["todo"])) for point in found.points] == [
        (False, False, False), (True, True, False), (True, False, False), (False, False, False),
    ]  # fmt: skip
    assert found.points[2]["name"].startswith("a # SKIP \\ # TODO\\x1b\\nok 99 - forged")
    assert found.points[0]["diag"]["details"][0].startswith("a # SKIP \\ # TODO\\x1b\\nok 99")
    assert [name for name, _ in found.other if name in ("bailout", "extra", "plan")] == ["plan"]


@pytest.mark.npm
@pytest.mark.parametrize(
    ("cut", "why"),
    [
        (lambda build, step: build.run(build.scenario(step), interrupted=True), "the run was interrupted"),
        (lambda build, step: build.run(build.scenario(step, completed=False)), "the scenario was not completed"),
        (
            lambda build, step: build.run(build.scenario(build.step(step.cells, completed=False))),
            "frontend-policy: the step was not completed",
        ),
        (lambda build, step: build.run(), "not one scenario was run"),
    ],
)
def test_a_run_that_was_not_completed_bails_out(read: Reader, build: Any, cut: Any, why: str) -> None:
    found = read(cut(build, build.step([build.cell()])))
    assert not found.ok
    (said,) = (value for name, value in found.other if name == "bailout")
    assert why in said


@pytest.mark.npm
@pytest.mark.parametrize(
    "doubtful",
    [
        lambda build, cell: build.run(build.scenario(build.step([cell])), problems=["the API server went away"]),
        lambda build, cell: build.run(build.scenario(build.step([cell], problems=["slow"]))),
        lambda build, cell: build.run(build.scenario(build.step([build.cell(outcome="unsupported")]))),
        lambda build, cell: build.run(build.scenario(build.step([cell])), exit_code=3),
    ],
)
def test_a_run_that_did_not_pass_is_never_ok(read: Reader, build: Any, doubtful: Any) -> None:
    assert not read(doubtful(build, build.cell())).ok
