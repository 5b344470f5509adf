"""Label selectors, as metav1.LabelSelector says."""

from __future__ import annotations

import pytest

from probe.sandbox.enforce.selectors import EVERYTHING, Selector
from tests.sandbox.enforce.objects import Obj, expression, labelled

LABELS = {"app": "web", "empty": ""}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchLabels": None, "matchExpressions": None}, True),
        (labelled(app="web"), True),
        (labelled(app="db"), False),
        (labelled(app="web", tier="front"), False),
        (labelled(empty=""), True),
        (labelled(absent=""), False),
        (labelled(app=""), False),
        (expression("app", "In", "db", "web"), True),
        (expression("app", "In", "db"), False),
        (expression("absent", "In", ""), False),
        (expression("app", "NotIn", "db"), True),
        (expression("app", "NotIn", "db", "web"), False),
        (expression("absent", "NotIn", "db"), True),
        (expression("empty", "NotIn", ""), False),
        (expression("empty", "Exists"), True),
        (expression("absent", "Exists"), False),
        (expression("absent", "DoesNotExist"), True),
        (expression("empty", "DoesNotExist"), False),
        ({**labelled(app="web"), **expression("absent", "DoesNotExist")}, True),
        ({**labelled(app="web"), **expression("empty", "DoesNotExist")}, False),
    ],
    ids=str,
)
def test_a_selector_matches_labels(selector: Obj, matches: bool) -> None:
    assert Selector.read(selector).matches(LABELS) is matches


@pytest.mark.parametrize("selector", [expression("app", "NotIn", "x"), expression("app", "DoesNotExist")], ids=str)
def test_negations_match_an_object_without_labels(selector: Obj) -> None:
    assert Selector.read(selector).matches({})


def test_all_expressions_must_hold() -> None:
    both = {
        "matchExpressions": [
            {"key": "app", "operator": "Exists"},
            {"key": "app", "operator": "NotIn", "values": ["web"]},
        ]
    }
    assert not Selector.read(both).matches(LABELS)
    assert Selector.read(both).matches({"app": "db"})


def test_selectors_that_say_the_same_are_equal() -> None:
    assert Selector.read({}) == EVERYTHING
    assert Selector.read(expression("app", "In", "b", "a")) == Selector.read(expression("app", "In", "a", "b"))
    assert Selector.read({"matchLabels": {"b": "2", "a": "1"}}) == Selector.read({"matchLabels": {"a": "1", "b": "2"}})


def test_an_operator_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="Like"):
        Selector.read(expression("app", "Like", "w"))
