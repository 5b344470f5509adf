"""The same scenario on clusters that differ: address families, one node, denials by reject."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import ExitCode, Family, Outcome, Verdict
from probe.model.events import RunDone
from probe.model.record import RunRecord
from probe.report.fold import Recorder
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.scenario.load import load_scenarios

pytestmark = pytest.mark.sandbox

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: kinds}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client:
          server: {labels: {app: server}, ports: [80/TCP, 53/UDP]}
    external:
      vault: {addresses: [10.0.12.34], ports: [443/TCP]}
  steps:
    - name: closed
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: closed, namespace: shop}
        spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
      expect: {default: allow, rules: [{to: shop/server, verdict: DENY}]}
"""


@pytest.fixture
def measure(tmp_path: Path, state_directory: Path) -> Any:
    async def run(options: SandboxOptions, deny: str = "deny") -> RunRecord:
        path = tmp_path / "kinds.yaml"
        path.write_text(SCENARIO.replace("DENY", deny))
        recorder = Recorder()
        async with Sandbox.start(options) as sandbox, connect(str(sandbox.kubeconfig)) as api:
            await run_scenarios(api, load_scenarios([path]), RunOptions(), recorder.see)
        recorder.see(RunDone("2026-01-01T00:00:00Z", 0.0, False))
        return recorder.record()

    return run


async def test_each_family_of_a_dual_stack_cluster_has_cells_of_its_own(measure: Any) -> None:
    record = await measure(SandboxOptions(families=(Family.IPV4, Family.IPV6)))
    assert record.exit_code == ExitCode.PASSED, record
    (step,) = record.scenarios[0].steps
    denied = [cell for cell in step.cells if cell.outcome is Outcome.TIMED_OUT]
    assert {(cell.protocol, cell.family) for cell in denied} == {
        (protocol, family) for protocol in ("TCP", "UDP") for family in Family
    }


async def test_what_an_ipv6_cluster_cannot_try_is_unsupported_and_the_rest_is_judged(measure: Any) -> None:
    record = await measure(SandboxOptions(families=(Family.IPV6,)))
    assert record.exit_code == ExitCode.PASSED, record
    (step,) = record.scenarios[0].steps
    by_verdict = {cell.destination: cell.verdict for cell in step.cells}
    assert by_verdict == {"shop/server": Verdict.PASS, "external/vault": Verdict.UNSUPPORTED}


async def test_a_family_that_a_scenario_asks_for_and_pods_lack_is_said_to_be_untested(
    run_it: Any, two_pods: Path
) -> None:
    two_pods.write_text(two_pods.read_text().replace("  timeouts:", "  probe: {families: [IPv4, IPv6]}\n  timeouts:"))
    record = await run_it(two_pods)
    assert record.exit_code == ExitCode.PASSED
    assert "IPv6, which the scenario asks for: no pod has such an address" in record.scenarios[0].untested


async def test_a_cluster_of_one_node_that_rejects(measure: Any) -> None:
    options = SandboxOptions(nodes=1, deny_with="reject")
    record = await measure(options, deny="reject")
    assert record.exit_code == ExitCode.PASSED, record
    denied = {cell.outcome for cell in record.scenarios[0].steps[0].cells} - {Outcome.CONNECTED}
    assert denied
    assert all(outcome.is_rejection for outcome in denied)


async def test_a_reject_where_a_drop_was_asked_for_is_a_mismatch_of_its_own(measure: Any) -> None:
    record = await measure(SandboxOptions(nodes=1, deny_with="reject"), deny="drop")
    assert record.exit_code == ExitCode.MISMATCH
    assert set(record.counts) == {Verdict.PASS, Verdict.WRONG_DENIAL}
