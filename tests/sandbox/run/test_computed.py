"""Expectations that the policies decide, on real packets; and what a run makes of statements that they contradict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probe.cli import main
from probe.model.cell import ExitCode, Expectation, Verdict
from probe.model.events import Event, ScenarioStarted

pytestmark = pytest.mark.sandbox

BY_ADDRESS = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: by-address}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {node: a}
          other: {node: b}
          server: {labels: {app: server}, ports: [80/TCP, 81/TCP], node: b}
  timeouts: {baseline: 2s, converge: 2s}
  expect: computed
  steps:
    - name: open
    - name: only the first node's pods
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: by-address, namespace: shop}
          spec:
            podSelector: {matchLabels: {app: server}}
            ingress: [{from: [{ipBlock: {cidr: 10.244.1.0/24}}], ports: [{port: 80}]}]
"""


async def test_what_policies_say_by_address_is_computed_once_pods_have_theirs(
    run_it: Any, cells: Any, tmp_path: Path, cluster: Any
) -> None:
    (tmp_path / "by-address.yaml").write_text(BY_ADDRESS)
    record = await run_it(tmp_path / "by-address.yaml")
    assert record.exit_code == ExitCode.PASSED
    found = cells(record, "only the first node's pods")
    expected = {key: cell.expected for key, cell in found.items()}
    (inside,) = (pod for pod in ("client", "other") if cluster.addresses[f"shop/{pod}"].startswith("10.244.1."))
    assert expected[f"shop/{inside} -> shop/server 80/TCP"] is Expectation.ALLOW
    assert expected[f"shop/{inside} -> shop/server 81/TCP"] is Expectation.DENY
    assert {cell.verdict for cell in found.values()} == {Verdict.PASS}
    # ... and the record says who decided, of what passed as well, and which policies were in force.
    assert found[f"shop/{inside} -> shop/server 80/TCP"].decided_by == ["shop/by-address ingress[0]"]
    assert found[f"shop/{inside} -> shop/server 81/TCP"].decided_by == ["shop/by-address"]
    assert found["shop/server -> shop/server 80/TCP"].decided_by == []
    opened, closed = (step.policies for step in record.scenarios[0].steps)
    assert opened == []
    assert [(policy.name, policy.changed) for policy in closed] == [("shop/by-address", True)]
    assert closed[0].manifest["spec"]["podSelector"] == {"matchLabels": {"app": "server"}}


async def test_a_mismatch_carries_what_the_policies_say(run_it: Any, cells: Any, two_pods: Path) -> None:
    right = two_pods.read_text()
    two_pods.write_text(right.replace("{to: shop/server, verdict: deny}", "{to: shop/server, verdict: allow}"))
    record = await run_it(two_pods, trust_scenarios=True)
    assert record.exit_code == ExitCode.MISMATCH
    blocked = cells(record, "closed")["shop/client -> shop/server 80/TCP"]
    assert blocked.verdict is Verdict.BLOCKED
    assert blocked.decision.answer == "deny"
    assert "shop/closed isolates shop/server for ingress" in blocked.decision.sentence
    (note,) = (each for each in record.notes if "what is stated counts" in each)
    assert "expects allow of shop/client -> shop/server 80/TCP" in note
    assert "isolates" not in note  # which the cell tells


def test_a_wrong_statement_ends_a_run_before_there_is_a_cluster(
    two_pods: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two_pods.write_text(two_pods.read_text().replace("{to: shop/server, verdict: deny}", "{verdict: allow}"))
    assert main(["run", str(two_pods), "--kubeconfig", "/nowhere"]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert "expects allow of shop/client -> shop/server 80/TCP and 1 more, but the policies deny it" in said
    assert "--trust-scenario" in said


async def test_what_only_addresses_show_to_be_wrong_ends_the_scenario_before_its_first_probe(
    run_it: Any, tmp_path: Path, cluster: Any
) -> None:
    wrong = BY_ADDRESS.replace("  expect: computed\n", "  expect: allow\n")
    (tmp_path / "by-address.yaml").write_text(wrong)
    seen: list[Event] = []
    record = await run_it(tmp_path / "by-address.yaml", hook=seen.append)
    assert record.exit_code == ExitCode.HARNESS
    assert any(isinstance(event, ScenarioStarted) for event in seen)
    assert [step for scenario in record.scenarios for step in scenario.steps] == []
    (problem,) = (each for scenario in record.scenarios for each in scenario.problems)
    assert "but the policies deny it" in problem
    assert cluster.leftovers() == []
