"""The manifest of an evidence folder: ``SHA256SUMS``, in the format of sha256sum(1), which can check it as well."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MANIFEST = "SHA256SUMS"
SIGNATURE = f"{MANIFEST}.sig"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The digests (hexadecimal) by the file's path in the folder, and the lines that say nothing of the kind."""

    digests: Mapping[str, str]
    problems: tuple[str, ...] = ()


def manifest_text(digests: Mapping[str, str]) -> str:
    """The file. Paths must be printable and without a backslash, which the format would have to escape."""
    assert all(name.isprintable() and "\\" not in name for name in digests)
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def read_manifest(data: bytes) -> Manifest:
    """What a manifest states. Lines that name no file within the folder are problems, as is a file stated twice."""
    digests: dict[str, str] = {}
    problems = []
    for number, line in enumerate(data.decode("utf-8", "backslashreplace").splitlines(), 1):
        found = _LINE.fullmatch(line)
        if found is None or not _is_within(found[2]) or found[2] in digests:
            problems.append(f"{MANIFEST}: line {number} is not a digest and the path of one more file of the folder")
        else:
            digests[found[2]] = found[1]
    return Manifest(digests, tuple(problems))


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_within(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and str(path) == name and name not in (MANIFEST, SIGNATURE)
