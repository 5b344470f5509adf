"""``cni-probe plan``: what a run would do and expect, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from probe.cli import main
from probe.scenario import load_scenarios, make_plan

SEEDS = Path(__file__).parents[2] / "scenarios/seeds"

PAIR = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: pair}
spec:
  description: Two pods.
  fleet:
    namespaces:
      a:
        pods:
          web: {labels: {app: web}, ports: [80/TCP, {port: 53, protocol: UDP, name: dns}]}
          client:
  steps:
    - name: closed
      expect: deny
    - name: half open
      description: Only TCP.
      expect: {default: deny, rules: [{port: TCP, verdict: allow}, {to: a/web, port: dns, verdict: drop}]}
"""


def plan(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What it prints. These scenarios state denials without the policies for them: plans need none."""
    assert main(["plan", "--trust-scenario", *words]) == 0
    out, err = capsys.readouterr()
    assert all(line.startswith("warning: ") for line in err.splitlines())
    return out


@pytest.fixture
def pair(tmp_path: Path) -> str:
    path = tmp_path / "pair.yaml"
    path.write_text(PAIR, "utf-8")
    return str(path)


def test_a_plan_shows_fleet_steps_cells_and_truth_tables(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = plan(capsys, pair)
    heading = f"pair  ({pair})"
    assert (
        out
        == f"""\
{heading}
{"=" * len(heading)}
Two pods.

  pod       labels    ports
  a/web     app=web   80/TCP 53/UDP (dns)
  a/client            client only

step 1 of 2: closed
  4 cells: 2 allow, 2 deny

  *         a/web
  a/web     .
  a/client  X

step 2 of 2: half open
  Only TCP.
  4 cells: 3 allow, 1 drop

  80/TCP    a/web
  a/web     .
  a/client  .

  53/UDP    a/web
  a/web     .
  a/client  drop

tables: rows are sources, columns destinations; . allow, X deny, ? either, - not tried
"""
    )


def test_the_tables_of_a_plan_say_in_a_scenario_what_they_say_in_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    original = make_plan(load_scenarios([SEEDS / "least-privilege.yaml"])[0]).steps[2]
    out = plan(capsys, str(SEEDS / "least-privilege.yaml"))
    drawn = out.partition("step 3 of 3")[2].partition("\n\n")[2].partition("\n\ntables:")[0]
    table = "".join(f"          {line.strip()}\n" for line in drawn.splitlines())
    text = (SEEDS / "least-privilege.yaml").read_text("utf-8")
    copy = tmp_path / "copy.yaml"
    copy.write_text(text[: text.rindex("      expect:")] + "      expect:\n        table: |\n" + table, "utf-8")
    copied = make_plan(load_scenarios([copy])[0]).steps[2]
    assert [(i.cell, i.expectation) for i in copied.cells] == [(i.cell, i.expectation) for i in original.cells]


def test_columns_are_numbered_where_names_do_not_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = plan(capsys, str(SEEDS / "namespace-separation.yaml"))
    tables = [line for line in out.splitlines() if line.startswith("  ") and " . " in line]
    assert tables
    assert max(map(len, tables)) <= 80
    assert "    1 production/frontend" in out


def test_json_has_every_cell_with_its_expectation(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    data: dict[str, Any] = json.loads(plan(capsys, "-o", "json", pair))
    (scenario,) = data["scenarios"]
    assert scenario["namespaces"][0]["pods"][1] == {
        "id": "a/client",
        "labels": {},
        "ports": [],
        "node": None,
        "hostNetwork": False,
    }
    assert scenario["placement"] == {"spread": "spread", "group": None}
    assert [step["name"] for step in scenario["steps"]] == ["closed", "half open"]
    assert scenario["steps"][1]["cells"][3] == {
        "source": "a/client",
        "destination": "a/web",
        "port": 53,
        "protocol": "UDP",
        "family": "IPv4",
        "path": "pod-ip",
        "via": "",
        "address": None,
        "expected": "drop",
        "decidedBy": f"{pair}:17:68",
    }


def paths(tmp_path: Path, *steps: str) -> str:
    text = PAIR[: PAIR.index("  steps:")].replace(
        "client:", "client:\n          proxy: {ports: 8080, hostNetwork: true}"
    )
    text = text.replace("    namespaces:", "    placement: {spread: different, group: east}\n    namespaces:")
    text += "  probe: {from: [a/web, a/client], paths: [pod-ip, node-ip, cluster-ip, node-port/local]}\n  steps:\n"
    path = tmp_path / "paths.yaml"
    path.write_text(text + "".join(f"    - {{name: step {n}, {step}}}\n" for n, step in enumerate(steps)), "utf-8")
    return str(path)


def test_a_plan_shows_ways_placement_and_the_hosts_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = "rules: [{from: a/client, to: a/web, path: cluster-ip/other-port, verdict: allow}]"
    out = plan(capsys, paths(tmp_path, "expect: allow", f"expect: {{default: deny, {rules}}}"))
    assert (
        out.partition("Two pods.\n")[2]
        == """\
runs exclusively, when all others are done: what it makes may reach beyond its own pods

  pod       labels    ports                network
  a/web     app=web   80/TCP 53/UDP (dns)
  a/client            client only
  a/proxy             8080/TCP             host
  placement: different on nodes of the group "east"

step 1 of 2: step 0
  24 cells: 18 allow, 6 either
  ways: 4 pod-ip, 6 cluster-ip/same-port, 6 cluster-ip/other-port, 6 node-port/local, 2 node-ip

  by pod-ip, node-ip, cluster-ip and node-port/local alike; a pod to itself through a service: either

  *         a/web    a/proxy
  a/web     .        .
  a/client  .        .

step 2 of 2: step 1
  24 cells: 4 allow, 4 deny, 16 either
  ways: 4 pod-ip, 6 cluster-ip/same-port, 6 cluster-ip/other-port, 6 node-port/local, 2 node-ip

  by pod-ip, node-ip and cluster-ip/same-port alike; a pod to itself through a service: either

  *         a/web    a/proxy
  a/web     .        ?
  a/client  X        ?

  by cluster-ip/other-port

  *         a/web    a/proxy
  a/web     ?        ?
  a/client  .        ?

  by node-port/local: either, everywhere

tables: rows are sources, columns destinations; . allow, X deny, ? either, - not tried
"""
    )


def test_the_table_that_ways_share_says_in_a_scenario_what_it_says_in_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    original = paths(tmp_path, "expect: {default: deny, rules: [{from: a/client, port: UDP, verdict: allow}]}")
    planned = make_plan(load_scenarios([original])[0]).steps[0]
    drawn = plan(capsys, original).partition("service: either\n\n")[2].partition("\n\n  by node-port")[0]
    table = "".join(f"          {line.strip()}\n" for line in drawn.splitlines())
    text = Path(original).read_text("utf-8")
    copy = tmp_path / "copy.yaml"
    step = f"    - name: copy\n      expect:\n        table: |\n{table}"
    copy.write_text(text[: text.index("    - {name: step 0")] + step, "utf-8")
    copied = make_plan(load_scenarios([copy])[0]).steps[0]
    assert [(i.cell, i.expectation) for i in copied.cells] == [(i.cell, i.expectation) for i in planned.cells]


def test_json_says_by_which_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(plan(capsys, "-o", "json", paths(tmp_path, "expect: allow")))
    cells = data["scenarios"][0]["steps"][0]["cells"]
    assert {(cell["path"], cell["via"]) for cell in cells} == {
        ("pod-ip", ""),
        ("node-ip", ""),
        ("cluster-ip", "same-port"),
        ("cluster-ip", "other-port"),
        ("node-port", "local"),
    }
    assert data["scenarios"][0]["placement"] == {"spread": "different", "group": "east"}
    assert [pod["hostNetwork"] for pod in data["scenarios"][0]["namespaces"][0]["pods"]] == [False, False, True]


def test_a_plan_shows_how_the_scenario_is_watched(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    shipped = str(SEEDS.parent / "over-time" / "upgrade.yaml")
    text = plan(capsys, shipped)
    assert "watched: the last step, 5 times a second, and 30 s after the command" in text
    assert "good up to: no leak a cell, outages of 2.0 s a cell, 4.0 s in all" in text
    assert "connections: shop/api -> shop/db, with a heartbeat every 100 ms" in text
    silent, stated = (json.loads(plan(capsys, "-o", "json", path))["scenarios"][0]["watch"] for path in (pair, shipped))
    assert silent is None
    assert (stated["budget"]["outageTotal"], stated["connections"][0]["from"]) == (4.0, ["shop/api"])


def test_families_can_be_asked_for(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(plan(capsys, "-o", "json", "--family", "IPv6", "--family", "IPv4", pair))
    cells = data["scenarios"][0]["steps"][0]["cells"]
    assert [cell["family"] for cell in cells[:2]] == ["IPv6", "IPv4"]
    assert len(cells) == 8


def test_an_invalid_scenario_is_refused_as_validate_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(PAIR.replace("expect: deny", "expect: dney"), "utf-8")
    assert main(["plan", str(path)]) == 2
    assert f'{path}:14:15: spec.steps[0].expect: "dney" is not a known' in capsys.readouterr().err


def test_a_plan_says_what_runs_when_all_others_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    suite = SEEDS.parent / "cluster-policies"
    found = json.loads(plan(capsys, str(suite), "-o", "json"))["scenarios"]
    kinds = {bool(each["exclusive"]): {ref.partition("/")[0] for ref in each["clusterScoped"]} for each in found}
    assert kinds == {True: {"adminnetworkpolicy", "baselineadminnetworkpolicy"}, False: {"clusternetworkpolicy"}}
    text = plan(capsys, str(suite / "older-kinds.yaml"))
    assert "\nneeds --allow-cluster-scoped: it applies " in text
    assert "\nruns exclusively, when all others are done: " in text
