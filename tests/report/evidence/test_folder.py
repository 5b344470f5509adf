"""The folder: written whole or not at all, and found out when anything in it is not what was written."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from probe.model.errors import CniProbeError, UsageError
from probe.model.record import PolicyRecord, RunRecord
from probe.report.evidence.folder import write_folder
from probe.report.evidence.signing import Command
from probe.report.evidence.verify import verify

SIGN = Command(
    (sys.executable, "-c", "import hmac, sys; print(hmac.digest(b'key', sys.stdin.buffer.read(), 'sha256').hex())"),
    "--sign",
)
CHECK = Command(
    (
        sys.executable,
        "-c",
        "import hmac, sys; right = hmac.digest(b'key', sys.stdin.buffer.read(), 'sha256').hex();"
        "sys.exit(open(sys.argv[1]).read().strip() != right and 'another signature')",
        "{signature}",
    ),
    "--verify-signature",
)


@pytest.fixture
def record(build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunRecord:
    """A run of a scenario that lies in the current directory, with a policy that changes from step to step."""
    monkeypatch.chdir(tmp_path)
    sources = {}
    for name, text in (("lab/a.yaml", "kind: Scenario\n"), ("policies/web.yaml", "kind: NetworkPolicy\n")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
        sources[name] = hashlib.sha256(text.encode()).hexdigest()
    first = PolicyRecord("shop/web", "NetworkPolicy", {"kind": "NetworkPolicy", "spec": {"podSelector": {}}}, True)
    second = replace(first, manifest={"kind": "NetworkPolicy", "spec": {"podSelector": {"matchLabels": {"a": "b"}}}})
    steps = [build.step([build.cell()], name=name, policies=[each]) for name, each in (("1", first), ("2", second))]
    made: RunRecord = build.run(build.scenario(*steps, sources=sources))
    return made


def names(directory: Path) -> set[str]:
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()}


def test_it_holds_the_run_its_policies_and_its_scenarios(record: RunRecord, tmp_path: Path) -> None:
    written = write_folder(record, tmp_path / "evidence")
    assert names(tmp_path / "evidence") == {
        "README.md",
        "SHA256SUMS",
        "evidence.json",
        "policies/frontend-ingress/shop/web-2.yaml",
        "policies/frontend-ingress/shop/web.yaml",
        "report.html",
        "report.md",
        "run.json",
        "sources/lab/a.yaml",
        "sources/policies/web.yaml",
    }
    assert (written.files, written.missing) == (9, ())
    index = json.loads((tmp_path / "evidence/evidence.json").read_text())
    assert (index["run"], index["answer"], index["exitCode"]) == ("ab12cd", "PASS 2 cells in 2 steps", 0)
    assert [(each["file"], each["steps"]) for each in index["policies"]] == [
        ("policies/frontend-ingress/shop/web.yaml", ["frontend-ingress: 1"]),
        ("policies/frontend-ingress/shop/web-2.yaml", ["frontend-ingress: 2"]),
    ]
    for each in index["policies"] + index["sources"]:
        data = (tmp_path / "evidence" / each["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == each["sha256"]
    assert verify(tmp_path / "evidence").problems == ()


def test_sha256sum_agrees(record: RunRecord, tmp_path: Path) -> None:
    write_folder(record, tmp_path / "evidence")
    words = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(words, cwd=tmp_path / "evidence", check=True, timeout=30)


def test_sources_that_are_not_what_was_run_are_left_out_and_named(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "lab/a.yaml").write_text("kind: Scenario # changed\n")
    (tmp_path / "policies/web.yaml").unlink()
    written = write_folder(record, tmp_path / "evidence")
    missing = {each.path: each.missing for each in written.missing}
    assert missing["lab/a.yaml"] == "it was changed since the run"
    assert missing["policies/web.yaml"] == "it cannot be read any more: No such file or directory"
    assert not (tmp_path / "evidence/sources").exists()
    page = (tmp_path / "evidence/README.md").read_text()
    assert "- lab/a.yaml: it was changed since the run\n" in page


def test_a_record_without_digests_brings_no_file_along(record: RunRecord, tmp_path: Path) -> None:
    record.scenarios[0].sources, record.scenarios[0].file = {}, "/etc/hostname"
    (missing,) = write_folder(record, tmp_path / "evidence").missing
    assert (missing.path, missing.missing) == ("/etc/hostname", "the record does not say what it was")


@pytest.mark.parametrize("name", ["../../out", "/etc/x", "a\nb", "..", "x" * 300, "ß\\", "con/../../y"])
def test_names_from_a_record_stay_within_the_folder(record: RunRecord, tmp_path: Path, name: str) -> None:
    scenario = record.scenarios[0]
    scenario.name = name
    scenario.steps[0].policies = [PolicyRecord(name, "NetworkPolicy", {"kind": "NetworkPolicy"})]
    before = names(tmp_path)
    write_folder(record, tmp_path / "evidence")
    assert all(each.startswith("evidence/") for each in names(tmp_path) - before)
    assert verify(tmp_path / "evidence").problems == ()


def tamper(path: Path) -> None:
    path.write_text(path.read_text().replace('"exitCode": 0', '"exitCode": 1'))


CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda home: tamper(home / "run.json"), "run.json: was changed: its SHA-256 is "),
    (lambda home: (home / "report.md").unlink(), "report.md: is missing"),
    (lambda home: (home / "policies/more.yaml").write_text("more"), "policies/more.yaml: is not in the manifest"),
    (lambda home: (home / "link").symlink_to("/"), "link: is not in the manifest"),
    (lambda home: (home / "SHA256SUMS").unlink(), "SHA256SUMS cannot be read (No such file or directory)"),
    (lambda home: (home / "SHA256SUMS").write_text(""), "is not in the manifest"),
    (lambda home: (home / "SHA256SUMS").write_text(f"{'0' * 64}  ../x\n"), "SHA256SUMS: line 1 is not a digest and"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_whatever_is_not_as_it_was_is_found(
    record: RunRecord, tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    write_folder(record, tmp_path / "evidence")
    change(tmp_path / "evidence")
    assert any(message in problem for problem in verify(tmp_path / "evidence").problems)


def test_a_file_replaced_by_a_link_to_its_like_is_found(record: RunRecord, tmp_path: Path) -> None:
    write_folder(record, tmp_path / "evidence")
    (tmp_path / "evidence/run.json").rename(tmp_path / "moved")
    (tmp_path / "evidence/run.json").symlink_to(tmp_path / "moved")
    assert verify(tmp_path / "evidence").problems == ("run.json: is no regular file",)


def test_a_manifest_that_was_written_again_is_found_by_its_signature(record: RunRecord, tmp_path: Path) -> None:
    write_folder(record, tmp_path / "evidence", SIGN)
    good = verify(tmp_path / "evidence", CHECK)
    assert (good.problems, good.signed, good.verified) == ((), True, True)
    assert verify(tmp_path / "evidence").verified is False  # nobody asked
    tamper(tmp_path / "evidence/run.json")
    manifest = tmp_path / "evidence/SHA256SUMS"
    digest = hashlib.sha256((tmp_path / "evidence/run.json").read_bytes()).hexdigest()
    lines = manifest.read_text().splitlines()
    manifest.write_text(
        "\n".join(f"{digest}  run.json" if line.endswith("run.json") else line for line in lines) + "\n"
    )
    assert verify(tmp_path / "evidence").problems == ()
    (problem,) = verify(tmp_path / "evidence", CHECK).problems
    assert problem.startswith("SHA256SUMS.sig: is not accepted as the signature of SHA256SUMS: ")
    assert problem.endswith("ended with 1: another signature")
    (tmp_path / "evidence/SHA256SUMS.sig").unlink()
    assert verify(tmp_path / "evidence", CHECK).problems == (
        "SHA256SUMS.sig: is missing, so there is no signature to verify",
    )


@pytest.mark.parametrize(
    ("program", "message"),
    [("import sys; sys.exit('no key')", "ended with 1: no key"), ("", "wrote no signature to stdout")],
)
def test_without_a_signature_there_is_no_folder(record: RunRecord, tmp_path: Path, program: str, message: str) -> None:
    before = set(os.listdir(tmp_path))
    command = Command.parse(shlex.join([sys.executable, "-c", program]), "--sign")
    with pytest.raises(CniProbeError, match=message):
        write_folder(record, tmp_path / "evidence", command)
    assert set(os.listdir(tmp_path)) == before


def test_an_empty_directory_is_taken_and_any_other_left_alone(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_folder(record, tmp_path / "empty")
    assert verify(tmp_path / "empty").problems == ()
    with pytest.raises(UsageError, match="is not empty"):
        write_folder(record, tmp_path / "lab")
    assert os.listdir(tmp_path / "lab") == ["a.yaml"]
    with pytest.raises(UsageError, match="no directory"):
        write_folder(record, tmp_path / "lab/a.yaml")
    with pytest.raises(UsageError, match="there is no directory"):
        write_folder(record, tmp_path / "missing/evidence")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "needs a command"), ("gpg 'x", "No closing quotation"), ("/no/such", "no such program: /no/such")],
)
def test_a_command_that_cannot_be_run_is_refused_beforehand(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Command.parse(text, "--sign")
