"""A decision as one readable sentence, or two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.model.cell import Family
from probe.policy.decision import Answer, Decision, NearMiss, Side
from probe.policy.rules import PolicyRef, RuleRef

_VERBS = {Answer.ALLOW: "is allowed", Answer.DENY: "is denied", Answer.UNDEFINED: "is undefined"}
_SHOWN = 3


def sentence(decision: Decision) -> str:
    """What happens to the flow, and why: ``development/backend to production/frontend on 80/TCP is denied: ...``."""
    family = f" over {decision.family}" if decision.family is Family.IPV6 else ""
    head = f"{decision.source} to {decision.destination} on {decision.port}/{decision.protocol}{family}"
    return f"{head} {_VERBS[decision.answer]}: {reason(decision)}"


def reason(decision: Decision) -> str:
    """Why, without what: of a denial only the sides that deny, of what is undefined those that leave it so."""
    if decision.exemption is not None:
        return str(decision.exemption)
    if all(not side.selected_by and side.answer is Answer.ALLOW for side in decision.sides):
        return "no policy selects either end"
    telling = [side for side in decision.sides if side.answer is decision.answer]
    if decision.answer is Answer.ALLOW:
        telling = [side for side in telling if side.selected_by]
    return "; ".join(map(side_reason, telling))


def side_reason(side: Side) -> str:
    """Why one side answers as it does: ``ingress of production/frontend: production/frontend-policy ingress[0]``."""
    head = f"{side.direction} of {side.subject or 'an address outside the cluster'}"
    return f"{head} {' '.join(_side_words(side))}"


def _side_words(side: Side) -> Iterator[str]:
    match side.answer:
        case Answer.ALLOW if side.deciders:
            yield f"is allowed by {_rules(side.deciders)}"
        case Answer.ALLOW if side.selected_by:
            yield f"is left to the default, which allows, by {_policies(side.selected_by)}"
        case Answer.ALLOW:
            yield "is selected by no policy"
        case Answer.DENY if side.deciders:
            yield f"is denied by {_rules(side.deciders)}"
            yield from _nearly(side.near_miss)
        case Answer.DENY:
            isolating = [ref for ref in side.selected_by if ref.kind == "NetworkPolicy"]
            yield f"is isolated by {_policies(isolating)}, and no rule allows it"
            yield from _nearly(side.near_miss)
        case Answer.UNDEFINED:
            yield f"is left open by {_rules(side.deciders) or _policies(side.selected_by)}: {side.why}"


def _nearly(miss: NearMiss | None) -> Iterator[str]:
    if miss is not None and miss.differences:
        yield f"(nearest: {miss.rule}, but {', and '.join(each.text for each in miss.differences)})"


def _rules(refs: Sequence[RuleRef]) -> str:
    return _listed([str(ref) for ref in refs])


def _policies(refs: Sequence[PolicyRef]) -> str:
    return _listed([str(ref) for ref in refs])


def _listed(texts: Sequence[str]) -> str:
    shown = list(dict.fromkeys(texts))
    more = len(shown) - _SHOWN
    if more > 0:
        return f"{', '.join(shown[:_SHOWN])} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
