"""Faults in cluster-scoped policies."""

from __future__ import annotations

from dataclasses import replace

from probe.sandbox.enforce.view import Action, ClusterPolicy, ClusterRule, ClusterView, Tier
from probe.sandbox.faults.fault import Effect, Fault


class ClusterPoliciesIgnored(Fault):
    """Cluster-scoped policies are not enforced."""

    name, effect = "cluster-policies-ignored", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return replace(view, cluster_policies=())


class PrioritiesReversed(Fault):
    """In a tier the highest priority number is asked first."""

    name, effect = "priorities-reversed", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(policy: ClusterPolicy) -> ClusterPolicy:
            return policy if policy.priority is None else replace(policy, priority=1000 - policy.priority)

        return replace(view, cluster_policies=tuple(map(changed, view.cluster_policies)))


class PassAsAllow(Fault):
    """``Pass`` lets traffic through instead of leaving it to the next tier."""

    name, effect = "pass-as-allow", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(rules: tuple[ClusterRule, ...]) -> tuple[ClusterRule, ...]:
            return tuple(replace(it, action=Action.ALLOW) if it.action is Action.PASS else it for it in rules)

        policies = (replace(it, ingress=changed(it.ingress), egress=changed(it.egress)) for it in view.cluster_policies)
        return replace(view, cluster_policies=tuple(policies))


class BaselineAsAdmin(Fault):
    """The Baseline tier is asked before NetworkPolicies."""

    name, effect = "baseline-as-admin", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        policies = (replace(policy, tier=Tier.ADMIN) for policy in view.cluster_policies)
        return replace(view, cluster_policies=tuple(policies))


FAULTS: tuple[type[Fault], ...] = (ClusterPoliciesIgnored, PrioritiesReversed, PassAsAllow, BaselineAsAdmin)
