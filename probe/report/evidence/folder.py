"""Writes an evidence folder: in one piece, or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from probe import __version__
from probe.model.errors import CniProbeError, UsageError
from probe.model.record import RECORD_API_VERSION, RunRecord
from probe.report import html, markdown, run_record
from probe.report.evidence.contents import Policy, Source, policies, sources
from probe.report.evidence.manifest import MANIFEST, SIGNATURE, digest_of, manifest_text
from probe.report.evidence.readme import readme
from probe.report.evidence.requirements import Support, supports
from probe.report.evidence.signing import Command
from probe.report.render import RenderOptions
from probe.report.run_record import record_to_json
from probe.report.summary import headline

KIND = "Evidence"
INDEX = "evidence.json"


@dataclass(frozen=True, slots=True)
class Written:
    """A folder that was written. ``digest``: SHA-256 of its manifest; ``missing``: files that scenarios were read from
    and that are not in it, beside so many ``sources`` that are."""

    directory: Path
    files: int
    digest: str
    missing: tuple[Source, ...]
    sources: int


def check_directory(directory: Path) -> None:
    """Whether a folder can be made there; raises UsageError. One that has anything in it is left alone."""
    try:
        if directory.is_dir():
            if any(directory.iterdir()):
                raise UsageError(f"-o {directory}: the directory is not empty")
        elif directory.exists() or directory.is_symlink():
            raise UsageError(f"-o {directory}: there is something that is no directory")
        elif not directory.resolve().parent.is_dir():
            raise UsageError(f"-o {directory}: there is no directory {directory.resolve().parent}")
    except OSError as error:
        raise UsageError(f"-o {directory}: {error.strerror or error}") from None


def write_folder(record: RunRecord, directory: Path, signature: Command | None = None) -> Written:
    """Write the evidence of a run. Raises UsageError for a place that will not do, CniProbeError where it fails."""
    check_directory(directory)
    target = directory.resolve()
    # Beside the target: only within one file system is a rename atomic. It replaces an empty directory, too.
    temporary = target.with_name(f".cni-probe-{secrets.token_hex(6)}")
    try:
        temporary.mkdir()
        written = _write(record, temporary, directory, signature)
        temporary.rename(target)
    except OSError as error:
        raise CniProbeError(f"cannot write {directory}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written


def _write(record: RunRecord, home: Path, directory: Path, signature: Command | None) -> Written:
    applied, read = policies(record), sources(record)
    support = supports(record)
    _file(home, "README.md", [readme(record, support, applied, read, signature is not None)])
    _file(home, INDEX, [json.dumps(_index(record, support, applied, read), indent=2), "\n"])
    _file(home, "run.json", run_record.pieces(record, RenderOptions()))
    _file(home, "report.html", html.pieces(record, RenderOptions()))
    _file(home, "report.md", markdown.pieces(record, RenderOptions()))
    for policy in applied:
        _file(home, policy.file, [policy.text])
    for source in read:
        if source.file is not None and source.data is not None:
            _file(home, source.file, [source.data])
    digests = {name: digest_of(home / name) for name in _names(home)}
    _file(home, MANIFEST, [manifest_text(digests)])
    if signature is not None:
        _file(home, SIGNATURE, [signature.sign(home / MANIFEST)])
    missing = tuple(each for each in read if each.file is None)
    return Written(directory, len(digests), digest_of(home / MANIFEST), missing, len(read) - len(missing))


def _file(home: Path, name: str, pieces: Iterable[str | bytes]) -> None:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        for piece in pieces:
            stream.write(piece if isinstance(piece, bytes) else piece.encode("utf-8", "backslashreplace"))
        stream.flush()
        os.fsync(stream.fileno())


def _names(home: Path) -> Iterator[str]:
    return (path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())


def _index(
    record: RunRecord, support: Sequence[Support], applied: Sequence[Policy], read: Sequence[Source]
) -> dict[str, Any]:
    """The same as the page says, for programs."""
    head = record_to_json(record)
    return {
        "apiVersion": RECORD_API_VERSION,
        "kind": KIND,
        "writtenBy": f"cni-probe {__version__}",
        "answer": headline(record),
        **{key: head[key] for key in ("run", "tool", "started", "finished", "exitCode", "interrupted", "counts")},
        "cluster": head["cluster"],
        "requirements": [_support(each) for each in support],
        "policies": [
            {
                "name": each.name,
                "kind": each.kind,
                "scenario": each.scenario,
                "steps": each.steps,
                "file": each.file,
                "sha256": each.digest,
            }
            for each in applied
        ],
        "sources": [
            {"path": each.path, "sha256": each.digest or None, "file": each.file, "missing": each.missing or None}
            for each in read
        ],
    }


def _support(support: Support) -> dict[str, Any]:
    asked = support.requirement
    return {
        "standard": asked.standard,
        "requirement": asked.number,
        "about": asked.about,
        "leavesOpen": asked.leaves_open,
        "isShown": support.is_shown and not support.against,
        "denied": support.denied,
        "allowed": support.allowed,
        "against": support.against,
        "unjudged": support.unjudged,
        "steps": len(support.steps),
    }
