"""docs/kubectl.md is what happens: its commands are typed in order, and what they print is compared.

Nothing of the session knows that the cluster is ours: only bash and kubectl, on a kubeconfig.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from probe.sandbox.launch import Sandbox

pytestmark = [pytest.mark.sandbox, pytest.mark.kubectl]

PAGE = Path(__file__).parents[2] / "docs" / "kubectl.md"
ASKED = ("get -o wide", "-o yaml", "describe", "apply", "diff", "label", "exec -it", "logs -f", "wait", "delete")
"""Commands that the session must show, by words in their order, besides those of `auth can-i` and `api-resources`."""


@dataclass
class Step:
    """A command of the page, and what it prints."""

    line: int
    command: str
    expected: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        found = re.search(r"# exit (\d+)$", self.command.partition("\n")[0])
        return int(found[1]) if found else 0


def steps(page: str) -> Iterator[Step]:
    """All commands of the page's console blocks."""
    step: Step | None = None
    inside = False
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("```"):
            inside = line == "```console"
            if step is not None and not inside:
                yield step
                step = None
        elif inside and line.startswith("$ "):
            if step is not None:
                yield step
            step = Step(number, line[2:])
        elif inside and line.startswith("> ") and step is not None and not step.expected:
            step.command += f"\n{line[2:]}"
        elif inside and step is not None:
            step.expected.append(line)


def matches(expected: list[str], printed: list[str]) -> bool:
    """Line by line; how wide columns are is no matter, as they depend on addresses and ages."""
    if not expected:
        return not printed
    if expected[0] == "...":
        return any(matches(expected[1:], printed[skip:]) for skip in range(len(printed) + 1))
    pattern = ".*".join(re.escape(" ".join(part.split())) for part in re.split(r"\s*…\s*", expected[0]))
    return (
        bool(printed)
        and bool(re.fullmatch(pattern, " ".join(printed[0].split())))
        and matches(expected[1:], printed[1:])
    )


@dataclass
class Shell:
    """Runs a command line as somebody at a terminal does."""

    environment: dict[str, str]
    directory: Path

    def run(self, command: str) -> tuple[int, list[str]]:
        ours, theirs = pty.openpty()  # as stdin, for what wants a terminal there
        try:
            done = subprocess.run(
                ["bash", "-c", command], stdin=theirs if " -it " in command else subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90, check=False,
                env=self.environment, cwd=self.directory,
            )  # fmt: skip
        finally:
            os.close(ours)
            os.close(theirs)
        return done.returncode, done.stdout.splitlines()


@pytest.fixture
def shell(sandbox: Sandbox, kubectl_binary: str, tmp_path: Path) -> Shell:
    config = tmp_path / "kubeconfig"  # the session changes its context
    config.write_text(sandbox.kubeconfig.read_text())
    path = f"{Path(kubectl_binary).parent}:{os.environ['PATH']}"
    return Shell({"PATH": path, "HOME": str(tmp_path), "KUBECONFIG": str(config)}, tmp_path)


def test_the_session_is_what_happens(shell: Shell) -> None:
    for step in steps(PAGE.read_text()):
        code, printed = shell.run(step.command)
        said = f"docs/kubectl.md:{step.line}: $ {step.command}"
        assert matches(step.expected, printed), "\n".join((said, *printed))
        assert code == step.exit_code, f"{said}: exit code {code}"


@pytest.mark.parametrize("words", [*ASKED, "auth can-i", "api-resources", "auth whoami", "--as="])
def test_the_session_shows_what_people_do(words: str) -> None:
    pattern = ".*".join(map(re.escape, words.split()))
    assert any(re.search(pattern, step.command) for step in steps(PAGE.read_text())), words


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        (["a …  b"], ["a x b"], True),
        (["a …  b"], ["a  b c"], False),
        (["...", "x", "..."], ["1", "x", "2"], True),
        (["...", "x"], ["1", "x", "2"], False),
        (["..."], [], True),
        ([], ["x"], False),
        (["x"], [], False),
    ],
)
def test_what_matches(expected: list[str], printed: list[str], same: bool) -> None:
    assert matches(expected, printed) is same
