"""``--fault``: by name, or a class in a file of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.cli import main
from probe.model.errors import UsageError
from probe.sandbox.enforce.view import ClusterView
from probe.sandbox.faults.peers import ExceptIgnored
from probe.sandbox.faults.registry import load_fault
from probe.sandbox.options import SandboxOptions

OWN = """
from dataclasses import replace
from probe.sandbox.faults.fault import Effect, Fault

class NothingAtAll(Fault):
    "No policy is enforced."
    name, effect = "nothing-at-all", Effect.LEAK

    def see(self, node, view):
        return replace(view, policies=())

class NeedsWords(Fault):
    def __init__(self, word): ...

something = 5
"""


def test_a_fault_is_found_by_its_name() -> None:
    assert isinstance(load_fault("except-ignored"), ExceptIgnored)


def test_each_cluster_has_a_fault_of_its_own() -> None:
    assert load_fault("pod-labels-kept") is not load_fault("pod-labels-kept")


def test_a_class_of_ones_own_is_loaded_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    fault = load_fault(f"{tmp_path}/own.py:NothingAtAll")
    assert fault.see("n1", ClusterView(policies=())) == ClusterView()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("excpt-ignored", "did you mean except-ignored?"),
        ("zzz", "`cni-probe sandbox faults` lists them"),
        ("{own}.py:Absent", "has no class Absent that is a Fault or Stages"),
        ("{own}.py:something", "has no class something that is a Fault or Stages"),
        ("{own}.py:NeedsWords", "NeedsWords() failed: TypeError"),
        ("{broken}.py:Any", "cannot be loaded: SyntaxError"),
        ("absent.py:Any", "there is no file absent.py"),
    ],
)
def test_what_cannot_be_loaded_is_said_before_a_cluster_is_made(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("class")
    named = text.format(own=tmp_path / "own", broken=tmp_path / "broken")
    with pytest.raises(UsageError) as caught:
        load_fault(named)
    assert said in str(caught.value)
    assert main(["sandbox", "up", "--name", "never", "--fault", named]) == 2
    assert said in capsys.readouterr().err


def test_a_fault_survives_its_way_to_the_cluster() -> None:
    options = SandboxOptions(fault="except-ignored")
    assert SandboxOptions.from_json(options.to_json()) == options


def test_all_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "faults"]) == 0
    said = capsys.readouterr().out
    assert "except-ignored" in said
    assert "established-kept" in said
    assert "the API leaves it open" in said
