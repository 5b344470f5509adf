"""``cni-probe rbac``: what it prints can be applied, and mistakes in its arguments are told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from probe.cli.main import main

SMOKE = str(Path(__file__).parents[2] / "scenarios" / "smoke")


def test_it_prints_everything_in_the_order_in_which_it_can_be_applied(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rbac", "--namespace", "probing", "--service-account", "prober"]) == 0
    documents = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [each["kind"] for each in documents] == ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"]
    (subject,) = documents[-1]["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "prober", "namespace": "probing"}


def test_with_scenarios_it_grants_only_what_these_need(capsys: pytest.CaptureFixture[str]) -> None:
    main(["rbac"])
    everything = capsys.readouterr().out
    assert main(["rbac", SMOKE]) == 0
    assert len(capsys.readouterr().out) < len(everything)


def test_a_watch_may_follow_what_happens_to_the_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    def verbs(*words: str) -> dict[str, set[str]]:
        main(["rbac", SMOKE, *words])
        documents = yaml.safe_load_all(capsys.readouterr().out)
        role = next(each for each in documents if each["kind"] == "ClusterRole")
        return {rule["resources"][0]: set(rule["verbs"]) for rule in role["rules"]}

    assert "daemonsets" not in verbs()
    assert verbs("--watch")["daemonsets"] == {"list", "watch"}
    assert "watch" in verbs("--watch")["nodes"] - verbs()["nodes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--namespace", "No"], "--namespace 'No'"),
        (["--service-account", "a b"], "--service-account 'a b'"),
        (["--image-pull-secret", "pull"], "write NAMESPACE/NAME"),
    ],
)
def test_mistakes(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rbac", *words]) == 2
    assert said in capsys.readouterr().err
