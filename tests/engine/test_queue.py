"""Which lane takes what next: copies are used as long as there is anything for them, and deployed where that pays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.cluster.nodes import Node
from probe.engine.planned import PlannedFleet
from probe.engine.queue import Queue
from probe.model.actions import Apply, CreatePod
from probe.model.cell import Expectation
from probe.model.fleet import Fleet, Namespace, Pod
from probe.model.scenario import Scenario, Step

ADMIN = "AdminNetworkPolicy"
NODES = (Node("n1", "n1", {}, {}), Node("n2", "n2", {}, {}))


def pod(name: str, *, host_network: bool = False, **labels: str) -> Pod:
    return Pod("shop", name, name, labels, (), host_network=host_network)


def scenario(name: str, *pods: Pod, actions: tuple[Apply | CreatePod, ...] = ()) -> Scenario:
    step = Step("only", actions, Expectation.ALLOW)
    return Scenario(name, Fleet((Namespace("shop", {}, pods),)), (step,), f"{name}.yaml")


def cluster_scoped(kind: str) -> Apply:
    return Apply({"kind": kind, "metadata": {"name": "tier"}}, "tier.yaml")


def planned(*scenarios: Scenario) -> list[PlannedFleet]:
    return [PlannedFleet(each, NODES, index=index) for index, each in enumerate(scenarios)]


def longer(scenario: Scenario) -> Scenario:
    return replace(scenario, steps=scenario.steps * 9)


def many(number: int, prefix: str, *pods: Pod) -> list[Scenario]:
    return [scenario(f"{prefix}{index}", *pods) for index in range(number)]


def test_scenarios_are_taken_in_order_and_a_lane_stays_with_its_copy() -> None:
    queue = Queue.of(
        planned(*many(2, "a", pod("web")), *many(1, "b", pod("db")), *many(1, "c", pod("web"))), share=True
    )
    taken = []
    shape = None
    while (job := queue.take(shape)) is not None:
        shape = job.shape
        taken.append(job.planned.scenario.name)
    assert taken == ["a0", "a1", "c0", "b0"]


def test_lanes_go_where_most_is_left_for_each() -> None:
    queue = Queue.of(planned(*many(1, "a", pod("db")), *many(6, "b", pod("web"))), share=True)
    jobs = [queue.take(None) for _ in range(4)]
    assert [job and job.planned.scenario.name for job in jobs] == ["b0", "b1", "b2", "a0"]


def test_of_shapes_the_one_that_takes_longest_begins_first() -> None:
    queue = Queue.of(planned(*many(3, "a", pod("web")), longer(scenario("long", pod("db")))), share=True)
    jobs = [queue.take(None) for _ in range(2)]
    assert [job and job.planned.scenario.name for job in jobs] == ["long", "a0"]


def test_of_several_lanes_the_scenario_that_takes_longest_is_first_and_the_others_keep_their_order() -> None:
    queue = Queue.of(planned(*many(2, "a", pod("web")), longer(scenario("long", pod("web")))), share=True)
    queue.longest_first()
    assert [job.planned.scenario.name for jobs in queue.shapes for job in jobs] == ["long", "a0", "a1"]


def test_another_copy_must_be_worth_its_deployment() -> None:
    queue = Queue.of(planned(*many(3, "a", pod("web"))), share=True)
    assert queue.useful_lanes == 2
    assert queue.take(None) is not None
    assert queue.take(None) is not None
    assert queue.take(None) is None, "the one that is left is taken by who is through first"


def test_a_job_that_could_not_begin_is_taken_by_the_next() -> None:
    queue = Queue.of(planned(*many(2, "a", pod("web"))), share=True)
    job = queue.take(None)
    assert job is not None
    queue.give_back(job)
    assert queue.take(None) == job


def test_fleets_that_are_to_stay_as_they_are_are_not_shared() -> None:
    queue = Queue.of(planned(*many(3, "a", pod("web"))), share=False)
    assert queue.useful_lanes == 3
    first = queue.take(None)
    assert first is not None
    assert not first.is_shared
    assert not queue.has(first.shape)


@pytest.mark.parametrize(
    "other",
    [
        scenario("other", pod("web", app="web")),
        scenario("other", pod("web"), pod("db")),
        scenario("other", pod("web"), actions=(CreatePod(pod("late", host_network=True)),)),
    ],
)
def test_what_is_deployed_otherwise_has_another_shape(other: Scenario) -> None:
    one = planned(scenario("one", pod("web")))[0]
    assert planned(other)[0].shape != one.shape


def test_steps_files_and_times_make_no_other_shape_but_nodes_do() -> None:
    one = planned(scenario("one", pod("web", a="1", b="2")))[0]
    same = scenario("same", pod("web", b="2", a="1"), actions=(CreatePod(pod("late")),))
    assert planned(replace(same, timeouts=replace(same.timeouts, confirm=9.0)))[0].shape == one.shape
    assert replace(one, nodes=NODES[:1]).shape != one.shape


def test_who_reaches_beyond_its_namespaces_runs_alone() -> None:
    alone = [
        *(scenario(kind, pod("web"), actions=(cluster_scoped(kind),)) for kind in ("Baseline" + ADMIN, ADMIN)),
        scenario("on-the-host", pod("web", host_network=True)),
        scenario("on-the-host-later", pod("web"), actions=(CreatePod(pod("late", host_network=True)),)),
    ]
    assert all(each.scenario.runs_alone for each in planned(*alone))
    beside = [
        scenario("plain", pod("web")),
        scenario("by-subject", pod("web"), actions=(cluster_scoped("ClusterNetworkPolicy"),)),
    ]
    assert not any(each.scenario.runs_alone for each in planned(*beside))
