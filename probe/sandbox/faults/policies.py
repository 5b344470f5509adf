"""Faults in which policies and directions count, and how policies of one pod come together."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace

from probe.sandbox.enforce.direction import Direction
from probe.sandbox.enforce.selectors import Operator, Requirement, Selector
from probe.sandbox.enforce.view import ClusterView, Pod, Policy, Rule
from probe.sandbox.faults.fault import Effect, Fault, with_pods, with_policies
from probe.sandbox.faults.ports import is_selected

_SELF = "faults.cni-probe.dev/uid"
"""A label that no object has: each pod's own UID, by which a policy can be made to select it alone."""


class IngressIgnored(Fault):
    """Ingress is not enforced."""

    name, effect = "ingress-ignored", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(view, lambda policy: replace(policy, ingress=None))


class EgressIgnored(Fault):
    """Egress is not enforced."""

    name, effect = "egress-ignored", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(view, lambda policy: replace(policy, egress=None))


class IngressAlwaysIsolated(Fault):
    """A policy of ``policyTypes: [Egress]`` isolates its pods for ingress, too."""

    name, effect = "ingress-always-isolated", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(view, lambda policy: replace(policy, ingress=policy.ingress or ()))


class EgressAlwaysIsolated(Fault):
    """A policy of ``policyTypes: [Ingress]`` isolates its pods for egress, too."""

    name, effect = "egress-always-isolated", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(view, lambda policy: replace(policy, egress=policy.egress or ()))


class UnlistedTypesEnforced(Fault):
    """Rules count whether ``policyTypes`` lists their direction or not."""

    name, effect = "unlisted-types-enforced", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(policy: Policy) -> Policy:
            rules = policy.unlisted or None
            return replace(
                policy,
                ingress=rules if policy.ingress is None else policy.ingress,
                egress=rules if policy.egress is None else policy.egress,
            )

        return with_policies(view, changed)


class NoRulesAllow(Fault):
    """A direction without any rule is not isolated, though it is listed: default denies do nothing."""

    name, effect = "no-rules-allow", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(
            view, lambda policy: replace(policy, ingress=policy.ingress or None, egress=policy.egress or None)
        )


class FirstRuleOnly(Fault):
    """Of the rules of a direction only the first counts."""

    name, effect = "first-rule-only", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(
            view,
            lambda policy: replace(
                policy,
                ingress=policy.ingress[:1] if policy.ingress else policy.ingress,
                egress=policy.egress[:1] if policy.egress else policy.egress,
            ),
        )


class FirstPolicyOnly(Fault):
    """Of the policies that select a pod for a direction only the first counts, by name."""

    name, effect = "first-policy-only", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return chosen_for_each_pod(view, lambda policies: policies[:1])


class LastPolicyOverrides(Fault):
    """Of the policies that select a pod for a direction the last replaces those before it."""

    name, effect = "last-policy-overrides", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return chosen_for_each_pod(view, lambda policies: policies[-1:])


class PoliciesIntersect(Fault):
    """What one policy of a pod does not allow is denied, whatever its others allow."""

    name, effect = "policies-intersect", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def shared_alone(policies: Sequence[Policy]) -> Sequence[Policy]:
            """Only the rules that all of a pod's policies have: nearly what an intersection leaves."""
            shared = set.intersection(*({*_rules(policy)} for policy in policies)) if policies else set()
            return [_with_rules(policy, shared) for policy in policies]

        return chosen_for_each_pod(view, shared_alone)


def _with_rules(policy: Policy, kept: Container[Rule]) -> Policy:
    return replace(
        policy,
        ingress=None if policy.ingress is None else tuple(rule for rule in policy.ingress if rule in kept),
        egress=None if policy.egress is None else tuple(rule for rule in policy.egress if rule in kept),
    )


def _rules(policy: Policy) -> tuple[Rule, ...]:
    return (*(policy.ingress or ()), *(policy.egress or ()))


class HostNetworkIsMatched(Fault):
    """Selectors mean pods on the host's network as well, by their node's address."""

    name, effect, left_open = "host-network-is-matched", Effect.LEAK, True

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_pods(view, lambda pod: replace(pod, host_network=False, node="") if pod.host_network else pod)


class SubjectsOfEveryNamespace(Fault):
    """A policy selects pods of its labels in every namespace, not in its own alone."""

    name, effect = "subjects-of-every-namespace", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        copies = (replace(policy, namespace=space) for policy in view.policies for space in sorted(view.namespaces))
        return replace(view, policies=tuple(copies))


def chosen_for_each_pod(view: ClusterView, choose: Callable[[Sequence[Policy]], Sequence[Policy]]) -> ClusterView:
    """The view with policies that select one pod each: of those that select it for a direction, the chosen ones."""
    chosen: list[tuple[Pod, Policy]] = []
    for pod in view.policed:
        for direction in Direction:
            mine = [it for it in view.policies if is_selected(it, pod) and direction.rules(it) is not None]
            for policy in choose(mine):
                one_way = (
                    replace(policy, ingress=None) if direction is Direction.EGRESS else replace(policy, egress=None)
                )
                chosen.append((pod, replace(one_way, name=f"{policy.name}/{direction}")))
    return with_alone(replace(view, policies=()), chosen)


def with_alone(view: ClusterView, chosen: Iterable[tuple[Pod, Policy]]) -> ClusterView:
    """The view with a policy more for each of these pods, which selects it alone."""

    def of_one(pod: Pod, policy: Policy) -> Policy:
        selector = Selector((Requirement(_SELF, Operator.IN, (pod.uid,)),))
        return replace(policy, name=f"{policy.name}/{pod.uid}", selector=selector)

    added = (of_one(pod, policy) for pod, policy in chosen)
    marked = with_pods(view, lambda pod: replace(pod, labels={**pod.labels, _SELF: pod.uid}))
    return replace(marked, policies=(*view.policies, *added))


FAULTS: tuple[type[Fault], ...] = (
    IngressIgnored,
    EgressIgnored,
    IngressAlwaysIsolated,
    EgressAlwaysIsolated,
    UnlistedTypesEnforced,
    NoRulesAllow,
    FirstRuleOnly,
    FirstPolicyOnly,
    LastPolicyOverrides,
    PoliciesIntersect,
    HostNetworkIsMatched,
    SubjectsOfEveryNamespace,
)
