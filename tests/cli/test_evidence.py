"""``cni-probe evidence``: what it says, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.cli import main
from probe.model.cell import ExitCode
from probe.model.record import ClusterRecord, RunRecord
from probe.report.render import RenderOptions
from probe.report.run_record import render


@pytest.fixture
def run(tmp_path: Path) -> Path:
    cluster = ClusterRecord("https://127.0.0.1:6443", "v1.34.0", ["node-1"])
    record = RunRecord(
        "aaaaaa", "cni-probe 0.1.0", "2026-11-20T10:00:00Z", "2026-11-20T10:00:12Z", 12.0, cluster, [], {}, 3
    )
    (tmp_path / "run.json").write_text(render(record, RenderOptions()))
    return tmp_path / "run.json"


def test_it_is_written_verified_and_a_change_found(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "evidence")
    assert main(["evidence", str(run), "-o", folder]) == ExitCode.PASSED
    said = capsys.readouterr().out
    assert said.startswith(f"evidence of run aaaaaa in {folder}: 5 files\n  INCONCLUSIVE: not one cell was proven\n")
    digest = said.split("SHA-256 ")[1].split()[0]
    assert main(["evidence", "--verify", folder]) == ExitCode.PASSED
    said = capsys.readouterr().out
    assert f"SHA256SUMS has the SHA-256 {digest}" in said
    assert "it is not signed" in said
    (tmp_path / "evidence/report.md").write_text("all is well")
    assert main(["evidence", "--verify", folder]) == ExitCode.MISMATCH
    said = capsys.readouterr().out
    assert said.startswith(f"{folder} is not what was written: 1 problem\n  report.md: was changed: ")


def test_a_signature_is_written_and_asked_about(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "evidence")
    assert main(["evidence", str(run), "-o", folder, "--sign", "sha512sum"]) == ExitCode.PASSED
    check = f"sh -c 'sha512sum | cmp --quiet - {folder}/SHA256SUMS.sig'"
    assert main(["evidence", "--verify", folder, "--verify-signature", check]) == ExitCode.PASSED
    assert "SHA256SUMS.sig: accepted as its signature" in capsys.readouterr().out
    assert main(["evidence", "--verify", folder, "--verify-signature", "false"]) == ExitCode.MISMATCH
    main(["evidence", "--verify", folder])
    assert "not looked at; --verify-signature COMMAND does" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say which run and where to"),
        (["RUN"], "say which run and where to"),
        (["RUN", "--verify", "DIR"], "--verify takes a folder alone"),
        (["RUN", "-o", "DIR", "--verify-signature", "true"], "goes with --verify"),
        (["RUN", "-o", "."], "the directory is not empty"),
        (["--verify", "missing"], "missing is not a directory"),
        (["RUN", "-o", "DIR", "--sign", "/no/such --program"], "no such program: /no/such"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evidence", *(word.replace("RUN", str(run)) for word in words)]) == ExitCode.USAGE
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
