"""A decision as one readable sentence, or two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.model.cell import Family
from probe.policy.decision import Answer, Decision, Side
from probe.policy.rules import PolicyRef
from probe.policy.services import ServiceDecision

_VERBS = {Answer.ALLOW: "is allowed", Answer.DENY: "is denied", Answer.UNDEFINED: "is undefined"}
_SHOWN = 3


def sentence(decision: Decision) -> str:
    """What happens to the flow, and why: ``development/backend to production/frontend on 80/TCP is denied: ...``."""
    family = f" over {decision.family}" if decision.family is Family.IPV6 else ""
    head = f"{decision.source} to {decision.destination} on {decision.port}/{decision.protocol}{family}"
    return f"{head} {_VERBS[decision.answer]}: {reason(decision)}"


def service_sentence(decision: ServiceDecision) -> str:
    """What happens to a call of a service, and why: as far as there is an answer, what policies see of it."""
    call, views = decision.call, decision.views
    family = f" over {call.family}" if call.family is Family.IPV6 else ""
    head = (
        f"{call.source} to service {call.service.id} ({call.entry}) on {call.port.number}/{call.port.protocol}{family}"
    )
    if decision.answer is Answer.UNDEFINED:
        return f"{head} is undefined: {decision.why}"
    telling = [view.decision for view in views if view.answer is decision.answer]
    told = next((each for each in telling if each.egress.selected_by or each.ingress.selected_by), telling[0])
    others = len({view.decision.destination for view in views}) - 1
    more = f" (and {others} pod{'s' if others > 1 else ''} more, alike)" if others else ""
    seen = f"policies see {told.source} to {told.destination} on {told.port}/{told.protocol}{more}"
    return f"{head} {_VERBS[decision.answer]}: {seen}, and {reason(told)}"


def reason(decision: Decision) -> str:
    """Why, without what: of a denial only the sides that deny, of what is undefined those that leave it so."""
    if decision.exemption is not None:
        return str(decision.exemption)
    if all(not side.selected_by and side.answer is Answer.ALLOW for side in decision.sides):
        return "no policy selects either end"
    telling = [side for side in decision.sides if side.answer is decision.answer]
    if decision.answer is Answer.ALLOW:
        telling = [side for side in telling if side.selected_by]
    said = "; ".join(map(side_reason, telling))
    return ". ".join([said, *_nearly(telling)])


def side_reason(side: Side) -> str:
    """Why one side answers as it does: ``production/web ingress[0] allows ingress of production/frontend``."""
    place = f"{side.direction} of {side.subject or 'an address outside the cluster'}"
    rules = _listed(list(map(str, side.deciders)))
    one = len(set(side.deciders)) == 1
    match side.answer:
        case Answer.ALLOW if side.deciders:
            return f"{rules} {'allows' if one else 'allow'} {place}"
        case Answer.ALLOW if side.selected_by:
            return f"no rule of {_policies(side.selected_by)} decides on {place}, so that the default allows it"
        case Answer.ALLOW:
            return f"no policy selects {side.subject} for {side.direction}" if side.subject else f"{place} is free"
        case Answer.DENY if side.deciders:
            return f"{rules} {'denies' if one else 'deny'} {place}"
        case Answer.DENY:
            isolating = [ref for ref in side.selected_by if ref.kind == "NetworkPolicy"]
            verb, their = ("isolates", "its") if len(isolating) == 1 else ("isolate", "their")
            said = f"{_policies(isolating)} {verb} {side.subject} for {side.direction}"
            return f"{said}, and none of {their} rules allows this"
        case Answer.UNDEFINED:
            return f"{rules or _policies(side.selected_by)} {'leaves' if one else 'leave'} {place} open: {side.why}"


def _nearly(sides: Sequence[Side]) -> Iterator[str]:
    """The rule that came nearest to allowing what was denied, one for each side that has one."""
    misses = [side.near_miss for side in sides if side.near_miss is not None and side.near_miss.differences]
    if misses:
        told = [f"{miss.rule}, but {', and '.join(each.text for each in miss.differences)}" for miss in misses]
        yield f"{'Nearest is' if len(misses) == 1 else 'Nearest are'} {'; and '.join(told)}"


def _policies(refs: Sequence[PolicyRef]) -> str:
    return _listed([str(ref) for ref in refs])


def _listed(texts: Sequence[str]) -> str:
    shown = list(dict.fromkeys(texts))
    more = len(shown) - _SHOWN
    if more > 0:
        return f"{', '.join(shown[:_SHOWN])} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)
