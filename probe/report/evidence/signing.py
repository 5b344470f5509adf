"""Signatures of the manifest, by a program of the user's: keys are none of our business.

The program gets the manifest on stdin. Words of its command may be ``{manifest}`` and, to verify, ``{signature}``: they
stand for the files' paths. What it writes to stdout is the signature; to verify, its exit code is the answer.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from probe.model.errors import CniProbeError, UsageError
from probe.report.text import one_line


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, as words. ``option`` is where it was given."""

    words: tuple[str, ...]
    option: str

    @classmethod
    def parse(cls, text: str, option: str) -> Command:
        """As a shell would read it, but for globs and variables; raises UsageError for one that cannot be run."""
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise UsageError(f"{option} {text!r}: {error}") from None
        if not words:
            raise UsageError(f"{option} needs a command")
        if shutil.which(words[0]) is None:
            raise UsageError(f"{option}: no such program: {words[0]}")
        return cls(tuple(words), option)

    def _run(self, data: bytes, paths: Mapping[str, Path]) -> subprocess.CompletedProcess[bytes]:
        words = list(self.words)
        for name, path in paths.items():
            words = [word.replace(f"{{{name}}}", str(path)) for word in words]
        try:
            return subprocess.run(words, input=data, capture_output=True, check=False)
        except OSError as error:
            raise CniProbeError(f"{self.option}: cannot run {words[0]}: {error.strerror or error}") from None

    def sign(self, manifest: Path) -> bytes:
        """The signature. Raises CniProbeError where there is none."""
        done = self._run(manifest.read_bytes(), {"manifest": manifest})
        if done.returncode:
            raise CniProbeError(f"{self.option}: {self.words[0]} ended with {done.returncode}{_said(done.stderr)}")
        if not done.stdout:
            raise CniProbeError(f"{self.option}: {self.words[0]} wrote no signature to stdout{_said(done.stderr)}")
        return done.stdout

    def refusal(self, data: bytes, manifest: Path, signature: Path) -> str:
        """Why the signature is not that of ``data``, the manifest's; empty where it is. Raises CniProbeError."""
        done = self._run(data, {"manifest": manifest, "signature": signature})
        if not done.returncode:
            return ""
        return f"{self.words[0]} ended with {done.returncode}{_said(done.stderr or done.stdout)}"


def _said(output: bytes) -> str:
    text = one_line(output.decode("utf-8", "replace"))
    return f": {text}" if text else ""
