"""A command that we run for somebody talks to the cluster that our own arguments name."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from probe.cli.cluster_arguments import add_connection_arguments
from probe.cli.command_environment import command_environment
from probe.cluster.kubeconfig import read_kubeconfig
from probe.model.errors import UsageError

CONFIG = """
apiVersion: v1
kind: Config
current-context: one
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: one, context: {cluster: here}}, {name: two, context: {cluster: here}}]
"""


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_connection_arguments(parser)
    return parser.parse_args(words)


def test_by_the_kubeconfig_that_is_named_or_the_one_that_was_there() -> None:
    with command_environment(parsed(), {"KUBECONFIG": "/there", "PATH": "/bin"}) as environment:
        assert environment == {"KUBECONFIG": "/there", "PATH": "/bin"}
    with command_environment(parsed("--kubeconfig", "/named"), {"KUBECONFIG": "/there"}) as environment:
        assert environment["KUBECONFIG"] == "/named"


@pytest.mark.parametrize("where", ["named", "KUBECONFIG", "home"])
def test_by_the_context_that_is_named_wherever_the_kubeconfig_is(tmp_path: Path, where: str) -> None:
    file = tmp_path / ".kube" / "config"
    file.parent.mkdir()
    file.write_text(CONFIG)
    words = ["--context", "two", *(["--kubeconfig", str(file)] if where == "named" else [])]
    environ = {"KUBECONFIG": f"{file}:/missing"} if where == "KUBECONFIG" else {"HOME": str(tmp_path)}
    with command_environment(parsed(*words), environ) as environment:
        files = [Path(path) for path in environment["KUBECONFIG"].split(os.pathsep)]
        assert read_kubeconfig(files).select().context.name == "two"
        assert files[1:] == [file]
    assert not files[0].parent.exists()


def test_a_kubeconfig_that_is_not_there_is_an_error() -> None:
    with (
        pytest.raises(UsageError, match="/nowhere does not exist"),
        command_environment(parsed("--context", "two", "--kubeconfig", "/nowhere")),
    ):
        pass
