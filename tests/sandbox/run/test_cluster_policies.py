"""Cluster-scoped policies in a run: about its own pods alone, and gone with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from probe.model.cell import ExitCode, Verdict
from probe.model.errors import UsageError
from probe.model.events import Event, RunStarted, StepDone
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests import commands
from tests.sandbox.run.conftest import ANPS, BANPS, CNPS, RunIt, cells_of
from tests.sandbox.run.test_interrupt import clean, running
from tests.sandbox.run.test_seeds import run_command

pytestmark = pytest.mark.sandbox

SHIPPED = Path(__file__).parents[3] / "scenarios" / "cluster-policies"
ALLOWED = "--allow-cluster-scoped"

TWO_NAMESPACES = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: confined}
spec:
  fleet:
    namespaces:
      shop: {pods: {web: {labels: {app: web}, ports: [80/TCP], node: a}}}
      side: {pods: {client: {ports: [81/TCP], node: b}}}
  timeouts: {baseline: 2s, converge: 2s, attempt: 300ms, confirm: 400ms}
  probe: {self: false}
  steps:
    - name: open
      expect: allow
    - name: closed
      apply:
        apiVersion: policy.networking.k8s.io/v1alpha2
        kind: ClusterNetworkPolicy
        metadata: {name: closed}
        spec:
          tier: Admin
          priority: 1
          subject: {namespaces: {}}
          ingress: [{action: Deny, from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: side}}}]}]
      expect: {default: allow, rules: [{to: shop/*, verdict: deny}]}
    - name: edited
      apply:
        apiVersion: policy.networking.k8s.io/v1alpha2
        kind: ClusterNetworkPolicy
        metadata: {name: closed}
        spec:
          tier: Admin
          priority: 1
          subject: {pods: {podSelector: {matchLabels: {app: web}}}}
          egress: [{action: Deny, to: [{namespaces: {}}]}]
      expect: {default: allow, rules: [{from: shop/*, verdict: deny}]}
"""

BASELINE = {
    "metadata": {"name": "default", "annotations": {"owner": "somebody"}},
    "spec": {"subject": {"namespaces": {"matchLabels": {"team": "theirs"}}}},
}


@pytest.fixture
def confined(tmp_path: Path) -> Path:
    path = tmp_path / "confined.yaml"
    path.write_text(TWO_NAMESPACES)
    return path


@pytest.fixture
def baseline(cluster: Any) -> Iterator[dict[str, Any]]:
    """Somebody else's BaselineAdminNetworkPolicy."""
    yield cluster.request("POST", BANPS, BASELINE)
    cluster.delete(f"{BANPS}/default")


def test_the_shipped_scenarios_pass(cluster: Any, tmp_path: Path) -> None:
    out = tmp_path / "run.json"
    done = run_command(cluster.kubeconfig, str(SHIPPED), ALLOWED, "--confirm=0.4", "-o", f"json={out}")
    assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
    assert set(json.loads(out.read_text())["counts"]) == {"pass"}
    assert cluster.leftovers() == []


async def test_without_leave_nothing_is_created(run_it: RunIt, confined: Path) -> None:
    events: list[Event] = []
    with pytest.raises(UsageError, match=r"clusternetworkpolicy/closed would be applied.*--allow-cluster-scoped"):
        await run_it(confined, hook=events.append)
    assert events == []


