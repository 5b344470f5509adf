"""Which scenarios a fault can touch is told from the rules alone, and nothing that it can touch is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.model.actions import Apply, CreatePod, Label
from probe.sandbox.enforce.compile import compile_node
from probe.sandbox.faults.fault import Effect, Fault
from probe.sandbox.faults.registry import FAULTS
from tests.sandbox.detection.history import NODES
from tests.sandbox.detection.meaning import meaning_of
from tests.sandbox.detection.touch import Subject, touched
from tests.sandbox.detection.work import subjects


def names(fault: type[Fault]) -> set[str]:
    return {scenario.name for scenario in touched(fault, subjects())}


def applying(word: str) -> set[str]:
    """Scenarios that apply a policy with this field in it."""
    return {
        each.scenario.name
        for each in subjects()
        for step in each.scenario.steps
        for action in step.actions
        if isinstance(action, Apply) and word in str(action.manifest)
    }


def having(kind: type[Label] | type[CreatePod]) -> set[str]:
    """Scenarios with a change of this kind."""
    steps = (
        (each.scenario.name, action) for each in subjects() for step in each.scenario.steps for action in step.actions
    )
    return {name for name, action in steps if isinstance(action, kind)}


class Nothing(Fault):
    """Nothing is broken."""

    name, effect = "nothing", Effect.BOTH


def test_what_breaks_nothing_touches_nothing() -> None:
    assert names(Nothing) == set()


@pytest.mark.parametrize(
    ("fault", "field"),
    [("endport-exclusive", "'endPort'"), ("except-ignored", "'except'"), ("notin-needs-the-key", "'NotIn'")],
)
def test_a_fault_in_a_field_touches_only_scenarios_with_that_field(fault: str, field: str) -> None:
    assert names(FAULTS[fault])
    assert names(FAULTS[fault]) <= applying(field)


def test_a_fault_in_following_changes_touches_only_scenarios_with_such_changes() -> None:
    assert names(FAULTS["subjects-chosen-once"])
    assert names(FAULTS["subjects-chosen-once"]) <= having(CreatePod)
    assert names(FAULTS["pod-labels-kept"])
    assert names(FAULTS["pod-labels-kept"]) <= having(Label) | having(CreatePod)


def test_a_fault_in_some_ports_touches_only_scenarios_that_try_them() -> None:
    assert names(FAULTS["dns-always-passes"]) == {"deny-all-is-for-every-protocol"}


def test_a_fault_in_time_touches_whatever_changes() -> None:
    assert len(names(FAULTS["enforcement-delayed-3s"])) == len(subjects())


def test_the_quickest_scenarios_come_first() -> None:
    found = touched(FAULTS["ingress-ignored"], subjects())
    seconds = [Subject(scenario).seconds for scenario in found]
    assert seconds == sorted(seconds)


def test_names_and_the_order_of_policies_mean_nothing() -> None:
    (subject,) = (each for each in subjects() if each.scenario.name == "policies-add-up")
    view = subject.views[-1]
    assert len(view.policies) > 1
    renamed = [replace(policy, name=f"renamed-{9 - number}") for number, policy in enumerate(view.policies)]
    other = replace(view, policies=tuple(reversed(renamed)))
    assert any(compile_node(view, node) != compile_node(other, node) for node in NODES)
    assert all(meaning_of(compile_node(view, node)) == meaning_of(compile_node(other, node)) for node in NODES)
    fewer = replace(view, policies=view.policies[:1])
    assert any(meaning_of(compile_node(view, node)) != meaning_of(compile_node(fewer, node)) for node in NODES)
