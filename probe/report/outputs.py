"""Where reports go: ``-o FORMAT[=FILE]``, as often as wanted.

That a file cannot be written is found before the run, not after it has been measured. Files appear whole or not at
all. Where nothing else is asked of stdout, it gets the table.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from probe.model.errors import UsageError
from probe.model.exit_code import exit_code
from probe.model.record import RunRecord
from probe.report import junit, run_record, table, wide
from probe.report.render import Renderer, RenderOptions

FORMATS: dict[str, Renderer] = {
    "table": table.pieces,
    "wide": wide.pieces,
    "json": run_record.pieces,
    "junit": junit.pieces,
}
DEFAULT_FORMAT = "table"
_FILE_WIDTH = 100
"""Columns of a table that goes to a file or a pipe, where nobody says how wide it is ($COLUMNS may)."""


@dataclass(frozen=True, slots=True)
class Output:
    """One report; ``path`` None is stdout."""

    format: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Outputs:
    """All reports of a run, files and stdout."""

    outputs: tuple[Output, ...]

    @classmethod
    def parse(cls, values: Iterable[str]) -> Outputs:
        """From the values of ``-o``; raises UsageError for what cannot be meant."""
        outputs = [_parse(value) for value in values]
        on_stdout = [output.format for output in outputs if output.path is None]
        if len(on_stdout) > 1:
            raise UsageError(
                f"-o {' and -o '.join(on_stdout)} both write to stdout: give all but one a file (-o FORMAT=FILE)"
            )
        paths = [output.path.resolve() for output in outputs if output.path]
        for path in paths:
            if paths.count(path) > 1 and _is_replaceable(path):
                raise UsageError(f"-o: two formats would be written to {path}")
        return cls(tuple(outputs) if on_stdout else (*outputs, Output(DEFAULT_FORMAT)))

    def check(self) -> None:
        """Try that every file can be written, without changing one; raises UsageError."""
        for output in self.outputs:
            if output.path:
                _check(output.path)

    def write(self, record: RunRecord, stdout: TextIO | None = None) -> RunRecord:
        """Write everything, stdout last, so that it can name the files. Returns the record as it was written.

        A file that cannot be written is a problem of the run, with its exit code, and the other reports say so.
        """
        stream = stdout or sys.stdout
        files = [output for output in self.outputs if output.path]
        while failed := self._write_files(record, files):
            files = [output for output in files if output not in failed]
            problems = [*record.problems, *failed.values()]
            record = replace(record, problems=problems, exit_code=exit_code(record.counts, record.interrupted, True))
        written = tuple(str(output.path) for output in files)
        for output in self.outputs:
            if output.path is None:
                _print(FORMATS[output.format](record, stream_options(stream, written)), stream)
        return record

    def _write_files(self, record: RunRecord, files: Iterable[Output]) -> dict[Output, str]:
        """Write the files; those that failed, and how."""
        failed = {}
        for output in files:
            assert output.path is not None
            try:
                _write(output.path, FORMATS[output.format](record, RenderOptions(width=_FILE_WIDTH)))
            except OSError as error:
                failed[output] = f"cannot write {output.path}: {error.strerror or error}"
        return failed


def stream_options(stream: TextIO, files: Sequence[str] = ()) -> RenderOptions:
    """What the stream can show: its width and colours when it is a terminal that wants them."""
    terminal = stream.isatty()
    width = shutil.get_terminal_size((80 if terminal else _FILE_WIDTH, 24)).columns
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return RenderOptions(width=max(width, 40), colour=terminal and not plain, files=tuple(files))


def _parse(value: str) -> Output:
    name, separator, file = value.partition("=")
    if name not in FORMATS:
        near = get_close_matches(name, FORMATS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"-o {value}: unknown format {name!r}; {hint}known: {', '.join(FORMATS)}")
    if separator and not file:
        raise UsageError(f"-o {value}: a file name must follow '='")
    return Output(name, None if file in ("", "-") else Path(file))


def _check(path: Path) -> None:
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


def _write(path: Path, pieces: Iterable[str]) -> None:
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


def _print(pieces: Iterable[str], stream: TextIO) -> None:
    """Print in the stream's encoding, with escapes for what it lacks. A reader that went away (``| head``) is fine."""
    encoding = stream.encoding or "utf-8"
    try:
        for piece in pieces:
            stream.write(piece.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        # What is left in the buffer must not fail again when the interpreter flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
