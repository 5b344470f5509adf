"""``cni-probe explain``: one flow, the sentence, and what it comes from."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from probe.cli import main

ROOT = Path(__file__).parents[2]
POLICIES = "scenarios/policies"
SHOP = "docs/examples/shop"

PODS = """\
apiVersion: v1
kind: Pod
metadata: {name: frontend, namespace: production, labels: {app: frontend}}
spec: {containers: [{name: a, image: x, ports: [{containerPort: 80, name: http}]}]}
status: {podIPs: [{ip: 10.1.0.1}, {ip: "fd00::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: backend, namespace: production, labels: {app: backend}}
spec: {containers: [{name: a, image: x}]}
status: {podIPs: [{ip: 10.1.0.2}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: backend, namespace: development}
spec:
  selector: {matchLabels: {app: backend}}
  template: {metadata: {labels: {app: backend}}, spec: {containers: [{name: a, image: x}]}}
---
apiVersion: v1
kind: Service
metadata: {name: frontend, namespace: production}
spec: {selector: {app: frontend}, clusterIP: 10.96.0.1, ports: [{name: web, port: 8000, targetPort: http}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.168.0.1}, {type: Hostname, address: n1}]}
"""


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def pods(tmp_path: Path) -> str:
    path = tmp_path / "pods.yaml"
    path.write_text(PODS, "utf-8")
    return str(path)


def explain(capsys: pytest.CaptureFixture[str], files: list[str], *words: str, code: int = 0) -> str:
    assert main(["explain", "--quiet", "-f", *files, *words]) == code
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["explain", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def flow(source: str, destination: str, port: str) -> tuple[str, ...]:
    return "--from", source, "--to", destination, "--port", port


# --- text ----------------------------------------------------------------------------------------------------------


def test_what_is_allowed_names_the_rule_and_its_place(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, [POLICIES, pods], *flow("production/backend", "production/frontend", "80/TCP"))
    assert (
        out
        == """\
production/backend to production/frontend on 80/TCP is allowed: production/frontend-policy
ingress[0] allows ingress of production/frontend.

  egress of production/backend: allowed, since no policy selects it
  ingress of production/frontend: allowed
    decided by     production/frontend-policy ingress[0] (Accept)
                   scenarios/policies/frontend-policy.yaml:13
    selected by    production/frontend-policy  scenarios/policies/frontend-policy.yaml:4
"""
    )


def test_what_is_denied_names_the_nearest_rule_and_what_it_asks_for(
    pods: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = explain(capsys, [POLICIES, pods], *flow("production/backend", "production/frontend", "443"))
    assert (
        out
        == """\
production/backend to production/frontend on 443/TCP is denied: production/frontend-policy isolates
production/frontend for ingress, and none of its rules allows this. Nearest is
production/frontend-policy ingress[0], but it asks for 80/TCP.

  egress of production/backend: allowed, since no policy selects it
  ingress of production/frontend: denied, since it is isolated and no rule allows it
    selected by    production/frontend-policy  scenarios/policies/frontend-policy.yaml:4
    nearest rule   production/frontend-policy ingress[0]  scenarios/policies/frontend-policy.yaml:13
                   but it asks for 80/TCP
"""
    )


def test_what_both_sides_deny_has_the_nearest_rule_of_each(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, [POLICIES, pods], *flow("development/backend", "10.1.0.1", "80"))
    assert "note: development/backend stands for the pods of Deployment/backend\n" in out
    assert "note: 10.1.0.1 is the address of pod production/frontend\n" in out
    assert " ".join(out.split()).startswith(
        "development/backend to production/frontend on 80/TCP is denied: development/backend-egress-policy isolates "
        "development/backend for egress, and none of its rules allows this; production/frontend-policy isolates "
        "production/frontend for ingress, and none of its rules allows this. Nearest are "
        "development/backend-egress-policy egress[0], but production/frontend (10.1.0.1) is not in 10.0.0.0/16, and it "
        "asks for 443/TCP; and production/frontend-policy ingress[0], but without a namespaceSelector it means pods of "
        "production, and development/backend is in development."
    )


def test_a_service_leads_to_the_flow_that_policies_see(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("service/production/frontend", "svc/production/frontend", "10.96.0.1"):
        out = explain(capsys, [POLICIES, pods], *flow("production/backend", name, "8000"))
        assert "as policies see it: production/backend -> production/frontend 80/TCP: allow\n" in out
        assert " ".join(out.split()).startswith(
            "production/backend to service production/frontend (cluster-ip) on 8000/TCP is allowed: policies see "
            "production/backend to production/frontend on 80/TCP, and"
        )


def test_an_address_outside_reaches_a_service_by_its_node_ports(capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, [SHOP], *flow("198.51.100.7", "svc/edge/gateway", "443"))
    assert "(node-port) on 443/TCP is allowed: policies see 198.51.100.7 to edge/gateway on 8443/TCP" in out.replace(
        "\n", " "
    )
    assert "externalTrafficPolicy Local keeps the client's address" in out
    out = explain(capsys, [SHOP], *flow("198.51.100.7", "svc/edge/gateway", "30443"), "--via", "cluster-ip")
    assert "(cluster-ip) on 443/TCP" in out


def test_ports_may_be_called_by_name(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    for destination, port in (("production/frontend", "http"), ("svc/production/frontend", "web")):
        out = explain(capsys, [POLICIES, pods], *flow("production/backend", destination, port))
        assert "is allowed" in out


def test_a_pod_and_itself(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, [POLICIES, pods], *flow("production/frontend", "production/frontend", "443"))
    assert "is allowed: a pod's traffic to its own address is always allowed." in " ".join(out.split())


def test_nodes_are_ends_too(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    for node in ("node/n1", "192.168.0.1"):
        out = explain(capsys, [POLICIES, pods], *flow(node, "production/frontend", "80"))
        assert out.startswith("node:n1 to production/frontend on 80/TCP is ")


def test_the_family_is_what_both_ends_have(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, [POLICIES, pods], *flow("2001:db8::1", "production/frontend", "80"))
    assert "over IPv6 is denied" in out.replace("\n", " ")
    out = explain(capsys, [POLICIES, pods], *flow("production/frontend", "production/frontend", "80"))
    assert "over" not in out.partition(":")[0]


# --- json ----------------------------------------------------------------------------------------------------------


def test_json_has_all_that_the_answer_comes_from(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = flow("development/backend", "production/frontend", "80/TCP")
    data: dict[str, Any] = json.loads(explain(capsys, [POLICIES, pods], *words, "-o", "json"))
    assert (data["apiVersion"], data["kind"]) == ("cni-probe/v1", "Explanation")
    assert (data["answer"], data["port"], data["protocol"], data["family"]) == ("deny", 80, "TCP", "IPv4")
    (view,) = data["views"]
    egress, ingress = view["sides"]
    assert egress["selectedBy"] == [
        {
            "kind": "NetworkPolicy",
            "namespace": "development",
            "name": "backend-egress-policy",
            "location": {"file": "scenarios/policies/backend-egress-policy.yaml", "line": 4, "column": 9},
        }
    ]
    assert ingress["subject"] == "production/frontend"
    assert ingress["deciders"] == []
    miss = ingress["nearestMiss"]
    assert miss["rule"]["index"] == 0
    assert miss["rule"]["location"]["line"] == 13
    assert [each["aspect"] for each in miss["differences"]] == ["namespace"]


# --- as a check ----------------------------------------------------------------------------------------------------


def test_expect_turns_another_answer_into_an_exit_code(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    allowed = flow("production/backend", "production/frontend", "80")
    denied = flow("production/backend", "production/frontend", "443")
    undefined = flow("production/frontend", "svc/production/frontend", "8000")
    for words, expected, code in (
        (allowed, "allow", 0),
        (allowed, "deny", 1),
        (denied, "deny", 0),
        (denied, "allow", 1),
        (undefined, "allow", 1),
        (undefined, "deny", 1),
    ):
        assert main(["explain", "-f", POLICIES, pods, *words, "--expect", expected]) == code
        assert ("cni-probe: expected" in capsys.readouterr().err) is (code == 1)


# --- mistakes ------------------------------------------------------------------------------------------------------


def test_unknown_names_of_both_ends_are_told_with_what_was_meant(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    err = refused(capsys, "-f", pods, *flow("prodction/backend", "svc/production/frontnd", "80"))
    assert err == (
        'cni-probe: unknown pod "prodction/backend" (did you mean "production/backend"?)\n'
        'unknown service "production/frontnd" (did you mean "production/frontend"?)\n'
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (flow("backend", "production/frontend", "80"), 'did you mean "production/backend"?'),
        (flow("nowhere", "production/frontend", "80"), "write NAMESPACE/POD, an IP address"),
        (flow("svc/production/frontend", "production/frontend", "80"), "nothing comes from a service"),
        (flow("node/n2", "production/frontend", "80"), 'unknown node "n2" (the only one: n1)'),
        (flow("production/backend", "production/frontend", "80/TPC"), 'did you mean "TCP"?'),
        (flow("production/backend", "production/frontend", "70000"), "a port is a number from 1 to 65535"),
        (flow("production/backend", "production/frontend", "htp"), 'did you mean "http"?'),
        (flow("production/backend", "svc/production/frontend", "80"), "it has: 8000/TCP (web)"),
        (flow("10.0.0.1", "2001:db8::1", "80"), "only an IPv4 address, the other only an IPv6 one"),
        ((*flow("10.0.0.1", "production/frontend", "80"), "--family", "IPv6"), "addresses of the other family"),
        ((*flow("10.0.0.1", "production/frontend", "80"), "--via", "node-port"), "--via goes with a service"),
        ((*flow("10.0.0.1", "svc/production/frontend", "8000"), "--via", "node-port"), "has no node ports"),
        ((*flow("10.0.0.1", "production/frontend", "80"), "--context", "c"), "either manifests or a live cluster"),
        ((*flow("10.0.0.1", "production/frontend", "80"), "--pod-cidr", "10.0.0.0/33"), "--pod-cidr: '10.0.0.0/33'"),
    ],
)
def test_mistakes_say_what_would_be_right(
    pods: str, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, "-f", pods, *words)


def test_without_manifests_and_without_a_cluster_there_is_nothing_to_explain(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "name manifests with -f, or a live cluster" in refused(capsys, *flow("a/b", "a/c", "80"))


def test_every_mistake_in_manifests_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        (ROOT / POLICIES / "frontend-policy.yaml").read_text("utf-8").replace("port: 80", "port: 80000"), "utf-8"
    )
    err = refused(capsys, "-f", str(broken), str(tmp_path / "none.yaml"), *flow("a/b", "a/c", "80"))
    assert f"{broken}:19" in err
    assert "none.yaml" in err
    assert err.endswith("2 errors\n")


def test_notices_go_to_stderr_unless_quiet(pods: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", "-f", POLICIES, pods, *flow("production/backend", "production/frontend", "80")]
    assert main(words) == 0
    assert "no Namespace object for development, production" in capsys.readouterr().err
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_manifests_may_come_from_stdin(
    pods: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PODS.encode())))
    out = explain(capsys, [POLICIES, "-"], *flow("production/backend", "production/frontend", "80"))
    assert "is allowed" in out


def test_the_readme_shows_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    files = [POLICIES, "docs/examples/three-pods.yaml"]
    for words in (
        flow("production/backend", "production/frontend", "80/TCP"),
        flow("development/backend", "10.0.12.34", "80/TCP"),
    ):
        command = f"$ cni-probe explain -f {' '.join(files)} \\\n      {' '.join(words)}\n"
        assert command + explain(capsys, files, *words) in readme
