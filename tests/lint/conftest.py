"""The documentation's shop, and rules at work on what a test adds to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from probe.lint.finding import Finding
from probe.lint.lint import Report, lint
from probe.manifests import read_manifests
from tests.lint.page import PAGE

Lint: TypeAlias = Callable[..., Report]
Fires: TypeAlias = Callable[..., list[str]]


@pytest.fixture
def lint_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lint:
    """What is found in a text beside the shop (or ``alone``); pods have addresses of 10.244.0.0/16."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, alone: bool = False) -> Report:
        Path("shop.yaml").write_text(PAGE.shop, "utf-8")
        Path("example.yaml").write_text(text, "utf-8")
        paths = ["example.yaml"] if alone else ["shop.yaml", "example.yaml"]
        found = read_manifests(paths, pod_cidrs=["10.244.0.0/16"])
        assert found.unreadable == ()
        return lint(found)

    return run


@pytest.fixture
def fires(lint_text: Lint) -> Fires:
    """What one rule says, as ``level: message``; what others find does not matter."""

    def run(rule: str, text: str, alone: bool = False) -> list[str]:
        return [said(each) for each in lint_text(text, alone).findings if each.rule == rule]

    return run


def said(finding: Finding) -> str:
    """Level and message."""
    return f"{finding.level}: {finding.message}"


def policy(spec: str, name: str = "p", namespace: str = "shop") -> str:
    """A NetworkPolicy as a document of its own; ``spec`` in flow style or in lines."""
    body = f" {spec}\n" if spec.startswith("{") else "\n" + "".join(f"  {line}\n" for line in spec.splitlines())
    head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
    return f"---\n{head}metadata: {{name: {name}, namespace: {namespace}}}\nspec:{body}"


def cluster_policy(name: str, **spec: str) -> str:
    """A ClusterNetworkPolicy of the Admin tier for all pods, with other fields as they are given."""
    fields = {"tier": "Admin", "priority": "10", "subject": "{namespaces: {}}", **spec}
    body = "".join(f"  {key}: {value}\n" for key, value in fields.items())
    head = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n"
    return f"---\n{head}metadata: {{name: {name}}}\nspec:\n{body}"
