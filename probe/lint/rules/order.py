"""Cluster-scoped policies are asked in order: rules that are never reached, and orders that nobody defined."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from probe.lint.context import Context, PolicyView
from probe.lint.covers import peer_covers, rule_covers, subjects_may_meet
from probe.lint.finding import Found, at
from probe.policy.rules import Direction, Rule


def shadowed_rule(context: Context) -> Iterator[Found]:
    """A rule all of which an earlier one decides, of the same policy or of one with a lower priority number."""
    for view in context.cluster_policies:
        for direction, rules in view.policy.directions.items():
            for number, rule in enumerate(rules):
                earlier = next(_deciders_before(context, view, direction, number), None)
                if earlier is not None:
                    decider, other = earlier
                    where = decider.rule_place(other).location
                    same = "" if decider is view else f" of {decider.policy.ref}"
                    does = "does the same" if other.action is rule.action else f"says {other.action}"
                    message = (
                        f"never reached: rule {other.ref.index}{same} ({where}) matches all of it first and {does}"
                    )
                    yield at(view.rule_place(rule), message, "change the order, or leave it out")


def _deciders_before(
    context: Context, view: PolicyView, direction: Direction, number: int
) -> Iterator[tuple[PolicyView, Rule]]:
    rule = view.policy.directions[direction][number]
    for other in context.cluster_policies:
        if other is view:
            candidates = view.policy.directions[direction][:number]
        elif _comes_before(other, view) and peer_covers(other.policy.subject, view.policy.subject):
            candidates = other.policy.directions.get(direction, ())
        else:
            continue
        yield from ((other, candidate) for candidate in candidates if rule_covers(candidate, rule))


def _comes_before(one: PolicyView, other: PolicyView) -> bool:
    return one.policy.tier is other.policy.tier and one.policy.priority < other.policy.priority


def equal_priority(context: Context) -> Iterator[Found]:
    """Two policies of a tier with the same priority that may select the same pod: which is asked first is undefined."""
    for one, other in combinations(context.cluster_policies, 2):
        alike = (one.policy.tier, one.policy.priority) == (other.policy.tier, other.policy.priority)
        if alike and _directions_in_common(one, other) and _may_meet(context, one, other):
            message = (
                f"{one.policy.ref} has priority {one.policy.priority} in the tier {one.policy.tier}, too, "
                f"and may select the same pods ({one.object.place.location}): which one is asked first is undefined"
            )
            yield at(other.place.child("priority"), message, "give them different priorities")


def _directions_in_common(one: PolicyView, other: PolicyView) -> bool:
    return bool(one.policy.directions.keys() & other.policy.directions.keys())


def _may_meet(context: Context, one: PolicyView, other: PolicyView) -> bool:
    """By the pods that are here, or by the words of the selectors where they select none."""
    first, second = (context.universe.select(view.policy.subject) for view in (one, other))
    if first and second:
        return bool(first & second)
    return subjects_may_meet(one.policy.subject, other.policy.subject)
