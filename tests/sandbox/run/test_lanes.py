"""Scenarios that share fleets and run side by side have the results that they have alone, in the plan's order."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import ExitCode, Verdict
from probe.model.events import BaselineDone, Event, RunDone, ScenarioDone
from probe.model.record import RunRecord, ScenarioRecord, cell_of
from probe.model.scenario import Scenario
from probe.report.fold import Recorder
from probe.scenario.load import load_scenarios

pytestmark = pytest.mark.sandbox

CONFORMANCE = Path(__file__).parents[3] / "scenarios/conformance"
SOME = (
    "egress-to-ip-block",
    "namespace-gets-a-label",
    "new-namespace-is-a-peer",
    "new-pod-is-isolated",
)
"""One of each kind of change, and endpoints outside the cluster, of two fleets."""

Results: TypeAlias = dict[str, list[object]]


def results(record: RunRecord) -> Results:
    """What a run found of each scenario: nothing that depends on time, names, or whose pods it used."""
    return {scenario.name: [_baseline(scenario), *map(_step, scenario.steps)] for scenario in record.scenarios}


def _baseline(scenario: ScenarioRecord) -> object:
    return scenario.baseline and (scenario.baseline.cells, scenario.baseline.connected)


def _step(step: Any) -> object:
    return step.name, [(cell_of(cell), cell.verdict, cell.outcome, cell.control) for cell in step.cells]


def quick(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """The same with a short hold, since these tests are about what runs next to what."""
    return [replace(each, timeouts=replace(each.timeouts, confirm=0.5)) for each in scenarios]


async def measure(cluster: Any, scenarios: Sequence[Scenario], hook: Any = None, **options: Any) -> RunRecord:
    recorder = Recorder()

    def emit(event: Event) -> None:
        recorder.see(event)
        cluster.see(event)
        if hook is not None:
            hook(event)

    async with connect(str(cluster.kubeconfig)) as api:
        await run_scenarios(api, scenarios, RunOptions(**options), emit)
    emit(RunDone("2026-01-01T00:00:00Z", 0.0, False))
    return recorder.record()


async def test_neither_the_number_of_lanes_nor_the_order_changes_a_verdict(cluster: Any) -> None:
    scenarios = quick(load_scenarios([CONFORMANCE / f"{name}.yaml" for name in SOME]))
    found: list[Results] = []
    for seed, lanes in enumerate((1, 2, None)):
        order = random.Random(seed).sample(scenarios, len(scenarios))
        record = await measure(cluster, order, lanes=lanes)
        assert record.exit_code == ExitCode.PASSED, [*record.problems, *(each.problems for each in record.scenarios)]
        assert [each.name for each in record.scenarios] == [each.name for each in order]
        assert record.lanes <= (lanes or 8)
        assert any(each.shared_fleet for each in record.scenarios) or lanes is None
        found.append(results(record))
    assert found[0] == found[1] == found[2]
    assert cluster.leftovers() == []


FLEET = """
  fleet:
    namespaces:
      shop:
        labels: {zone: a}
        pods:
          client: {labels: {app: client}, ports: [81/TCP], node: a}
          other: {labels: {app: other}, node: b}
          server: {labels: {app: server}, ports: [80/TCP], node: b}
      spare: {}
  timeouts: {baseline: 1500ms, confirm: 500ms}
"""
HEAD = "apiVersion: cni-probe/v1\nkind: Scenario\nmetadata: {name: %s}\nspec:" + FLEET
POLICY = """
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: closed, namespace: shop}
        spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}"""
CLOSED = f"""
  probe: {{from: shop/client, to: shop/server}}
  steps:
    - name: closed
      apply: {POLICY}
      expect: deny
"""
MEDDLING = (
    CLOSED
    + """
    - name: much is changed
      label: {shop: {zone: b, more: "1"}, shop/client: {app: server, more: "1"}}
      unlabel: {shop/server: [app]}
      create:
        namespaces:
          extra: {pods: {one: }}
          shop: {pods: {late: {ports: 80/TCP}}}
      apply:
        - apiVersion: v1
          kind: Service
          metadata: {name: web, namespace: shop}
          spec: {selector: {app: server}, ports: [{port: 80}]}
      expect: computed
    - name: a pod is another one
      delete: [pod/shop/other]
      expect: computed
    - name: made again with another label
      create: {namespaces: {shop: {pods: {other: {labels: {app: server}, node: b}}}}}
      expect: computed
"""
)
EVERYTHING = f"""
  probe: {{self: false}}
  steps:
    - name: closed
      apply: {POLICY}
      expect: {{default: allow, rules: [{{to: shop/server, verdict: deny}}]}}
"""
TIER = """
  probe: {to: shop/server}
  steps:
    - name: closed
      apply:
        apiVersion: policy.networking.k8s.io/v1alpha2
        kind: ClusterNetworkPolicy
        metadata: {name: tier}
        spec:
          tier: Admin
          priority: 1
          subject: {namespaces: {}}
          ingress:
            - action: Deny
              from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: %s}}}}]
            - {action: Accept, from: [{namespaces: {}}]}
      expect: {default: allow, rules: [{from: shop/%s, to: shop/server, verdict: deny}]}
