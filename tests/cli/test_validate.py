"""``cni-probe validate`` as a user meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from probe.cli import main

SCENARIOS = Path(__file__).parents[2] / "scenarios"

TEN_MISTAKES = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata:
  name: Ten_Mistakes
spec:
  fleet:
    namespaces:
      production:
        labels: {stage: on}
        pods:
          frontend: {labels: {app: frontend}, prots: [80/TCP]}
          backend: {labels: {app: backend}, ports: [80/TCP, 99999/TCP]}
          database: {ports: 5432/TCP}
          database: {ports: 3306/TCP}
  steps:
    - name: one
      expect: {default: alow}
    - name: two
      apply: missing.yaml
      expect:
        default: allow
        rules:
          - {from: production/databse, to: production/backend, verdict: deny}
          - {from: production/database, to: production/database, port: 443, verdict: deny}
    - name: three
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: deny, namespace: production}
        spec: {podSelector: {}, ingress: [{ports: [{port: 80, endPort: 79}]}]}
      expect: deny
"""

EXPECTED = [
    ('4:9: metadata.name: "Ten_Mistakes" cannot be a scenario\'s name', ""),
    ("9:25: spec.fleet.namespaces.production.labels.stage: on is a boolean", 'write "on" in quotes'),
    ('11:47: spec.fleet.namespaces.production.pods.frontend.prots: unknown key "prots"', 'did you mean "ports"?'),
    ("12:61: spec.fleet.namespaces.production.pods.backend.ports[1]", ""),
    ('14:11: spec.fleet.namespaces.production.pods.database: duplicate key "database"', "first written in line 13"),
    ('17:25: spec.steps[0].expect.default: "alow" is not a known expectation', 'did you mean "allow"?'),
    ('19:14: spec.steps[1].apply: no such file: "missing.yaml"', ""),
    ('23:20: spec.steps[1].expect.rules[0].from: unknown pod "production/databse"', '"production/database"?'),
    ("24:72: spec.steps[1].expect.rules[1].port: nobody serves 443", "production/database serves 5432/TCP"),
    ("30:72: spec.steps[2].apply.spec.ingress[0].ports[0].endPort: Invalid value: 79", ""),
]


def test_ten_different_mistakes_print_ten_errors_with_positions_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "ten.yaml").write_text(TEN_MISTAKES, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from probe.cli import main; sys.exit(main())", "validate", "ten.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    *lines, last = done.stderr.splitlines()
    assert last == "10 errors"
    assert len(lines) == len(EXPECTED)
    for line, (beginning, hint) in zip(lines, EXPECTED, strict=True):
        assert line.startswith(f"ten.yaml:{beginning}")
        assert hint in line


def test_valid_files_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(SCENARIOS / "seeds"), str(SCENARIOS / "smoke/smoke.yaml")]) == 0
    out, err = capsys.readouterr()
    assert out == "ok: 6 scenarios, 18 steps, 508 cells\n"
    assert err == ""


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ingress.yaml").write_text("", "utf-8")
    assert main(["validate", str(tmp_path / "ingres.yaml")]) == 2
    hint = f'did you mean "{tmp_path / "ingress.yaml"}"?'
    assert capsys.readouterr().err == f"{tmp_path / 'ingres.yaml'}: no such file or directory ({hint})\n1 error\n"


def test_run_configurations_are_checked_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("apiVersion: cni-probe/v1\nkind: RunConfig\nspec: {agent: {image: x}}\n")
    assert main(["validate", str(config), str(SCENARIOS / "smoke")]) == 0
    assert capsys.readouterr().out.endswith(", 1 run configuration\n")
    config.write_text("apiVersion: cni-probe/v1\nkind: RunConfig\nspec: {agent: {imige: x}}\n")
    assert main(["validate", str(config), str(SCENARIOS / "smok")]) == 2
    error = capsys.readouterr().err
    assert f'{config}:3:16: spec.agent.imige: unknown key "imige" (did you mean "image"?)' in error
    assert "no such file or directory" in error
    assert error.endswith("2 errors\n")
