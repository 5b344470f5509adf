"""Every error that cni-probe raises on purpose, drawn as one tree.

    CniProbeError                 exit code 3 unless a subclass says otherwise
    ├── UsageError                2: the command line or a file of the user's is wrong
    │   └── InputError            2: input files with problems, all of them at once
    │       ├── ScenarioError     2: scenario files
    │       └── ManifestError     2: manifests
    ├── ClusterError              3: the cluster refused, failed or vanished
    │   ├── DeployError           3: pods that did not start, each with its cause
    │   └── AgentLost             3: an agent's control stream ended or broke the protocol
    └── SandboxError              3: the embedded cluster could not be started or has failed
        └── MissingRequirement    3: this machine lacks something; says what to install

A message is for the person at the terminal: what happened, to what, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class CniProbeError(Exception):
    """Base of all errors that end a command with a clear message instead of a traceback."""

    exit_code = 3


class UsageError(CniProbeError):
    """The command line or an input file is wrong; nothing was touched."""

    exit_code = 2


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file of the user's; line and column count from 1. Line 0 is the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in an input file.

    ``field`` is the path of the field (``spec.steps[1].expect.default``; nothing for the file as a whole), ``hint``
    what would be right.
    """

    location: Location
    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        where = f"{self.location}: {self.field}" if self.field else str(self.location)
        return f"{where}: {self.message}{hint}"


class InputError(UsageError):
    """Input files that cannot be worked with; carries every problem found, in file order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class ScenarioError(InputError):
    """Scenario files that cannot be run."""


class ManifestError(InputError):
    """Manifests that cannot be read, or that the API server would refuse."""


class ClusterError(CniProbeError):
    """The cluster refused a request, failed, or could not be reached."""


class DeployError(ClusterError):
    """The fleet did not come up; the message names each pod and its cause."""


class AgentLost(ClusterError):
    """An agent's control stream ended or broke the protocol."""


class SandboxError(CniProbeError):
    """The embedded cluster could not be started, or has failed."""


class MissingRequirement(SandboxError):
    """This machine lacks a tool or a kernel feature; the message says what to install or enable."""
