"""``cni-probe matrix``: the truth table of manifests, as a table, as Markdown and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from probe.cli import main
from probe.report.truth_table import truth_table_schema

ROOT = Path(__file__).parents[2]
SHOP = "docs/examples/shop"

PAIR = """\
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: x, ports: [{containerPort: 80, name: http}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: [{name: a, image: x}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
    - {from: [{podSelector: {}}], ports: [{port: http}, {port: 53, protocol: UDP}]}
    - {from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}], ports: [{port: 443}]}
"""


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def pair(tmp_path: Path) -> str:
    path = tmp_path / "pair.yaml"
    path.write_text(PAIR, "utf-8")
    return str(path)


def matrix(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["matrix", "--quiet", *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(matrix(capsys, "-o", "json", *words))
    jsonschema.Draft202012Validator(truth_table_schema()).validate(data)
    return data


# --- the shop ------------------------------------------------------------------------------------------------------


def test_the_shops_matrix_is_the_one_beside_its_manifests(capsys: pytest.CaptureFixture[str]) -> None:
    out = matrix(capsys, "-f", SHOP, "--pod-cidr", "10.244.0.0/16", "-o", "markdown")
    assert out == (ROOT / SHOP / "matrix.md").read_text("utf-8")


def test_the_shop_fits_a_terminal_with_letters_for_ports(capsys: pytest.CaptureFixture[str]) -> None:
    out = matrix(capsys, "-f", SHOP, "--pod-cidr", "10.244.0.0/16")
    assert max(map(len, out.splitlines())) <= 100
    assert " 3  shop/frontend          -  -  -  c  d  e  f  g  -  -   a   h   -\n" in out
    assert "- nothing  a 8080/TCP  b 9464/TCP  c 9555/TCP" in out
    assert "  443/TCP to 203.0.113.0/25: shop/payment\n" in out
    command = f"$ cni-probe matrix -f {SHOP} --pod-cidr 10.244.0.0/16\n"
    assert command + out in (ROOT / "README.md").read_text("utf-8")


def test_the_shops_json_agrees_with_its_schema_and_its_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    data = as_json(capsys, "-f", SHOP, "--pod-cidr", "10.244.0.0/16")
    assert len(data["pods"]) == 13
    assert len(data["pairs"]) == 13 * 13
    pairs = {(pair["source"], pair["destination"]): pair for pair in data["pairs"]}
    assert pairs["shop/cart", "shop/redis"]["allowed"] == {"TCP": [[6379, 6379]]}
    assert pairs["shop/frontend", "shop/redis"]["allowed"] == {}
    payment = [each for each in data["outside"] if each["pod"] == "shop/payment" and each["direction"] == "egress"]
    assert {tuple(each["cidrs"]): each["allowed"] for each in payment if each["allowed"]} == {
        ("203.0.113.0/25",): {"TCP": [[443, 443]]}
    }


# --- a pair --------------------------------------------------------------------------------------------------------


def test_a_table_says_which_ports_and_what_goes_in_and_out(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        matrix(capsys, "-f", pair, "--pod-cidr", "10.0.0.0/8")
        == """\
             shop           shop
from \\ to    web            client
-----------  -------------  ------
shop/web     all            -
shop/client  80/TCP 53/UDP  all
- nothing

ingress from addresses outside the cluster
  443/TCP from 0.0.0.0/0 but 10.0.0.0/8: shop/web
  all from 0.0.0.0/0: shop/client

egress to addresses outside the cluster
  nothing: shop/web
  all to 0.0.0.0/0: shop/client
"""
    )


def test_without_the_pods_range_it_is_not_known_whether_a_block_means_them(
    pair: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "80/TCP 53/UDP 443/TCP?" in matrix(capsys, "-f", pair)
    data = as_json(capsys, "-f", pair)
    (undefined,) = (each["undefined"] for each in data["pairs"] if each["undefined"])
    assert undefined == [
        {
            "ports": {"TCP": [[443, 443]]},
            "why": "shop/web ingress[1] leaves ingress of shop/web open: which address shop/client has is not known",
        }
    ]


def test_families_that_look_the_same_share_a_matrix(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = matrix(capsys, "-f", pair, "--pod-cidr", "10.0.0.0/8", "--pod-cidr", "fd00::/8")
    assert out.startswith("IPv4, IPv6\n\n")
    assert out.count("from \\ to") == 1
    assert "ingress from addresses outside the cluster, IPv6\n  nothing: shop/web\n" in out
    data = as_json(capsys, "-f", pair, "--family", "IPv6", "--family", "IPv4")
    assert data["families"] == ["IPv6", "IPv4"]
    assert len(data["pairs"]) == 8


def test_a_focus_keeps_pairs_of_which_an_end_is_meant(capsys: pytest.CaptureFixture[str]) -> None:
    data = as_json(capsys, "-f", SHOP, "--focus", "shop/pay*")
    assert len(data["pairs"]) == 13 + 12
    assert all("shop/payment" in (pair["source"], pair["destination"]) for pair in data["pairs"])
    assert {each["pod"] for each in data["outside"]} == {"shop/payment"}
    out = matrix(capsys, "-f", SHOP, "--focus", "shop/pay*")
    assert "shop/checkout          50051/TCP\n" in out


def test_markdown_keeps_its_cells_apart(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = matrix(capsys, "-f", pair, "-o", "markdown", "--pod-cidr", "10.0.0.0/8")
    assert out.startswith("| from \\\\ to | shop/web | shop/client |\n| --- | --- | --- |\n| shop/web | all | - |\n")
    assert "| shop/web | 443/TCP from 0.0.0.0/0 but 10.0.0.0/8 | nothing |\n" in out


def test_many_pods_are_folded_to_their_namespaces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {{name: p{}, namespace: {}}}\nspec: {{containers: []}}\n"
    policy = PAIR[PAIR.index("apiVersion: networking") :].replace("{matchLabels: {app: web}}", "{}")
    documents = [pod.format(number, space) for space in ("shop", "other") for number in range(60)]
    path = tmp_path / "many.yaml"
    path.write_text("---\n".join([*documents, policy]), "utf-8")
    out = matrix(capsys, "-f", str(path), "--pod-cidr", "10.0.0.0/8")
    assert out.startswith("120 x 120, by namespace:\n")
    assert "shop       ~     -\n" in out
    assert "other      -     all\n" in out
    assert "~ not all the same" in out


# --- mistakes ------------------------------------------------------------------------------------------------------


def test_a_focus_that_means_nothing_is_a_mistake(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "-f", pair, "--focus", "shop/wbe", "other/*"]) == 2
    err = capsys.readouterr().err
    assert '--focus "shop/wbe" means no pod (did you mean "shop/web"?)' in err
    assert '--focus "other/*" means no pod' in err


def test_without_pods_there_is_nothing_to_make_a_table_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["matrix", "-f", "scenarios/policies"]) == 2
    assert "there are no pods and no workloads" in capsys.readouterr().err
