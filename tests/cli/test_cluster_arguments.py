"""The cluster that a command line names: what is wrong with it is one line and the right exit code."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import yaml

from probe.cli import main
from probe.cli.cluster_arguments import add_connection_arguments, kubectl_command

SMOKE = str(Path(__file__).parents[2] / "scenarios" / "smoke")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A home without kubeconfig."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def config(path: Path, server: str) -> str:
    path.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "c", "cluster": {"server": server}}],
                "contexts": [{"name": "x", "context": {"cluster": "c"}}],
                "current-context": "x",
            }
        )
    )
    return str(path)


@pytest.mark.parametrize("command", [["run", SMOKE], ["clean"]], ids=lambda words: words[0])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            [],
            "no cluster to talk to: there is no ~/.kube/config; name a kubeconfig with --kubeconfig",
        ),
        (["--kubeconfig", "/gone"], "kubeconfig /gone does not exist"),
        (["--kubeconfig", "/"], "kubeconfig / is a directory: name the file in it"),
        (["--kubeconfig", "CONFIG", "--context", "y"], 'there is no context "y" (it has: x)'),
        (["--kubeconfig", "CONFIG", "--qps", "0"], "--qps must be a positive number, not 0.0"),
        (["--kubeconfig", "CONFIG", "--request-timeout", "nan"], "--request-timeout must be a positive number"),
        (["--kubeconfig", "CONFIG", "--as-group", "admins"], "--as-group goes with --as"),
    ],
)
def test_a_cluster_that_cannot_be_is_a_usage_error(
    command: list[str], words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path / "config", "https://127.0.0.1:1")
    assert main([*command, *(path if word == "CONFIG" else word for word in words)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("command", [["run", SMOKE], ["clean"]], ids=lambda words: words[0])
def test_a_server_that_is_not_there_is_an_error_of_the_cluster(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(tmp_path / "config", "https://127.0.0.1:1")
    assert main([*command, "--kubeconfig", path]) == 3
    assert "cannot reach the API server https://127.0.0.1:1: Connection refused" in capsys.readouterr().err


def test_the_sandbox_brings_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", SMOKE, "--sandbox", "--as", "somebody"]) == 2
    assert "leave out --kubeconfig, --context and --as" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], "kubectl"),
        (["--kubeconfig", "a b", "--context", "x"], "kubectl --kubeconfig 'a b' --context x"),
        (["--kubeconfig", "a:b"], "env KUBECONFIG=a:b kubectl"),
        (["--as", "me", "--as-group", "g"], "kubectl --as me --as-group g"),
    ],
)
def test_kubectl_is_called_for_the_same_cluster(words: list[str], command: str) -> None:
    parser = argparse.ArgumentParser()
    add_connection_arguments(parser)
    assert kubectl_command(parser.parse_args(words)) == command
