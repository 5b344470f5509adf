"""Measured times against those at which the kernel really changed its rules, on one clock."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from probe.cluster.clock import now
from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import Protocol, Verdict
from probe.model.record import Attempt, CellRecord, Change, StepRecord, Topology
from probe.report.fold import Recorder
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.scenario.load import load_scenarios

pytestmark = pytest.mark.sandbox

DELAY, LIMIT = 0.3, 0.1
FAULT = """
import asyncio, json, time
from probe.sandbox.faults.fault import Effect, Fault

class Late(Fault):
    '''Every change takes effect late, and when it did is noted, with the number of policies from then on.'''

    name, effect = "late", Effect.BOTH

    def __init__(self):
        self._policies = {{}}

    def compile(self, node, view, options):
        self._policies[node] = len(view.policies)
        return super().compile(node, view, options)

    async def install(self, node, kernel, ruleset):
        policies = self._policies[node]
        await asyncio.sleep({delay})
        began = time.monotonic()
        await kernel.install(ruleset)
        with open({log!r}, "a") as log:
            log.write(json.dumps([node, policies, began, time.monotonic()]) + "\\n")
"""
"""The sandbox shares this machine's monotonic clock."""

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: late}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {labels: {role: client}, ports: [80/TCP], node: a}
          server: {labels: {app: server}, ports: [80/TCP, 53/UDP], node: b}
          neighbour: {ports: [80/TCP], node: b}
  expect: computed
  probe: {to: shop/server, self: false}
  timeouts: {confirm: 500ms, enforcement: 100ms}
  steps:
    - name: open
    - name: isolated
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: deny, namespace: shop}
          spec: {podSelector: {matchLabels: {app: server}}}
    - name: allowed
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: allow, namespace: shop}
          spec: {podSelector: {matchLabels: {app: server}}, ingress: [{}]}
    - name: revoked
      delete: [networkpolicy/shop/allow]
    - name: open again
      delete: [networkpolicy/shop/deny]
"""


STEPS = {
    "isolated": (1, Change.NEW_DENY),
    "allowed": (2, Change.NEW_ALLOW),
    "revoked": (1, Change.REVOCATION),
    "open again": (0, Change.NEW_ALLOW),
}
"""How many policies there are after each step, and what it turns its cells into."""
HEARTBEAT = 0.02
"""Seconds between the moments at which an agent looks how late it is: a stall may be so much longer than it says."""


@dataclass(frozen=True)
class Installed:
    """A change of a node's rules: it took effect some time between the two (seconds on the orchestrator's clock)."""

    node: str
    policies: int
    began: float
    ended: float


@dataclass(frozen=True)
class Seen:
    """What a run measured, and what really happened."""

    steps: dict[str, StepRecord]
    installed: list[Installed]

    def truth(self, step: StepRecord, node: str | None) -> tuple[float, float]:
        """From when to when a step's change took effect on a node, in seconds after its acknowledgement."""
        assert step.acknowledged
        acknowledged = datetime.fromisoformat(step.acknowledged).timestamp()
        policies, _ = STEPS[step.name]
        own = (each for each in self.installed if (each.node, each.policies) == (node, policies))
        first = next(each for each in own if each.ended > acknowledged)
        return first.began - acknowledged, first.ended - acknowledged


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def seen(state_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """One run for all tests, on a cluster that is late."""
    directory = tmp_path_factory.mktemp("late")
    fault, log, scenario = directory / "late.py", directory / "log", directory / "late.yaml"
    fault.write_text(FAULT.format(log=str(log), delay=DELAY))
    scenario.write_text(SCENARIO)
    recorder = Recorder()
    async with (
        Sandbox.start(SandboxOptions(fault=f"{fault}:Late")) as sandbox,
        connect(str(sandbox.kubeconfig)) as api,
    ):
        await run_scenarios(api, load_scenarios([scenario]), RunOptions(), recorder.see)
    offset = now() - time.monotonic()
    rows = (json.loads(line) for line in log.read_text().splitlines())
    installed = [Installed(node, policies, offset + began, offset + ended) for node, policies, began, ended in rows]
    (found,) = recorder.record().scenarios
    return Seen({step.name: step for step in found.steps}, installed)


def error(step: StepRecord) -> float:
    """By how much the times of a step may be off, by its own record."""
    assert step.sampling is not None
    return step.sampling.clock_error + step.sampling.lag + HEARTBEAT


def timed(step: StepRecord) -> list[CellRecord]:
    """The cells of which agents could tell the time; all, unless the record says that one had no CPU."""
    assert step.sampling is not None
    found = [cell for cell in step.cells if not cell.untimed]
    assert len(found) == len(step.cells) or step.sampling.lag > 0.1
    return found


@pytest.mark.parametrize("name", STEPS)
def test_the_true_time_lies_in_the_bracket_of_each_cell(seen: Seen, name: str) -> None:
    step = seen.steps[name]
    for cell in timed(step):
        began, ended = seen.truth(step, cell.destination_node)
        assert began > DELAY / 2, "the fault was late"
        assert cell.missed_at is not None
        assert cell.matched_after is not None
        assert cell.missed_at - error(step) <= ended, cell
        assert began <= cell.matched_after + error(step), cell


@pytest.mark.parametrize("name", STEPS)
def test_a_bracket_is_no_wider_than_the_interval_of_attempts_that_is_stated(seen: Seen, name: str) -> None:
    step = seen.steps[name]
    assert step.sampling is not None
    assert step.sampling.longest is not None
    for cell in timed(step):
        if cell.protocol is Protocol.UDP:  # repeats its request within an attempt, which makes it only finer
            continue
        assert cell.missed_at is not None
        matched = next(each for each in cell.history if each.at >= cell.missed_at and _is_as_expected(cell, each))
        assert matched.at - cell.missed_at <= step.sampling.longest + 1e-4, cell


def _is_as_expected(cell: CellRecord, attempt: Attempt) -> bool:
    return attempt.outcome.is_denial is cell.expected.denies


@pytest.mark.parametrize("name", STEPS)
def test_each_kind_of_change_has_its_times_by_where_the_ends_are(seen: Seen, name: str) -> None:
    step = seen.steps[name]
    _, change = STEPS[name]
    assert {each.change for each in step.enforcement} == {change}
    assert [each.topology for each in step.enforcement] == ["", Topology.SAME_NODE, Topology.CROSS_NODE]
    both, same, cross = step.enforcement
    assert (both.cells, same.cells, cross.cells) == (4, 2, 2)
    if both.max is not None:
        assert both.max == max(cell.matched_after or 0.0 for cell in timed(step))


@pytest.mark.parametrize("name", STEPS)
def test_a_cell_is_too_late_if_an_attempt_after_the_limit_proves_it(seen: Seen, name: str) -> None:
    """The scenario tolerates less than the cluster takes: leaks where a denial is late, blocked cells elsewhere."""
    step = seen.steps[name]
    assert step.sampling is not None
    for cell in timed(step):
        assert cell.missed_at is not None
        late = cell.missed_at - step.sampling.clock_error > LIMIT
        verdict = Verdict.LEAK if cell.expected.denies else Verdict.BLOCKED
        assert cell.verdict is (verdict if late else Verdict.PASS), cell
        assert ("(the limit is 0.1 s)" in cell.reason) is late


def test_a_step_that_changes_nothing_has_no_times(seen: Seen) -> None:
    step = seen.steps["open"]
    assert (step.enforcement, {cell.change for cell in step.cells}) == ([], {Change.NONE})