async def test_a_policy_is_about_pods_of_its_scenario_alone(run_it: RunIt, cluster: Any, confined: Path) -> None:
    """In the cluster it has another name, the run's labels, and a subject that nobody else's namespace is in."""
    seen: list[dict[str, Any]] = []

    def hook(event: Event) -> None:
        if isinstance(event, StepDone) and event.record.name != "open":
            seen.extend(cluster.request("GET", CNPS)["items"])

    record = await run_it(confined, hook=hook, run="abc123", allow_cluster_scoped=True)
    assert set(record.counts) == {Verdict.PASS}
    closed, edited = seen
    mine = [
        {"key": "app.kubernetes.io/managed-by", "operator": "In", "values": ["cni-probe"]},
        {"key": "cni-probe.dev/run", "operator": "In", "values": ["abc123"]},
        {"key": "cni-probe.dev/scenario", "operator": "In", "values": ["confined"]},
    ]
    assert closed["metadata"]["name"] == edited["metadata"]["name"] == "cp-abc123-closed"
    assert closed["metadata"]["labels"]["cni-probe.dev/run"] == "abc123"
    assert closed["spec"]["subject"]["namespaces"] == {"matchExpressions": mine}
    assert edited["spec"]["subject"]["pods"] == {
        "namespaceSelector": {"matchExpressions": mine},
        "podSelector": {"matchLabels": {"app": "web"}},
    }
    (rule,) = closed["spec"]["ingress"]
    assert rule["from"] == [{"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "cp-abc123-side"}}}]
    assert "ingress" not in edited["spec"], "what the second version does not have is gone"
    assert cluster.leftovers() == []


async def test_the_closing_control_lifts_them_and_keep_puts_them_back(
    run_it: RunIt, cluster: Any, confined: Path
) -> None:
    """Something else breaks the path while the policy is there, which only shows when that is lifted."""
    broken: list[str] = []

    def hook(event: Event) -> None:
        if isinstance(event, StepDone) and event.record.name == "edited" and not broken:
            cluster.deny_all("side")
            broken.append("side")

    try:
        record = await run_it(confined, hook=hook, run="abc124", keep=True, allow_cluster_scoped=True)
        silent = cells_of(record, "edited")["shop/web -> side/client 81/TCP"]
        assert silent.verdict is Verdict.INCONCLUSIVE
        assert "the pair stayed silent when the policies were lifted" in silent.reason
        assert cells_of(record, "closed")["side/client -> shop/web 80/TCP"].verdict is Verdict.PASS
        kept = cluster.request("GET", f"{CNPS}/cp-abc124-closed")
        assert set(kept["spec"]) == {"tier", "priority", "subject", "egress"}
    finally:
        done = clean(cluster, "--run", "abc124")
    assert "removing clusternetworkpolicy cp-abc124-closed (run abc124, made" in done.stdout
    assert "removed 2 namespaces and 1 cluster-scoped policy" in done.stdout
    assert cluster.leftovers() == []


async def test_somebody_elses_baseline_policy_is_left_alone(
    run_it: RunIt, cluster: Any, baseline: dict[str, Any]
) -> None:
    """Known before anything is created."""
    events: list[Event] = []
    record = await run_it(SHIPPED / "older-kinds.yaml", hook=events.append, allow_cluster_scoped=True)
    assert record.exit_code == ExitCode.HARNESS
    (problem,) = record.problems
    assert "baselineadminnetworkpolicy/default exists already, and is none of cni-probe's" in problem
    assert not any(isinstance(event, RunStarted) for event in events)
    assert cluster.request("GET", f"{BANPS}/default") == baseline


async def test_one_that_comes_in_between_is_left_alone_too(run_it: RunIt, cluster: Any) -> None:
    def hook(event: Event) -> None:
        if isinstance(event, RunStarted):
            cluster.request("POST", BANPS, BASELINE)

    try:
        record = await run_it(SHIPPED / "older-kinds.yaml", hook=hook, allow_cluster_scoped=True)
        assert record.exit_code == ExitCode.HARNESS
        (problem,) = record.scenarios[0].problems
        assert "baselineadminnetworkpolicy/default exists already" in problem
        kept = cluster.request("GET", f"{BANPS}/default")
        assert (kept["metadata"]["generation"], kept["metadata"].get("labels")) == (1, None)
    finally:
        cluster.delete(f"{BANPS}/default")
    assert cluster.leftovers() == []


def test_an_interrupted_run_takes_them_along(cluster: Any, confined: Path) -> None:
    with running(cluster, str(confined), ALLOWED) as process:
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == ExitCode.INTERRUPTED
    assert cluster.leftovers() == []


def test_clean_removes_policies_that_are_left_without_any_namespace(cluster: Any) -> None:
    labels = {"app.kubernetes.io/managed-by": "cni-probe", "cni-probe.dev/run": "gone42"}
    spec = {"priority": 1, "subject": {"namespaces": {}}}
    left, theirs = {"metadata": {"name": "cp-gone42-x", "labels": labels}}, {"metadata": {"name": "theirs"}}
    cluster.request("POST", ANPS, left | {"spec": spec})
    cluster.request("POST", ANPS, theirs | {"spec": spec})
    try:
        assert "would remove adminnetworkpolicy cp-gone42-x" in clean(cluster, "--dry-run").stdout
        assert "removed 1 cluster-scoped policy" in clean(cluster).stdout
        assert [it["metadata"]["name"] for it in cluster.request("GET", ANPS)["items"]] == ["theirs"]
    finally:
        cluster.delete(f"{ANPS}/theirs")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lacking(state_directory: Path) -> AsyncIterator[Path]:
    """The kubeconfig of a cluster without the kinds."""
    async with Sandbox.start(SandboxOptions(nodes=1, cluster_policies=False)) as sandbox:
        yield sandbox.kubeconfig


def test_a_cluster_without_the_kinds_leaves_their_steps_untried(lacking: Path, confined: Path, tmp_path: Path) -> None:
    """Those alone; and for a scenario without any other step nothing is deployed."""
    never, out = tmp_path / "never.yaml", tmp_path / "run.json"
    never.write_text(TWO_NAMESPACES.replace("    - name: open\n      expect: allow\n", "").replace("confined", "never"))
    done = run_command(lacking, str(confined), str(never), ALLOWED, "-o", f"json={out}", "-o", "table")
    assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
    assert "note: the cluster does not serve ClusterNetworkPolicy" in done.stdout
    mixed, untried = json.loads(out.read_text())["scenarios"]
    verdicts = [{cell["verdict"] for cell in step["cells"]} for step in mixed["steps"]]
    assert verdicts == [{"pass"}, {"unsupported"}, {"unsupported"}]
    assert untried["pods"] == []
    cells = [cell for step in untried["steps"] for cell in step["cells"]]
    assert len(cells) == 4
    assert {(cell["verdict"], cell["reason"]) for cell in cells} == {
        (
            "unsupported",
            "the cluster does not serve ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2): "
            "clusternetworkpolicy/closed cannot be applied",
        )
    }


def test_doctor_says_what_the_cluster_lacks(lacking: Path, confined: Path) -> None:
    there = ("--kubeconfig", str(lacking))
    done = commands.run("doctor", str(confined), ALLOWED, *there)
    assert done.returncode == ExitCode.PASSED, done.stdout
    assert "warning  cluster policies" in done.stdout
