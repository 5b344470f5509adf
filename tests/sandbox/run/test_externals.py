"""Endpoints outside of a cluster that does not make them: an agent runs somewhere, and the run is told where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode, Verdict

pytestmark = pytest.mark.sandbox

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: outside}
spec:
  fleet:
    namespaces: {shop: {pods: {client: {ports: [80/TCP]}}}}
    external:
      vault: {addresses: [10.0.12.34], ports: [443/TCP, 53/UDP]}
  probe: {to: external/vault}
  timeouts: {baseline: 2s, converge: 3s}
  steps:
    - name: open
      expect: allow
    - name: closed
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: egress, namespace: shop}
          spec:
            podSelector: {}
            policyTypes: [Egress]
            egress: [{to: [{ipBlock: {cidr: 10.0.0.0/16}}], ports: [{port: 443}]}]
      expect: {default: deny, rules: [{to: external/vault, port: 443/TCP, verdict: allow}]}
"""
AGENTS = "/apis/sandbox.cni-probe.dev/v1/namespaces/default/externalendpoints"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    path = tmp_path / "outside.yaml"
    path.write_text(SCENARIO)
    return path


@pytest.fixture
def somebody_outside(cluster: Any) -> Iterator[None]:
    """An agent at two addresses outside of the cluster, which no run has made."""
    ports = [{"port": 443, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]
    spec = {"addresses": ["10.0.77.1", "198.51.100.77"], "ports": ports}
    cluster.request("POST", AGENTS, {"metadata": {"name": "somebody"}, "spec": spec})
    while not (cluster.request("GET", f"{AGENTS}/somebody") or {}).get("status", {}).get("ready"):
        pass  # the test's own timeout ends it
    yield
    cluster.delete(f"{AGENTS}/somebody")


@pytest.mark.usefixtures("somebody_outside")
async def test_an_agent_at_another_address_of_the_same_block_stands_for_the_endpoint(
    run_it: Any, outside: Path, cells: Any
) -> None:
    record = await run_it(outside, externals={"vault": ("10.0.77.1",)})
    assert record.exit_code == ExitCode.PASSED, record.problems
    closed = cells(record, "closed")
    assert {cell.verdict for cell in closed.values()} == {Verdict.PASS}
    assert {cell.dialled for cell in closed.values()} == {"10.0.77.1:443", "10.0.77.1:53"}


@pytest.mark.usefixtures("somebody_outside")
async def test_an_agent_that_a_policy_would_treat_differently_is_not_taken(run_it: Any, outside: Path) -> None:
    record = await run_it(outside, externals={"vault": ("198.51.100.77",)})
    assert record.counts == {Verdict.UNSUPPORTED: 4}
    assert record.exit_code == ExitCode.HARNESS
    reasons = {cell.reason for step in record.scenarios[0].steps for cell in step.cells}
    assert any("198.51.100.77 cannot stand for 10.0.12.34, which is in 10.0.0.0/16" in reason for reason in reasons)


async def test_an_address_at_which_nobody_answers_proves_nothing(run_it: Any, outside: Path) -> None:
    record = await run_it(outside, externals={"vault": ("10.0.77.2",)})
    assert record.counts == {Verdict.INCONCLUSIVE: 4}
    reasons = {cell.reason for step in record.scenarios[0].steps for cell in step.cells}
    assert any("no agent answers at 10.0.77.2, where external/vault should be" in reason for reason in reasons)
