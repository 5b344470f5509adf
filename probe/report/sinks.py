"""Where text goes: stdout, or a file that appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from probe.model.errors import UsageError


@dataclass(frozen=True, slots=True)
class Output:
    """One report; ``path`` None is stdout."""

    format: str
    path: Path | None = None


def parse_output(value: str, formats: Collection[str]) -> Output:
    """One value of ``-o``; raises UsageError for what cannot be meant."""
    name, separator, file = value.partition("=")
    if name not in formats:
        near = get_close_matches(name, formats, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"-o {value}: unknown format {name!r}; {hint}known: {', '.join(formats)}")
    if separator and not file:
        raise UsageError(f"-o {value}: a file name must follow '='")
    return Output(name, None if file in ("", "-") else Path(file))


def distinct(outputs: Sequence[Output]) -> list[str]:
    """The formats that go to stdout, one at the most; raises UsageError where two reports would go to one place."""
    on_stdout = [output.format for output in outputs if output.path is None]
    if len(on_stdout) > 1:
        raise UsageError(
            f"-o {' and -o '.join(on_stdout)} both write to stdout: give all but one a file (-o FORMAT=FILE)"
        )
    paths = [output.path.resolve() for output in outputs if output.path]
    for path in paths:
        if paths.count(path) > 1 and _is_replaceable(path):
            raise UsageError(f"-o: two formats would be written to {path}")
    return on_stdout


def check_file(path: Path) -> None:
    """Try that a file can be written, without changing it; raises UsageError."""
    target = path.resolve()
    if target.is_dir():
        raise UsageError(f"-o: {path} is a directory")
    if not _is_replaceable(target):
        return
    try:
        temporary = _temporary(target)
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise UsageError(f"-o: cannot write {path}: {error.strerror or error}") from None
    if target.exists() and not os.access(target, os.W_OK):
        raise UsageError(f"-o: cannot write {path}: the file is write-protected")


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Replace a regular file in one instant; a device or a pipe (``/dev/stderr``) is written as it is."""
    target = path.resolve()  # a symbolic link stays, what it points at is replaced
    if not _is_replaceable(target):
        with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(pieces)
        return
    temporary = _temporary(target)
    try:
        with temporary.open("x", encoding="utf-8", errors="backslashreplace") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _temporary(target: Path) -> Path:
    """A name beside the target: only within one directory is a rename atomic."""
    return target.with_name(f".cni-probe-{secrets.token_hex(6)}")


def _is_replaceable(target: Path) -> bool:
    """Whether the path is a regular file, or nothing yet."""
    try:
        return stat.S_ISREG(target.stat().st_mode)
    except OSError:
        return True


def print_pieces(pieces: Iterable[str], stream: TextIO) -> None:
    """Print in the stream's encoding, with escapes for what it lacks. A reader that went away (``| head``) is fine."""
    encoding = stream.encoding or "utf-8"
    try:
        for piece in pieces:
            stream.write(piece.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        # What is left in the buffer must not fail again when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
