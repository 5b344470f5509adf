"""The cluster's DNS as a cell of its own: any answer is traffic, and a nameserver that is ill is no policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode, Outcome, Verdict
from probe.model.events import Event, StepStarted
from probe.model.record import CellRecord, RunRecord

pytestmark = pytest.mark.sandbox

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: names}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          web: {labels: {app: APP}, node: a}
          db: {labels: {app: db}, node: b}
  probe: {paths: [dns]}
  timeouts: {baseline: 3s, converge: 2s}
  steps:
    - name: open
      expect: allow
    - name: closed
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: closed, namespace: shop}
        spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}
      expect:
        default: allow
        rules: [{from: shop/web, verdict: deny}]
"""
SYSTEM = "/apis/networking.k8s.io/v1/namespaces/kube-system/networkpolicies"
KUBERNETES = "/api/v1/namespaces/default/services/kubernetes"


@pytest.fixture
def names(tmp_path: Path) -> Callable[..., Path]:
    """Two pods that ask for a name; in the second step one of them may not (unless ``app`` is somebody else)."""

    def write(app: str = "web") -> Path:
        path = tmp_path / "names.yaml"
        path.write_text(SCENARIO.replace("APP", app))
        return path

    return write


@pytest.fixture
def silence(cluster: Any) -> Iterator[Callable[[Event], None]]:
    """Cut the nameserver off from everybody when the second step begins, behind the run's back."""

    def hook(event: Event) -> None:
        if isinstance(event, StepStarted) and event.name == "closed":
            policy = {"metadata": {"name": "silence"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
            cluster.request("POST", SYSTEM, policy)

    yield hook
    cluster.delete(f"{SYSTEM}/silence")


@pytest.fixture
def forget(cluster: Any) -> Iterator[Callable[[Event], None]]:
    """Take the name that is asked for out of the cluster when the second step begins."""
    service = cluster.request("GET", KUBERNETES)

    def hook(event: Event) -> None:
        if isinstance(event, StepStarted) and event.name == "closed":
            cluster.delete(KUBERNETES)

    yield hook
    del service["metadata"]["resourceVersion"], service["metadata"]["uid"]
    cluster.request("POST", KUBERNETES.removesuffix("/kubernetes"), service)


def asked(record: RunRecord, step: str, pod: str) -> list[CellRecord]:
    """The cells of one pod in a step: one for each protocol."""
    found = next(it for scenario in record.scenarios for it in scenario.steps if it.name == step)
    cells = [cell for cell in found.cells if cell.source == pod]
    assert {cell.protocol for cell in cells} == {"UDP", "TCP"}
    return cells


async def test_a_name_is_resolved_and_a_policy_cuts_it_off(run_it: Any, names: Any) -> None:
    record = await run_it(names())
    assert record.exit_code == ExitCode.PASSED, record.scenarios[0]
    assert set(record.counts) == {Verdict.PASS}
    for cell in asked(record, "open", "shop/web"):
        assert (cell.outcome, cell.dialled, cell.responder) == (Outcome.CONNECTED, "10.96.0.10:53", "10.96.0.10:53")
    for cell in asked(record, "closed", "shop/web"):
        assert cell.outcome is Outcome.TIMED_OUT
        assert cell.control
    for cell in asked(record, "closed", "shop/db"):
        assert cell.outcome is Outcome.CONNECTED


async def test_a_leak_can_be_repeated_by_hand(run_it: Any, names: Any) -> None:
    record = await run_it(names(app="nobody"), trust_scenarios=True)
    assert record.exit_code == ExitCode.MISMATCH
    for cell in asked(record, "closed", "shop/web"):
        assert cell.verdict is Verdict.LEAK
        assert cell.repeat.endswith(f"dial 10.96.0.10 53/{cell.protocol} --timeout 1.5 --query {NAME}")


NAME = "kubernetes.default.svc.cluster.local"


async def test_a_nameserver_that_answers_nobody_is_inconclusive(run_it: Any, names: Any, silence: Any) -> None:
    record = await run_it(names(), hook=silence)
    for pod in ("shop/web", "shop/db"):
        for cell in asked(record, "closed", pod):
            assert cell.verdict is Verdict.INCONCLUSIVE
            assert "cluster/dns was not proven alive: the witness saw timed-out" in cell.reason
    assert record.exit_code == ExitCode.HARNESS


async def test_an_answer_that_the_name_does_not_exist_is_no_policys_doing(run_it: Any, names: Any, forget: Any) -> None:
    """Nothing is denied to one pod, and what it is told is no good. The other is cut off from a nameserver that is
    well: it answers the witness, and this very pod once the policy is lifted."""
    record = await run_it(names(), hook=forget)
    for cell in asked(record, "closed", "shop/db"):
        assert (cell.verdict, cell.outcome) == (Verdict.INCONCLUSIVE, Outcome.UNRESOLVED)
        assert "NXDOMAIN" in cell.reason
    for cell in asked(record, "closed", "shop/web"):
        assert (cell.verdict, cell.outcome) == (Verdict.PASS, Outcome.TIMED_OUT)
    assert record.exit_code == ExitCode.HARNESS


async def test_any_answer_is_a_leak_where_none_was_expected(run_it: Any, names: Any, forget: Any) -> None:
    record = await run_it(names(app="nobody"), trust_scenarios=True, hook=forget)
    for cell in asked(record, "closed", "shop/web"):
        assert (cell.verdict, cell.outcome) == (Verdict.LEAK, Outcome.UNRESOLVED)
        assert "the nameserver answered (NXDOMAIN)" in cell.reason
    assert record.exit_code == ExitCode.MISMATCH
