"""NetworkPolicy in one direction on one node: which pods are isolated, and the chains that say what they may."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from probe.model.cell import Family
from probe.sandbox.enforce.draft import ADDRESS_TYPE, KEYWORD, Draft, destination, source
from probe.sandbox.enforce.options import Deny, Options
from probe.sandbox.enforce.peers import peer_matches
from probe.sandbox.enforce.ports import port_matches
from probe.sandbox.enforce.ruleset import VerdictMap
from probe.sandbox.enforce.view import ClusterView, Pod, Policy, Rule


class Direction(enum.StrEnum):
    """A direction of policy, seen from the selected pod; in the order in which a packet meets them."""

    EGRESS = "egress"
    INGRESS = "ingress"

    def rules(self, policy: Policy) -> tuple[Rule, ...] | None:
        """The policy's rules for this direction; None when it says nothing about it."""
        return policy.egress if self is Direction.EGRESS else policy.ingress


DENIALS = {
    Deny.DROP: ("drop",),
    Deny.REJECT: ("meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"),
}
ALLOW = {Direction.EGRESS: "goto ingress", Direction.INGRESS: "accept"}
"""What follows where a direction allows a packet. Chain ``ingress`` decides in any case: goto never comes back."""


@dataclass(slots=True)
class Isolation:
    """One direction of a node in the making."""

    draft: Draft
    view: ClusterView
    node: str
    options: Options
    direction: Direction
    chains: dict[tuple[str, str], str] = field(default_factory=dict)
    """Policies that have their chain already: namespace and name to the chain's name."""

    def dispatch(self) -> list[str]:
        """Rules that send a packet to the chain of the pod that it leaves or reaches: by the connection's end, or by
        the packet's if it belongs to no connection. Nothing happens to pods that no policy selects."""
        verdicts: dict[Family, dict[str, str]] = {family: {} for family in Family}
        for pod in self.view.policed:
            if pod.node == self.node and (policies := self._selecting(pod)):
                chain = self._isolated(policies)
                for family, address in pod.addresses.items():
                    verdicts[family][address] = f"goto {chain}"
        end, own = (source, "saddr") if self.direction is Direction.EGRESS else (destination, "daddr")
        rules = []
        for family in Family:
            pods = self.draft.add_map(self.direction, family, VerdictMap(ADDRESS_TYPE[family], verdicts[family]))
            rules.append(f"{end(family)} vmap @{pods}")
            rules.append(f"ct state invalid,untracked {KEYWORD[family]} {own} vmap @{pods}")
        return rules

    def _selecting(self, pod: Pod) -> list[Policy]:
        return [
            policy
            for policy in self.view.policies
            if policy.namespace == pod.namespace
            and self.direction.rules(policy) is not None
            and policy.selector.matches(pod.labels)
        ]

    def _isolated(self, policies: list[Policy]) -> str:
        """The chain of all pods that the same policies select: what one of them allows is allowed, the rest denied."""
        jumps = (f"jump {self._policy(policy)}" for policy in policies)
        return self.draft.add_chain(f"{self.direction}-isolated", (*jumps, *DENIALS[self.options.deny]))

    def _policy(self, policy: Policy) -> str:
        key = policy.namespace, policy.name
        if key not in self.chains:
            rules = self.direction.rules(policy) or ()
            allowed = (match for rule in rules for match in self._matches(policy, rule))
            verdict = ALLOW[self.direction]
            self.chains[key] = self.draft.add_chain(
                f"{self.direction}/{policy.namespace}/{policy.name}",
                (f"{match} {verdict}".strip() for match in allowed),
            )
        return self.chains[key]

    def _matches(self, policy: Policy, rule: Rule) -> Iterator[str]:
        """A rule allows what one of its peers and one of its ports match."""
        if rule.peers is None and rule.ports is None:
            yield ""
            return
        end = destination if self.direction is Direction.EGRESS else source
        for family in Family:
            peers = peer_matches(self.draft, self.view, rule, policy.namespace, family, end(family))
            ports = port_matches(self.draft, self.view, rule.ports, family)
            yield from (" ".join(filter(None, (peer, port))) for peer in peers for port in ports)
