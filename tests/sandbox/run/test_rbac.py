"""The printed role against a real authorizer: enough for a run, and nothing in it that a run could do without."""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from probe.cluster.access import Impersonation
from probe.cluster.connect import Manners, connect
from probe.cluster.permissions import Need, Permission, RoleRule, needs_of, permissions_for, role_rules
from probe.cluster.preflight.look import ABSENT_POD, EXEC_NAMESPACE, ask_to_exec, denied_of
from probe.cluster.rbac import Access, access_manifests
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import ExitCode
from probe.model.events import Event, RunDone, RunStarted
from probe.model.record import RunRecord
from probe.report.fold import Recorder
from probe.scenario.load import load_scenarios
from tests import commands
from tests.sandbox.run.conftest import SCENARIO

pytestmark = pytest.mark.sandbox

SMOKE = Path(__file__).parents[3] / "scenarios" / "smoke"
ACCESS = Access("rbac-test", "prober", frozenset({Need.RUN, Need.POLICIES}))
USER = "system:serviceaccount:rbac-test:prober"
ROLE = "/apis/rbac.authorization.k8s.io/v1/clusterroles/rbac-test-prober"
RULES = ACCESS.rules
PERMISSIONS = permissions_for(ACCESS.needs)
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/rbac-test/serviceaccounts",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}

EVERYTHING = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: everything}
spec:
  fleet:
    namespaces:
      shop: {pods: {client: {ports: [81/TCP]}, server: {labels: {app: server}, ports: [80/TCP]}}}
      side: {pods: {other: {ports: [80/TCP]}}}
    external: {vault: {addresses: [10.0.12.34], ports: [443/TCP]}}
  probe: {paths: [pod-ip, cluster-ip, external]}
  steps:
    - name: applied
      label: {shop/client: {tier: front}, side: {tier: back}}
      apply:
        - {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: shop}, data: {a: b}}
        - apiVersion: v1
          kind: Service
          metadata: {name: server, namespace: shop}
          spec: {selector: {app: server}, ports: [{port: 80}]}
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: closed, namespace: shop}
          spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
        - apiVersion: policy.networking.k8s.io/v1alpha2
          kind: ClusterNetworkPolicy
          metadata: {name: fair}
          spec: {tier: Baseline, priority: 1, subject: {namespaces: {}}}
        - apiVersion: policy.networking.k8s.io/v1alpha1
          kind: AdminNetworkPolicy
          metadata: {name: fair}
          spec: {priority: 1, subject: {namespaces: {}}}
        - apiVersion: policy.networking.k8s.io/v1alpha1
          kind: BaselineAdminNetworkPolicy
          metadata: {name: default}
          spec: {subject: {namespaces: {}}}
      expect: {default: allow, rules: [{to: shop/server, verdict: deny}]}
    - name: deleted
      delete:
        - clusternetworkpolicy/fair
        - networkpolicy/shop/closed
        - service/shop/server
        - configmap/shop/settings
        - pod/shop/client
        - namespace/side
      create: {namespaces: {shop: {pods: {late: }}}}
      expect: allow
