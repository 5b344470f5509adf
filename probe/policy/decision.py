"""What the API says of one flow, and why: plain data that reports, errors and sentences are made of."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from probe.model.cell import Family, Protocol
from probe.policy.rules import Direction, PolicyRef, RuleRef, Tier


class Answer(enum.StrEnum):
    """Whether traffic passes. ``undefined``: the API leaves it open, or it depends on what is not known."""

    ALLOW = "allow"
    DENY = "deny"
    UNDEFINED = "undefined"


class Aspect(enum.StrEnum):
    """What of a rule did not fit a flow."""

    KIND = "kind"  # it means pods where the flow has an address, or the reverse
    NAMESPACE = "namespace"
    LABEL = "label"
    ADDRESS = "address"
    EXCEPT = "except"
    PROTOCOL = "protocol"
    PORT = "port"


@dataclass(frozen=True, slots=True)
class Difference:
    """One reason why a rule did not match. ``text`` continues "would match, but": ``it asks for port 80/TCP``."""

    aspect: Aspect
    text: str


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The accepting rule that came nearest to matching, and all that kept it from that."""

    rule: RuleRef
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of a flow, judged at the pod ``subject`` (None: that end is no pod, so that no policy selects it).

    ``tier`` is where the decision fell (None: nothing decided, so the default lets it pass). ``deciders`` are the rules
    that decided: all accepting ones of the tier of NetworkPolicies, else the first that matched, or several if they
    have the same priority or only perhaps match. ``selected_by`` are all policies that select the subject for this
    direction, in the order in which they are asked. A denial by isolation alone has no decider.
    """

    direction: Direction
    answer: Answer
    subject: str | None = None
    tier: Tier | None = None
    deciders: tuple[RuleRef, ...] = ()
    selected_by: tuple[PolicyRef, ...] = ()
    near_miss: NearMiss | None = None
    why: str = ""  # why there is no answer


class Exemption(enum.StrEnum):
    """Traffic that no NetworkPolicy can deny, or perhaps none; nor any other policy if it is with the pod itself."""

    SELF = "a pod's traffic to its own address is always allowed"
    OWN_NODE = "traffic between a pod and its own node is always allowed"
    PERHAPS_OWN_NODE = "which node the pod is on is not known, and traffic between it and that node is always allowed"
    PERHAPS_NODE = "a pod on its node's network may be taken for the node, which its own pods always reach"


@dataclass(frozen=True, slots=True)
class Decision:
    """A flow (names or addresses of its ends, the port that the destination serves) and what should become of it."""

    source: str
    destination: str
    port: int
    protocol: Protocol
    family: Family
    answer: Answer
    egress: Side
    ingress: Side
    exemption: Exemption | None = None

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both directions, in the order in which a packet meets them."""
        return self.egress, self.ingress


def combined(egress: Answer, ingress: Answer) -> Answer:
    """Both sides must allow; one denial is enough."""
    if Answer.DENY in (egress, ingress):
        return Answer.DENY
    return Answer.ALLOW if egress is ingress is Answer.ALLOW else Answer.UNDEFINED
