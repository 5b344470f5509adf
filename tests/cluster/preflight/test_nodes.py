"""Nodes and their pod slots against what is planned."""

from __future__ import annotations

from dataclasses import replace

from probe.cluster.nodes import usable
from probe.cluster.preflight.demand import Fleet, most_pods
from probe.cluster.preflight.finding import Level
from probe.cluster.preflight.look import Unseen
from probe.cluster.preflight.nodes import judge_nodes, judge_slots
from probe.model.actions import CreatePod, Delete
from probe.model.agent_options import AgentOptions
from probe.model.cell import Expectation
from probe.model.fleet import Pod, Spread
from probe.model.manifest import ObjectRef
from probe.model.scenario import StartRace
from tests.cluster.preflight.objects import node, scenario


def fleet(pods: int, *names: str, spread: Spread = Spread.SPREAD) -> Fleet:
    return Fleet("example", scenario(pods).fleet.pods, usable(map(node, names)), spread)


def test_a_node_that_is_not_ready_is_a_warning_with_what_to_look_at() -> None:
    nodes = [node("one"), node("two", ready=False)]
    unready, chosen = judge_nodes(nodes, usable(nodes), AgentOptions())
    assert unready.level is Level.WARNING
    assert "two not ready" in unready.message
    assert unready.advice == "see: kubectl describe node two"
    assert chosen.message.startswith("1 of 2 can take pods: one (one node: nothing can be proven")


def test_no_node_at_all_is_a_problem() -> None:
    nodes = [node("one", ready=False), node("two", spec={"unschedulable": True})]
    (finding,) = judge_nodes(nodes, usable(nodes), AgentOptions())
    assert (finding.level, finding.message) == (
        Level.PROBLEM,
        "none of the 2 nodes can take pods: one not ready; two cordoned",
    )
    assert finding.advice == "kubectl uncordon two; see: kubectl describe node one"


def test_nodes_without_the_labels_that_pods_ask_for_are_a_matter_of_the_selector() -> None:
    agent = AgentOptions(node_selector={"pool": "probes"})
    (finding,) = judge_nodes([node("one")], (), agent)
    assert finding.message == "none of the 1 nodes can take pods: one without the label pool=probes"
    assert "kubectl get nodes --show-labels" in finding.advice


def test_a_node_without_slots_for_its_share_is_a_problem() -> None:
    nodes = [node("one", slots=10), node("two", slots=10)]
    (finding,) = judge_slots(nodes, {"one": 8, "two": 1}, [fleet(6, "one", "two")])
    assert (finding.level, finding.message) == (Level.PROBLEM, "one has 2 free, and example puts 3 pods there")


def test_enough_slots_are_told_with_the_numbers() -> None:
    (finding,) = judge_slots([node("one", slots=10)], {"one": 4}, [fleet(6, "one"), fleet(2, "one")])
    assert (finding.level, finding.message) == (Level.OK, "enough for the largest scenario: one 6 free (6 needed)")


def test_without_scenarios_the_free_slots_are_told() -> None:
    (finding,) = judge_slots([node("one", slots=10)], {"one": 12}, [])
    assert (finding.level, finding.message) == (Level.OK, "one 0 free")


def test_a_placement_that_needs_more_nodes_is_a_problem() -> None:
    (finding,) = judge_slots([node("one")], {}, [fleet(2, "one", spread=Spread.DIFFERENT)])
    assert finding.level is Level.PROBLEM
    assert "no node of its own" in finding.message


def test_what_may_not_be_seen_is_not_judged() -> None:
    assert judge_slots(Unseen("no"), {}, [fleet(2, "one")]) == []
    assert judge_slots([node("one", slots=1)], None, [fleet(2, "one")]) == []
    assert judge_nodes(Unseen("no"), (), AgentOptions()) == []


def test_the_largest_moment_of_a_scenario_counts() -> None:
    small = scenario(2)
    new = Pod("shop", "new", "new", {}, ())
    steps = (
        replace(small.steps[0], actions=(Delete(ObjectRef("pod", "shop", "pod-0")),)),
        replace(small.steps[0], actions=(CreatePod(new), CreatePod(replace(new, name="newer")))),
        replace(small.steps[0], actions=(Delete(ObjectRef("namespace", None, "shop")),)),
    )
    assert [pod.name for pod in most_pods(replace(small, steps=steps))] == ["pod-1", "new", "newer"]


def test_the_pods_of_a_start_race_count_while_it_lasts() -> None:
    small = scenario(2)
    race = StartRace("racer", "shop", 2, {}, (), (), ("shop/pod-0",), Expectation.DENY)
    steps = (replace(small.steps[0], start_race=race), small.steps[0])
    found = [pod.name for pod in most_pods(replace(small, steps=steps))]
    assert found == ["pod-0", "pod-1", "racer-0", "racer-1"]