"""

RunAs: TypeAlias = Callable[..., Awaitable[RunRecord]]


@pytest.fixture
def account(cluster: Any) -> Iterator[Any]:
    """The cluster, with the printed manifests applied."""
    manifests = list(access_manifests(ACCESS))
    for manifest in manifests:
        cluster.request("POST", PATHS[manifest["kind"]], manifest)
    yield cluster
    for manifest in manifests:
        if manifest["kind"] != "ServiceAccount":
            cluster.request("DELETE", f"{PATHS[manifest['kind']]}/{manifest['metadata']['name']}")


@contextmanager
def role_of(cluster: Any, permissions: Any) -> Iterator[None]:
    """The role with these permissions alone, for the block."""
    role = cluster.request("GET", ROLE)
    cluster.request("PUT", ROLE, role | {"rules": [rule.manifest for rule in role_rules(permissions)]})
    try:
        yield
    finally:
        now = cluster.request("GET", ROLE)
        cluster.request("PUT", ROLE, now | {"rules": role["rules"]})


def without(rule: RoleRule) -> list[Permission]:
    return [each for each in PERMISSIONS if (each.group, each.target) != (rule.group, rule.resource)]


@pytest.fixture
def run_as(account: Any) -> RunAs:
    """Run scenarios as the service account; ``hook(event)`` sees every event before the engine goes on."""

    async def run(*paths: Path, hook: Callable[[Event], None] = lambda event: None) -> RunRecord:
        recorder = Recorder()

        def emit(event: Event) -> None:
            recorder.see(event)
            hook(event)

        manners = Manners(patience=2.0, qps=1000.0)
        async with connect(str(account.kubeconfig), manners=manners, impersonation=Impersonation(USER)) as api:
            options = RunOptions(removal_seconds=2.0, allow_cluster_scoped=True)
            await run_scenarios(api, load_scenarios(paths), options, emit)
        emit(RunDone("2026-01-01T00:00:00Z", 0.0, False))
        return recorder.record()

    return run


def doctor(cluster: Any, *words: str) -> subprocess.CompletedProcess[str]:
    return commands.run("doctor", str(SMOKE), "--kubeconfig", str(cluster.kubeconfig), "--as", USER, *words)


def test_the_smoke_scenario_needs_these_rules() -> None:
    assert needs_of(load_scenarios([SMOKE])) == ACCESS.needs


async def test_a_run_with_exactly_this_role_passes(run_as: RunAs, account: Any) -> None:
    record = await run_as(SMOKE)
    assert (record.exit_code, record.problems) == (ExitCode.PASSED, [])
    assert account.leftovers() == []


async def test_a_run_that_does_everything_passes_with_the_role_for_it(
    run_as: RunAs, account: Any, tmp_path: Path
) -> None:
    path = tmp_path / "everything.yaml"
    path.write_text(EVERYTHING)
    needs = needs_of(load_scenarios([path]))
    elsewhere = {Need.DOCTOR, Need.SNAPSHOT, Need.WATCH, Need.AGENT_SOURCE, Need.PULL_SECRET}
    assert needs == set(Need) - elsewhere
    with role_of(account, permissions_for(needs)):
        record = await run_as(path)
    assert (record.exit_code, record.problems) == (ExitCode.PASSED, [])
    assert [each.problems for each in record.scenarios] == [[]]


def test_doctor_with_exactly_this_role_has_no_problems(account: Any) -> None:
    done = doctor(account, "--create")
    assert done.returncode == ExitCode.PASSED, done.stdout
    assert "problem" not in done.stdout
    assert account.leftovers() == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.resource.replace("/", "-"))
async def test_a_missing_rule_is_told_by_doctor_and_by_a_run_that_makes_nothing(
    rule: RoleRule, run_as: RunAs, account: Any
) -> None:
    events: list[Event] = []
    with role_of(account, without(rule)):
        told = doctor(account)
        record = await run_as(SMOKE, hook=events.append)
    (line,) = [line for line in told.stdout.splitlines() if line.startswith("problem")]
    assert told.returncode == ExitCode.HARNESS
    assert f"{USER} may not" in line
    assert rule.resource in line
    assert f'resources: ["{rule.resource}"]' in told.stdout  # the rule to add
    assert record.exit_code == ExitCode.HARNESS
    (problem,) = record.problems
    assert f"may not {rule.verbs[0]}" in problem
    assert rule.resource in problem
    assert not any(isinstance(event, RunStarted) for event in events)


async def test_each_missing_verb_is_found(account: Any) -> None:
    async with connect(str(account.kubeconfig), impersonation=Impersonation(USER)) as api:
        for permission in PERMISSIONS:
            with role_of(account, [each for each in PERMISSIONS if each != permission]):
                assert await denied_of(api, PERMISSIONS) == (permission,)


@pytest.mark.parametrize(
    "permission",
    [each for each in PERMISSIONS if not each.optional and each.target not in ("nodes", "pods/exec")],
    ids=lambda permission: str(permission).replace("/", "-"),
)
async def test_a_run_that_loses_a_verb_after_it_was_checked_does_not_pass(
    permission: Permission, run_as: RunAs, account: Any, tmp_path: Path
) -> None:
    """So each verb is really used (nodes are only listed before; of exec below)."""
    path = tmp_path / "two-pods.yaml"
    path.write_text(SCENARIO)
    lost = role_of(account, [each for each in PERMISSIONS if each != permission])
    entered: list[None] = []

    def hook(event: Event) -> None:
        if isinstance(event, RunStarted):
            entered.append(lost.__enter__())

    try:
        record = await run_as(path, hook=hook)
    finally:
        if entered:
            lost.__exit__(None, None, None)
        remove_leftovers(account)
    assert record.exit_code == ExitCode.HARNESS
    problems = [*record.problems, *(problem for each in record.scenarios for problem in each.problems)]
    assert any("cannot" in problem or "may not" in problem or "forbidden" in problem for problem in problems), problems


async def test_an_exec_uses_both_of_its_verbs(account: Any) -> None:
    async with connect(str(account.kubeconfig), impersonation=Impersonation(USER)) as api:
        for verb in ("get", "create"):
            with role_of(account, [each for each in PERMISSIONS if (each.target, each.verb) != ("pods/exec", verb)]):
                answer = await ask_to_exec(api, EXEC_NAMESPACE, ABSENT_POD)
                assert answer is not None
                assert answer.status == 403
        answer = await ask_to_exec(api, EXEC_NAMESPACE, ABSENT_POD)
        assert answer is not None
        assert answer.status == 404


def remove_leftovers(cluster: Any) -> None:
    for name in cluster.leftovers():
        cluster.delete(f"/api/v1/namespaces/{name}")
