"""The two directions of policy, and what a verdict is in each."""

from __future__ import annotations

import enum

from probe.model.cell import Family
from probe.sandbox.enforce.draft import destination, source
from probe.sandbox.enforce.options import Deny
from probe.sandbox.enforce.view import ClusterPolicy, ClusterRule, Policy, Rule


class Direction(enum.StrEnum):
    """A direction of policy, seen from the selected pod; in the order in which a packet meets them."""

    EGRESS = "egress"
    INGRESS = "ingress"

    def rules(self, policy: Policy) -> tuple[Rule, ...] | None:
        """The policy's rules for this direction; None when it says nothing about it."""
        return policy.egress if self is Direction.EGRESS else policy.ingress

    def cluster_rules(self, policy: ClusterPolicy) -> tuple[ClusterRule, ...]:
        """A cluster-scoped policy's rules for this direction."""
        return policy.egress if self is Direction.EGRESS else policy.ingress

    def own(self, family: Family) -> str:
        """The end of a connection where the selected pod is, as nft writes it."""
        return source(family) if self is Direction.EGRESS else destination(family)

    def peer(self, family: Family) -> str:
        """The other end."""
        return destination(family) if self is Direction.EGRESS else source(family)


DENIALS = {
    Deny.DROP: ("drop",),
    Deny.REJECT: ("meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"),
}
ALLOW = {Direction.EGRESS: "goto ingress", Direction.INGRESS: "accept"}
"""What follows where a direction allows a packet. Chain ``ingress`` decides in any case: goto never comes back."""
