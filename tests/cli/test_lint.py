"""``cni-probe lint`` as a user meets it: what is printed, in which form, and the exit code."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from probe.cli import main
from probe.lint.table import RULES

PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: wbe}}
"""
DENY = POLICY.replace("{matchLabels: {app: wbe}}", "{}").replace("name: web", "name: deny")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory ``k8s`` with a pod that is protected, in the present directory."""
    monkeypatch.chdir(tmp_path)
    directory = Path("k8s")
    directory.mkdir()
    (directory / "pods.yaml").write_text(PODS)
    (directory / "deny.yaml").write_text(DENY)
    return directory


def test_nothing_found(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "-f", "k8s"]) == 0
    assert capsys.readouterr().out == "nothing found in 1 policy and 1 pod or workload of 2 files\n"


def test_findings_are_printed_by_file_with_what_to_do(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "policy.yaml").write_text(POLICY.replace("wbe", "Web"))
    assert main(["lint", "-f", "k8s"]) == 1
    assert capsys.readouterr().out == (
        "k8s/policy.yaml\n"
        "  5:3   warning  selects-nothing  no pod of shop has app=Web: the policy does nothing\n"
        "  5:31  warning  label-near-miss  no pod has the label app=Web\n"
        "                                  -> did you mean app=web?\n"
        "2 warnings in 2 policies and 1 pod or workload of 3 files\n"
    )


def test_on_a_terminal_levels_are_coloured_unless_no_color_is_set(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (shop / "policy.yaml").write_text(POLICY)
    monkeypatch.delenv("NO_COLOR", raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(sys.stdout, "isatty", lambda: True)
        main(["lint", "-f", "k8s"])
        assert "\x1b[33mwarning\x1b[0m" in capsys.readouterr().out
        patch.setenv("NO_COLOR", "1")
        main(["lint", "-f", "k8s"])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"),
    [([], 1), (["--fail-on", "error"], 0), (["--fail-on", "never"], 0), (["--level", "error"], 1)],
)
def test_exit_codes_follow_fail_on_whatever_is_shown(shop: Path, words: list[str], code: int) -> None:
    (shop / "policy.yaml").write_text(POLICY)
    assert main(["lint", "-f", "k8s", *words]) == code


def test_info_fails_only_when_that_is_asked_for(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "open.yaml").write_text(POLICY.replace("wbe", "web") + "  ingress: [{ports: [{port: 80}]}]\n")
    assert main(["lint", "-f", "k8s"]) == 0
    assert main(["lint", "-f", "k8s", "--fail-on", "info", "--level", "warning"]) == 1
    assert "allow-from-everywhere" not in capsys.readouterr().out.partition("files")[2]


def test_what_cannot_be_read_is_an_error_with_exit_code_2(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "broken.yaml").write_text("a: b: c\n")
    assert main(["lint", "-f", "k8s"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("k8s/broken.yaml:1:5: document: not valid YAML")
    assert main(["lint", "-f", "k8s", "--pod-cidr", "10.0.0.0/33"]) == 2
    assert main(["lint", "-f", "k8s", "-n", "No_Name"]) == 2
    with pytest.raises(SystemExit) as left:
        main(["lint"])
    assert left.value.code == 2


def test_manifests_without_anything_to_look_at_are_no_success(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that lost its policies must not keep a pipeline green."""
    config = shop / "config.yaml"
    config.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    assert main(["lint", "-f", str(config)]) == 2
    assert "there are no policies, no pods and no workloads: nothing was looked at" in capsys.readouterr().err


def test_a_mistake_that_the_server_would_refuse_is_a_finding(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "policy.yaml").write_text(POLICY + "  ingres: []\n")
    assert main(["lint", "-f", "k8s"]) == 1
    assert 'invalid  spec.ingres: unknown field "spec.ingres"' in capsys.readouterr().out


def test_what_is_left_out_is_told_on_stderr(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "values.yaml").write_text("replicas: 3\n")
    (shop / "config.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")
    assert main(["lint", "-f", "k8s"]) == 0
    assert capsys.readouterr().err == (
        "warning: k8s/values.yaml:1:1: document: no Kubernetes object, left out "
        "(render it and give the result: helm template CHART)\n"
        "1 object of other kinds left out (ConfigMap 1)\n"
    )
    assert main(["lint", "-f", "k8s/deny.yaml"]) == 0
    assert "no pods and no workloads here" in capsys.readouterr().err


def test_stdin(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(POLICY.encode())))
    assert main(["lint", "-f", "k8s/pods.yaml", "-"]) == 1
    assert capsys.readouterr().out.startswith("<stdin>\n  5:3   warning  selects-nothing ")


def test_json(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "policy.yaml").write_text(POLICY + "  ingress:\n    # cni-probe: ignore=allow-from-everywhere\n    - {}\n")
    assert main(["lint", "-f", "k8s", "-o", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["counts"] == {"error": 0, "warning": 1, "info": 0, "ignored": 1}
    assert told["findings"][0] == {
        "file": "k8s/policy.yaml",
        "line": 5,
        "column": 3,
        "level": "warning",
        "rule": "selects-nothing",
        "message": "no pod of shop has app=wbe: the policy does nothing",
        "hint": "",
        "subject": "NetworkPolicy web in namespace shop",
    }


# --- SARIF ---------------------------------------------------------------------------------------------------------

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
REGION = {
    "type": "object",
    "required": ["startLine"],
    "properties": {"startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1}},
}
LOCATION = {
    "type": "object",
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "properties": {"uri": {"type": "string", "pattern": "^[^ <>]+$"}},
                },
                "region": REGION,
            },
        }
    },
}
RESULT = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": -1},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
        "suppressions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind"],
                "properties": {"kind": {"enum": ["inSource", "external"]}},
            },
        },
    },
}
RULE = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "shortDescription": TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}},
    },
}
DRIVER = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "rules": {"type": "array", "items": RULE, "uniqueItems": True}},
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "tool": {"type": "object", "required": ["driver"], "properties": {"driver": DRIVER}},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}
"""The essentials of SARIF 2.1.0 (OASIS standard, sections 3.13 to 3.35), as far as a linter's results have them."""


def test_sarif(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "policy.yaml").write_text(POLICY + "  ingress: [{}] # cni-probe: ignore=allow-from-everywhere\n")
    assert main(["lint", "-f", "k8s", "-o", "sarif"]) == 1
    log: dict[str, Any] = json.loads(capsys.readouterr().out)
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    found = {result["ruleId"]: result for result in run["results"]}
    assert set(found) == {"selects-nothing", "allow-from-everywhere"}
    assert all(rules[result["ruleIndex"]]["id"] == name for name, result in found.items())
    assert "suppressions" not in found["selects-nothing"]
    assert found["allow-from-everywhere"]["suppressions"] == [{"kind": "inSource"}]
    place = found["selects-nothing"]["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "k8s/policy.yaml"},
        "region": {"startLine": 5, "startColumn": 3},
    }
