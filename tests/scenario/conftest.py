"""Scenarios written in tests, and the mistakes in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from probe.model.errors import Problem, ScenarioError
from probe.model.scenario import Scenario
from probe.scenario import load_scenarios

BASE = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata:
  name: example
spec:
  fleet:
    namespaces:
      production:
        labels: {stage: production}
        pods:
          frontend: {labels: {app: frontend}, ports: [80/TCP, {port: 53, protocol: UDP, name: dns}]}
          backend: {labels: {app: backend}, ports: [80/TCP]}
      development:
        pods:
          web: {labels: {app: web}, ports: [80/TCP, 8080/TCP], replicas: 2}
          client:
    external:
      vault: {addresses: [10.0.12.34], ports: [443/TCP]}
  steps:
    - name: open
      expect: allow
"""


@pytest.fixture
def base() -> str:
    """A valid scenario of one step; steps can be appended with an indent of four spaces."""
    return BASE


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Writes files below the test's directory and returns it."""

    def write(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        return tmp_path

    return write


@pytest.fixture
def load(write: Callable[[Mapping[str, str]], Path]) -> Callable[..., Scenario]:
    """Loads one scenario from its text (and manifests that lie beside it)."""

    def load(text: str, **files: str) -> Scenario:
        directory = write({"scenario.yaml": text, **{f"{name}.yaml": content for name, content in files.items()}})
        (scenario,) = load_scenarios([directory / "scenario.yaml"])
        return scenario

    return load


@pytest.fixture
def problems_of(write: Callable[[Mapping[str, str]], Path]) -> Callable[..., tuple[Problem, ...]]:
    """The problems of a scenario's text (and of manifests that lie beside it)."""

    def problems_of(text: str, files: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
        directory = write({"scenario.yaml": text, **(files or {})})
        with pytest.raises(ScenarioError) as caught:
            load_scenarios([directory / "scenario.yaml"])
        return caught.value.problems

    return problems_of
