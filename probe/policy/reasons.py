"""Which rules an answer comes from, and what it rests on where no rule says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from probe.model.snapshot import NodeState, PodState
from probe.policy.decision import Answer
from probe.policy.rules import Action, Direction, Policy, Rule, RuleRef, Tier
from probe.policy.universe import AddressRange, Endpoint, Stranger, endpoint_id


@dataclass(frozen=True, slots=True)
class Told:
    """What decides, or may: a rule, or isolation (None). ``surely``: there is no doubt that it matches."""

    tier: Tier
    rule: RuleRef | None
    surely: bool


_DECISIVE = {Answer.ALLOW: (Action.ACCEPT,), Answer.DENY: (Action.DENY,), Answer.UNDEFINED: tuple(Action)}


def decided_by(answer: Answer, told: Sequence[Told]) -> tuple[Tier | None, tuple[RuleRef, ...]]:
    """The tier and the rules that an answer comes from; no tier where it is the default."""
    decisive = [each for each in told if _speaks(each, answer)]
    if answer is not Answer.UNDEFINED:
        surely = [each for each in decisive if each.surely] or decisive
        decisive = [each for each in surely if each.tier is surely[0].tier]
    rules = tuple(each.rule for each in decisive if each.rule is not None)
    return (decisive[0].tier if decisive else None), rules


def _speaks(told: Told, answer: Answer) -> bool:
    if told.rule is None:
        return answer is not Answer.ALLOW
    return told.rule.action in _DECISIVE[answer]


def nearly_accepting(policies: Sequence[Policy], direction: Direction, deciders: Sequence[RuleRef]) -> Iterator[Rule]:
    """The accepting rules that had their chance before a denial: where isolation denied, those of NetworkPolicies."""
    for policy in policies:
        if not deciders and policy.tier is not Tier.NETWORK_POLICY:
            continue
        for rule in policy.directions[direction]:
            if rule.ref in deciders:
                return
            if rule.action is Action.ACCEPT and (not deciders or policy.tier is not Tier.NETWORK_POLICY):
                yield rule


def doubt(subject: PodState, other: Endpoint, told: Sequence[Told]) -> str:
    """Why there is no answer."""
    for end in (subject, other):
        if isinstance(end, PodState) and end.host_network:
            return f"the API leaves open what policies do to pods on the host's network, as {end.id} is"
    if isinstance(other, Stranger):
        return f"which address {other.id} has is not known" if other.is_no_pod else f"nothing is known of {other.id}"
    if all(each.surely for each in told):
        return "they have the same priority and disagree, so that any of them may be applied"
    if isinstance(other, PodState | NodeState) and len(other.addresses) != 1:
        return f"which address {endpoint_id(other)} has is not known"
    if isinstance(other, AddressRange) and other.first != other.last:
        return f"it may be for some of {other.id} and not for others"
    return "which addresses its domain names stand for is not known"