"""


@pytest.fixture
def two(tmp_path: Path) -> Any:
    """Two scenarios with the same fleet, the steps of which are given."""

    def load(first: str, second: str) -> list[Scenario]:
        path = tmp_path / "two.yaml"
        path.write_text(f"{HEAD % 'first'}{first}---\n{HEAD % 'second'}{second}")
        return load_scenarios([path])

    return load


async def test_a_fleet_is_brought_back_to_how_it_was_deployed(cluster: Any, two: Any) -> None:
    record = await measure(cluster, two(MEDDLING, EVERYTHING), lanes=1)
    first, second = record.scenarios
    assert (first.problems, second.problems) == ([], [])
    assert {cell.verdict for cell in second.steps[0].cells} == {Verdict.PASS}
    assert (first.shared_fleet, second.shared_fleet) == (False, True)
    assert second.namespaces["shop"] == first.namespaces["shop"]
    uids = [{pod.id: pod.uid for pod in each.pods if pod.id != "shop/other"} for each in (first, second)]
    assert uids[1].items() <= uids[0].items(), "these are the very same pods"
    assert {pod.id for pod in second.pods} == {"shop/client", "shop/other", "shop/server"}


async def test_cluster_scoped_policies_of_two_lanes_may_say_opposite_things_with_one_priority(
    cluster: Any, two: Any
) -> None:
    first, second = two(TIER % ("client", "client"), TIER % ("other", "other"))
    smaller = replace(second.fleet, namespaces=second.fleet.namespaces[:1])  # so that each has a lane
    record = await measure(cluster, (first, replace(second, fleet=smaller)), lanes=2, allow_cluster_scoped=True)
    assert (record.lanes, record.exit_code) == (2, ExitCode.PASSED), [each.problems for each in record.scenarios]
    assert cluster.leftovers() == []


async def test_a_fleet_whose_namespace_was_deleted_is_not_used_again(cluster: Any, two: Any) -> None:
    gone = CLOSED + "    - {name: gone, delete: [namespace/spare], expect: deny}\n"
    record = await measure(cluster, two(gone, CLOSED), lanes=1)
    second = record.scenarios[1]
    assert not second.shared_fleet
    assert second.namespaces["shop"] != record.scenarios[0].namespaces["shop"]
    assert {cell.verdict for cell in second.steps[0].cells} == {Verdict.PASS}


async def test_a_policy_of_somebody_elses_keeps_a_fleet_from_being_used_again(cluster: Any, two: Any) -> None:
    """Who has put it there may put there more."""

    def meddle(event: Event) -> None:
        if isinstance(event, ScenarioDone) and event.name == "first":
            cluster.deny_all("shop")

    record = await measure(cluster, two(CLOSED, CLOSED), meddle, lanes=1)
    assert record.exit_code == ExitCode.PASSED
    assert [each.shared_fleet for each in record.scenarios] == [False, False]


async def test_what_stays_in_force_unseen_is_told_of_the_scenario_before_and_proves_nothing(
    cluster: Any, two: Any
) -> None:
    """Nothing in the API shows it, and the first scenario tried none of these cells when it closed: as when a network
    plugin has removed a policy on one node only. The second one's denials would have looked just as they should."""

    def keep_in_force(event: Event) -> None:
        if isinstance(event, ScenarioDone) and event.name == "first":
            server = cluster.addresses["shop/server"]
            assert cluster.in_network_of("shop/other", "ip", "route", "add", "blackhole", f"{server}/32")

    record = await measure(cluster, two(CLOSED, CLOSED.replace("shop/client", "shop/other")), keep_in_force, lanes=1)
    first, second = record.scenarios
    (problem,) = first.problems
    assert problem.startswith("after this scenario no policy was in force any more, but shop/other -> shop/server")
    assert problem.endswith("stayed silent")
    assert not second.shared_fleet
    assert {cell.verdict for cell in second.steps[0].cells} == {Verdict.PASS}
    assert record.exit_code == ExitCode.HARNESS


async def test_each_scenario_has_a_baseline_of_its_own(cluster: Any, two: Any) -> None:
    """What connected before another scenario's policies says nothing of the time after them."""
    baselines = []

    def note(event: Event) -> None:
        if isinstance(event, BaselineDone):
            baselines.append((event.scenario, event.baseline.cells, event.baseline.connected))

    await measure(cluster, two(CLOSED, EVERYTHING), note, lanes=1)
    assert baselines == [(0, 1, 1), (1, 4, 4)]


async def test_fleets_that_are_kept_are_not_shared(cluster: Any, two: Any) -> None:
    record = await measure(cluster, two(CLOSED, CLOSED), keep=True)
    names = [each.namespaces["shop"] for each in record.scenarios]
    assert len(set(names)) == 2
    for name in names:
        assert cluster.request("GET", f"/apis/networking.k8s.io/v1/namespaces/{name}/networkpolicies/closed")
    for name in (name for each in record.scenarios for name in each.namespaces.values()):
        cluster.delete(f"/api/v1/namespaces/{name}")


def test_an_interrupt_ends_all_lanes_and_leaves_nothing(cluster: Any, tmp_path: Path) -> None:
    path, out = tmp_path / "many.yaml", tmp_path / "run.json"
    path.write_text("---\n".join(f"{HEAD % f's{number}'}{CLOSED}" for number in range(6)))
    words = ("run", "--lanes", "3", "--kubeconfig", str(cluster.kubeconfig), str(path), "-o", f"json={out}")
    command = [sys.executable, "-m", "probe", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ready = 0
        for line in process.stderr:
            ready += "ready in" in line
            if ready == 2:  # the third lane is still deploying
                break
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    record = json.loads(out.read_text())
    assert record["interrupted"]
    assert 2 <= len(record["scenarios"]) <= 3
    assert cluster.leftovers() == []
