"""``cni-probe job``: what it prints is YAML that can be applied, and mistakes in its arguments are told."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from probe.cli.main import main

SMOKE = str(Path(__file__).parents[2] / "scenarios" / "smoke")


def test_it_prints_all_that_a_run_inside_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["job", SMOKE, "--results", "configmap", "--run-args", "--converge '20' -o json"]) == 0
    documents = list(yaml.safe_load_all(capsys.readouterr().out))
    kinds = "Namespace ServiceAccount ClusterRole ClusterRoleBinding Role RoleBinding ConfigMap Job"
    assert " ".join(each["kind"] for each in documents) == kinds
    (container,) = documents[-1]["spec"]["template"]["spec"]["containers"]
    assert container["args"][2:] == ["--converge", "20", "-o", "json", "--results-configmap", "cni-probe-results"]


def test_files_in_the_config_map_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    main(["job", SMOKE])
    assert "  smoke.yaml: |\n" in capsys.readouterr().out


def test_a_sonobuoy_plugin_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["job", SMOKE, "--sonobuoy", "--runner-image", "r.example/cni-probe:1", "--image", "r.example/a:1"]) == 0
    )
    plugin = yaml.safe_load(capsys.readouterr().out)
    assert plugin["spec"]["image"] == "r.example/cni-probe:1"
    assert plugin["spec"]["args"][2:] == ["--image", "r.example/a:1", "--results-dir", "/tmp/sonobuoy/results"]


def test_scenarios_on_the_network_of_nodes_need_the_run_to_allow_that(capsys: pytest.CaptureFixture[str]) -> None:
    paths = str(Path(SMOKE).parent / "paths")
    assert main(["job", paths]) == 2
    assert "allow that with --allow-host-network" in capsys.readouterr().err
    assert main(["job", paths, "--run-args=--allow-host-network"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--results", "disk"], "known are stdout, configmap and pvc=NAME"),
        (["--results", "pvc="], "cannot be a claim's name"),
        (["--sonobuoy", "--results", "configmap"], "leave out --results"),
        (["--run-args", "'"], "No closing quotation"),
        (["--run-args=--frobnicate"], "--run-args: unrecognized arguments: --frobnicate"),
        (["--run-args=--nodes five"], "--run-args: argument --nodes: invalid int value: 'five'"),
    ],
)
def test_mistakes(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["job", SMOKE, *words]) == 2
    assert said in capsys.readouterr().err
