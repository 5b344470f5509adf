"""Sections of a NetworkPolicy that its policyTypes do not list: the API takes them, and nobody reads them."""

from __future__ import annotations

from collections.abc import Iterator

from probe.lint.context import Context, PolicyView
from probe.lint.finding import Found, at_key
from probe.policy.rules import Direction


def swapped_section(context: Context) -> Iterator[Found]:
    """The listed direction has no section and the other has: what was to be allowed is denied, the rest is open."""
    for view in context.network_policies:
        for listed, other in _sole(view):
            if not view.spec.get(listed) and view.spec.get(other):
                yield at_key(
                    view.place.child(str(other)),
                    f"policyTypes lists {listed.capitalize()} only: these {other} rules have no effect, "
                    f"and all {listed} is denied",
                    f"list {other.capitalize()} in policyTypes, or write the rules under {listed}",
                )


def ignored_section(context: Context) -> Iterator[Found]:
    """A section for a direction that is not listed beside one for the direction that is, or one that denies nothing."""
    for view in context.network_policies:
        for listed, other in _sole(view):
            if other not in view.spec or view.spec[other] is None:
                continue
            if view.spec[other] and view.spec.get(listed):
                message = f"policyTypes does not list {other.capitalize()}: these rules have no effect"
            elif not view.spec[other]:
                message = f"policyTypes does not list {other.capitalize()}: this denies nothing"
            else:
                continue
            hint = f"list {other.capitalize()} in policyTypes, or leave the section out"
            yield at_key(view.place.child(str(other)), message, hint)


def _sole(view: PolicyView) -> Iterator[tuple[Direction, Direction]]:
    """The direction that a policy is for and the other one, if it is for one only."""
    if len(view.policy.directions) == 1:
        (listed,) = view.policy.directions
        yield listed, Direction.EGRESS if listed is Direction.INGRESS else Direction.INGRESS
