"""Cluster-scoped policies in one direction: a chain for each sequence of policies of one tier that some pod is under.

Rules follow each other as priorities have it, and the first one that matches decides. Its verdict is final for the
direction (allowed or denied), or it is ``return``: Pass leaves the tier, as does what no rule matches. That is why a
tier's chain has the rules of all its policies and not jumps to them: ``return`` goes up by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from probe.sandbox.enforce.direction import ALLOW, DENIALS, Direction
from probe.sandbox.enforce.draft import Draft
from probe.sandbox.enforce.matches import rule_matches
from probe.sandbox.enforce.options import Deny, Options
from probe.sandbox.enforce.view import Action, ClusterPolicy, ClusterRule, ClusterView, Pod, Tier


@dataclass(slots=True)
class Tiers:
    """The tiers of one direction."""

    draft: Draft
    view: ClusterView
    options: Options
    direction: Direction

    def policies(self, pod: Pod, tier: Tier) -> list[ClusterPolicy]:
        """Whose rules the pod is under, in their order."""
        selecting = self.view.cluster_policies_of(pod)
        return [it for it in selecting if it.tier is tier and self.direction.cluster_rules(it)]

    def ask(self, policies: Sequence[ClusterPolicy]) -> list[str]:
        """The nft rule that asks these policies of one tier, and goes on if they decide nothing."""
        if not policies:
            return []
        lines = (
            line for policy in policies for rule in self.direction.cluster_rules(policy) for line in self._lines(rule)
        )
        return [f"jump {self.draft.add_chain(f'{self.direction}-{policies[0].tier.name.lower()}', lines)}"]

    def _lines(self, rule: ClusterRule) -> Iterator[str]:
        verdict = self._verdict(rule.action)
        matches = rule_matches(self.draft, self.view, self.direction, rule.match)
        return (f"{match} {verdict}".strip() for match in matches)

    def _verdict(self, action: Action) -> str:
        if action is not Action.DENY:
            return "return" if action is Action.PASS else ALLOW[self.direction]
        if self.options.deny is Deny.DROP:
            return "drop"
        # Two rules, each of which must not be reached but by what has matched.
        return f"goto {self.draft.add_chain('denied', DENIALS[self.options.deny])}"
