"""Whether an evidence folder is what it was: every file as the manifest says, and none beside them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from probe.model.errors import UsageError
from probe.report.evidence.manifest import MANIFEST, SIGNATURE, Manifest, digest_of, read_manifest
from probe.report.evidence.signing import Command
from probe.report.text import safe


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. ``digest``: of the manifest, the one number that everything else hangs on."""

    files: int
    digest: str
    problems: tuple[str, ...]
    signed: bool
    verified: bool


def verify(directory: Path, signature: Command | None = None) -> Verification:
    """Compare a folder with its manifest, and the manifest with its signature. Raises UsageError, CniProbeError."""
    if not directory.is_dir():
        raise UsageError(f"--verify: {directory} is not a directory")
    signed = (directory / SIGNATURE).is_file()
    try:
        data = (directory / MANIFEST).read_bytes()
    except OSError as error:
        said = f"{MANIFEST} cannot be read ({error.strerror or error}): without it nothing can be verified"
        return Verification(0, "", (said,), signed, False)
    manifest = read_manifest(data)
    problems = [*manifest.problems, *_differences(directory, manifest)]
    if not manifest.digests and not problems:
        problems.append(f"{MANIFEST} names no file")
    refused = _refusal(directory, data, signature, signed) if signature else ""
    if refused:
        problems.append(f"{SIGNATURE}: {refused}")
    digest = hashlib.sha256(data).hexdigest()
    return Verification(len(manifest.digests), digest, tuple(problems), signed, bool(signature) and not refused)


def _refusal(directory: Path, data: bytes, signature: Command, signed: bool) -> str:
    if not signed:
        return "is missing, so there is no signature to verify"
    refused = signature.refusal(data, directory / MANIFEST, directory / SIGNATURE)
    return f"is not accepted as the signature of {MANIFEST}: {refused}" if refused else ""


def _differences(directory: Path, manifest: Manifest) -> Iterator[str]:
    found = set(_files(directory))
    for name, stated in sorted(manifest.digests.items()):
        path = directory / name
        if name not in found:
            yield f"{safe(name)}: is missing"
        elif path.is_symlink() or not path.is_file():
            yield f"{safe(name)}: is no regular file"
        else:
            yield from _change(path, name, stated)
    for name in sorted(found - set(manifest.digests) - {MANIFEST, SIGNATURE}):
        yield f"{safe(name)}: is not in the manifest"


def _change(path: Path, name: str, stated: str) -> Iterator[str]:
    try:
        digest = digest_of(path)
    except OSError as error:
        yield f"{safe(name)}: cannot be read: {error.strerror or error}"
        return
    if digest != stated:
        yield f"{safe(name)}: was changed: its SHA-256 is {digest}, not {stated}"


def _files(directory: Path) -> Iterator[str]:
    """Everything in the folder that is no directory, links to directories included, by its path in it."""
    for where, directories, files in os.walk(directory):
        links = [name for name in directories if os.path.islink(os.path.join(where, name))]
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(where, name), directory)
