"""Policy in one direction on one node: which pods it concerns, and the chains that say what they may.

A pod's chain asks the tiers in their order: Admin, then NetworkPolicies, which decide in any case if one selects the
pod, else Baseline; what nobody denies is allowed. Pods that only NetworkPolicies select go straight to those.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.model.cell import Family
from probe.sandbox.enforce.direction import ALLOW, DENIALS, Direction
from probe.sandbox.enforce.draft import ADDRESS_TYPE, KEYWORD, Draft
from probe.sandbox.enforce.matches import rule_matches
from probe.sandbox.enforce.options import Options
from probe.sandbox.enforce.ruleset import VerdictMap
from probe.sandbox.enforce.services import hairpins
from probe.sandbox.enforce.tiers import Tiers
from probe.sandbox.enforce.view import ClusterView, Pod, Policy, Tier


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
        chains = {pod.uid: chain for pod in self._local if (chain := self._chain(pod))}
        own = "saddr" if self.direction is Direction.EGRESS else "daddr"
        rules = []
        for family in Family:
            pods = self._map(self.direction, family, chains)
            rules.append(f"{self.direction.own(family)} vmap @{pods}")
            rules.append(f"ct state invalid,untracked {KEYWORD[family]} {own} vmap @{pods}")
        return rules

    def dispatch_own_node(self) -> list[str]:
        """Rules for what pods send to their own node, which is not forwarded: cluster-scoped policies say something
        about it, NetworkPolicies never (a pod and its node always reach each other)."""
        chains = {pod.uid: chain for pod in self._local if (chain := self._chain_to_own_node(pod))}
        maps = {family: self._map(f"{self.direction}-node", family, chains) for family in Family if chains}
        return [f"{self.direction.own(family)} vmap @{pods}" for family, pods in maps.items()]

    @property
    def _local(self) -> list[Pod]:
        return [pod for pod in self.view.policed if pod.node == self.node]

    def _map(self, kind: str, family: Family, chains: dict[str, str]) -> str:
        verdicts = {
            pod.addresses[family]: f"goto {chains[pod.uid]}"
            for pod in self._local
            if pod.uid in chains and family in pod.addresses
        }
        return self.draft.add_map(kind, family, VerdictMap(ADDRESS_TYPE[family], verdicts))

    # --- pods ---

    def _chain(self, pod: Pod) -> str | None:
        """The chain of a pod, the same for all pods that the same policies select."""
        selecting = self._selecting(pod)
        if not self.view.cluster_policies_of(pod):
            return self._isolated(selecting) if selecting else None
        tiers = Tiers(self.draft, self.view, self.options, self.direction)
        admin, baseline = tiers.policies(pod, Tier.ADMIN), tiers.policies(pod, Tier.BASELINE)
        if not admin and not baseline:
            return self._apart_from_itself(selecting) if selecting else None
        # What belongs to no connection matches no peer, and so no denial either.
        no_connection = "ct state invalid,untracked drop"
        if selecting:
            last = f"goto {self._apart_from_itself(selecting)}"
            return self._tiered(no_connection, *tiers.ask(admin), last)
        return self._tiered(no_connection, *tiers.ask(admin), *tiers.ask(baseline), ALLOW[self.direction])

    def _chain_to_own_node(self, pod: Pod) -> str | None:
        tiers = Tiers(self.draft, self.view, self.options, self.direction)
        admin, baseline = tiers.policies(pod, Tier.ADMIN), tiers.policies(pod, Tier.BASELINE)
        if self._selecting(pod):
            baseline = []
        if not admin and not baseline:
            return None
        return self._tiered(*tiers.ask(admin), *tiers.ask(baseline), "accept")

    def _tiered(self, *rules: str) -> str:
        return self.draft.add_chain(f"{self.direction}-tiers", rules)

    # --- NetworkPolicies ---

    def _selecting(self, pod: Pod) -> list[Policy]:
        return [
            policy
            for policy in self.view.policies
            if policy.namespace == pod.namespace
            and self.direction.rules(policy) is not None
            and policy.selector.matches(pod.labels)
        ]

    def _apart_from_itself(self, policies: list[Policy]) -> str:
        """As `_isolated`, but for what a pod sends itself through a service."""
        subjects = (pod for pod in self._local if self.view.cluster_policies_of(pod))
        itself = (f"{match} {ALLOW[self.direction]}" for match in hairpins(self.draft, subjects))
        return self.draft.add_chain(f"{self.direction}-others", (*itself, f"goto {self._isolated(policies)}"))

    def _isolated(self, policies: list[Policy]) -> str:
        """The chain of all pods that the same policies select: what one of them allows is allowed, the rest denied."""
        jumps = (f"jump {self._policy(policy)}" for policy in policies)
        return self.draft.add_chain(f"{self.direction}-isolated", (*jumps, *DENIALS[self.options.deny]))

    def _policy(self, policy: Policy) -> str:
        key = policy.namespace, policy.name
        if key not in self.chains:
            rules = self.direction.rules(policy) or ()
            allowed = (
                match
                for rule in rules
                for match in rule_matches(self.draft, self.view, self.direction, rule, policy.namespace)
            )
            verdict = ALLOW[self.direction]
            self.chains[key] = self.draft.add_chain(
                f"{self.direction}/{policy.namespace}/{policy.name}",
                (f"{match} {verdict}".strip() for match in allowed),
            )
        return self.chains[key]
