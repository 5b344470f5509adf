"""Faults in cluster-scoped policies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.ruleset import Chain, Ruleset
from probe.sandbox.enforce.view import Action, BlockPeer, ClusterPolicy, ClusterRule, ClusterView, NodePeer, Rule, Tier
from probe.sandbox.faults.fault import Effect, Fault, in_chains

_LAST = 10_000
"""More than any priority."""


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


class AcceptAsPass(Fault):
    """What Admin accepts is left to NetworkPolicies, which may deny it."""

    name, effect = "accept-as-pass", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(rules: tuple[ClusterRule, ...]) -> tuple[ClusterRule, ...]:
            return tuple(replace(it, action=Action.PASS) if it.action is Action.ALLOW else it for it in rules)

        def passing(policy: ClusterPolicy) -> ClusterPolicy:
            if policy.tier is not Tier.ADMIN:
                return policy
            return replace(policy, ingress=changed(policy.ingress), egress=changed(policy.egress))

        return replace(view, cluster_policies=tuple(map(passing, view.cluster_policies)))


class AcceptOfOneEndIsEnough(Fault):
    """What Admin lets a pod send to one of the same node is not asked about again where it is received."""

    name, effect = "accept-of-one-end-is-enough", Effect.LEAK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        def accepting(chain: Chain) -> Chain:
            return Chain(tuple(rule.replace("goto ingress", "accept") for rule in chain.rules), chain.hook)

        return in_chains(compile_node(view, node, options), "egress-admin", accepting)


class FirstClusterPolicyOnly(Fault):
    """Of a tier's policies only the first is asked, by priority."""

    name, effect = "first-cluster-policy-only", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        tiers = (
            sorted((it for it in view.cluster_policies if it.tier is tier), key=lambda it: it.order) for tier in Tier
        )
        return replace(view, cluster_policies=tuple(policy for policies in tiers for policy in policies[:1]))


class PrioritiesInAByte(Fault):
    """Of a priority's number only the lowest eight bits are compared."""

    name, effect = "priorities-in-a-byte", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def cut(policy: ClusterPolicy) -> ClusterPolicy:
            return policy if policy.priority is None else replace(policy, priority=policy.priority & 0xFF)

        return replace(view, cluster_policies=tuple(map(cut, view.cluster_policies)))


class HighPrioritiesIgnored(Fault):
    """Policies whose priority's number is above 99 are not enforced."""

    name, effect = "high-priorities-ignored", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return replace(view, cluster_policies=tuple(it for it in view.cluster_policies if (it.priority or 0) <= 99))


class BaselineAsAdmin(Fault):
    """The Baseline tier is asked before NetworkPolicies."""

    name, effect = "baseline-as-admin", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        policies = (replace(policy, tier=Tier.ADMIN) for policy in view.cluster_policies)
        return replace(view, cluster_policies=tuple(policies))


class AllowBeatsDeny(Fault):
    """In a tier what allows is asked before what denies, whatever priorities and the order of rules say."""

    name, effect = "allow-beats-deny", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def apart(policy: ClusterPolicy, denying: bool) -> ClusterPolicy:
            def chosen(rules: tuple[ClusterRule, ...]) -> tuple[ClusterRule, ...]:
                return tuple(rule for rule in rules if (rule.action is Action.DENY) is denying)

            return replace(
                policy,
                name=f"{policy.name}/{'denying' if denying else 'allowing'}",
                priority=(policy.priority or 0) + (_LAST if denying else 0),
                ingress=chosen(policy.ingress),
                egress=chosen(policy.egress),
            )

        split = (apart(policy, denying) for policy in view.cluster_policies for denying in (False, True))
        return replace(view, cluster_policies=tuple(split))


class PortRangesIgnored(Fault):
    """In cluster-scoped policies a range of ports is its first port alone."""

    name, effect = "cluster-port-ranges-ignored", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def first(match: Rule) -> Rule:
            ports = match.ports
            return replace(match, ports=None if ports is None else tuple(replace(port, end=None) for port in ports))

        return with_matches(view, first)


class OwnNodeIsNoPeer(Fault):
    """A peer that selects nodes misses the node that the policy is enforced on."""

    name, effect, left_open = "own-node-is-no-peer", Effect.BOTH, True

    def see(self, node: str, view: ClusterView) -> ClusterView:
        nodes = {name: replace(it, published={}) if name == node else it for name, it in view.nodes.items()}
        return replace(view, nodes=nodes)


class NodePeersMeanPods(Fault):
    """A peer that selects nodes means the pods on these nodes as well."""

    name, effect = "node-peers-mean-pods", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(match: Rule) -> Rule:
            wanted = [peer.nodes for peer in match.peers or () if isinstance(peer, NodePeer)]
            chosen = {name for name, it in view.nodes.items() if any(each.matches(it.labels) for each in wanted)}
            pods = (pod for pod in view.policed if pod.node in chosen)
            blocks = tuple(BlockPeer(ip_network(it)) for pod in pods for it in pod.addresses.values())
            return replace(match, peers=(*match.peers, *blocks)) if match.peers and blocks else match

        return with_matches(view, changed)


def with_matches(view: ClusterView, change: Callable[[Rule], Rule]) -> ClusterView:
    """The view with what each rule of the cluster-scoped policies matches changed."""

    def changed(rules: tuple[ClusterRule, ...]) -> tuple[ClusterRule, ...]:
        return tuple(replace(rule, match=change(rule.match)) for rule in rules)

    policies = (replace(it, ingress=changed(it.ingress), egress=changed(it.egress)) for it in view.cluster_policies)
    return replace(view, cluster_policies=tuple(policies))


FAULTS: tuple[type[Fault], ...] = (
    ClusterPoliciesIgnored,
    PrioritiesReversed,
    HighPrioritiesIgnored,
    PrioritiesInAByte,
    FirstClusterPolicyOnly,
    PassAsAllow,
    AcceptAsPass,
    AcceptOfOneEndIsEnough,
    BaselineAsAdmin,
    AllowBeatsDeny,
    PortRangesIgnored,
    OwnNodeIsNoPeer,
    NodePeersMeanPods,
)
