"""The interface of faults, and how they change what a node believes."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from probe.sandbox.enforce.controller import Stages
from probe.sandbox.enforce.direction import Direction
from probe.sandbox.enforce.ruleset import Chain, Ruleset
from probe.sandbox.enforce.selectors import Operator, Requirement, Selector
from probe.sandbox.enforce.view import ClusterView, Peer, Pod, PodPeer, Policy, PortMatch, Rule

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label with a namespace's name, which the API server sets on each."""


class Effect(enum.StrEnum):
    """What a fault does to traffic."""

    LEAK = "leak"  # something passes that must not
    BLOCK = "block"  # something is denied that must pass
    BOTH = "both"


class Fault(Stages):
    """A way to break enforcement. One object serves all nodes of a cluster, for the cluster's life; it may remember.

    ``name`` is kebab-case and says what breaks, the docstring's first sentence how. ``left_open``: the API allows it,
    so that a suite that does not catch it misses nothing. Override ``see``, ``compile`` or ``install`` of ``Stages``.
    """

    name: ClassVar[str]
    effect: ClassVar[Effect]
    left_open: ClassVar[bool] = False

    @classmethod
    def summary(cls) -> str:
        """What breaks, in one sentence."""
        return " ".join((cls.__doc__ or cls.name).split("\n\n")[0].split())


# --- what a node believes ------------------------------------------------------------------------------------------


def with_policies(view: ClusterView, change: Callable[[Policy], Policy | None]) -> ClusterView:
    """The view with each NetworkPolicy changed, or left out (None)."""
    changed = (change(policy) for policy in view.policies)
    return replace(view, policies=tuple(policy for policy in changed if policy is not None))


def with_rules(view: ClusterView, change: Callable[[Rule, Direction], Iterable[Rule]]) -> ClusterView:
    """The view with each rule of the NetworkPolicies replaced by none, one or several."""

    def changed(rules: tuple[Rule, ...] | None, direction: Direction) -> tuple[Rule, ...] | None:
        return None if rules is None else tuple(each for rule in rules for each in change(rule, direction))

    return with_policies(
        view,
        lambda policy: replace(
            policy,
            ingress=changed(policy.ingress, Direction.INGRESS),
            egress=changed(policy.egress, Direction.EGRESS),
        ),
    )


def with_peers(view: ClusterView, change: Callable[[Peer], Iterable[Peer]]) -> ClusterView:
    """The view with each peer replaced by none, one or several; a rule that loses all of its peers matches nobody."""

    def changed(rule: Rule, _: Direction) -> Iterable[Rule]:
        if rule.peers is None:
            return [rule]
        return [replace(rule, peers=tuple(each for peer in rule.peers for each in change(peer)))]

    return with_rules(view, changed)


def with_ports(view: ClusterView, change: Callable[[PortMatch], Iterable[PortMatch]]) -> ClusterView:
    """The view with each port replaced by none, one or several; a rule that loses all of its ports matches nothing."""

    def changed(rule: Rule, _: Direction) -> Iterable[Rule]:
        if rule.ports is None:
            return [rule]
        return [replace(rule, ports=tuple(each for port in rule.ports for each in change(port)))]

    return with_rules(view, changed)


def with_selectors(view: ClusterView, change: Callable[[Selector], Selector]) -> ClusterView:
    """The view with each label selector changed: subjects', and peers' of both kinds."""

    def peer(each: Peer) -> Iterable[Peer]:
        if not isinstance(each, PodPeer):
            return [each]
        spaces = None if each.namespaces is None else change(each.namespaces)
        return [replace(each, namespaces=spaces, pods=change(each.pods))]

    return with_policies(with_peers(view, peer), lambda policy: replace(policy, selector=change(policy.selector)))


def with_pods(view: ClusterView, change: Callable[[Pod], Pod | None]) -> ClusterView:
    """The view with each pod changed, or left out (None)."""
    changed = (change(pod) for pod in view.pods)
    return replace(view, pods=tuple(pod for pod in changed if pod is not None))


def named(namespaces: Iterable[str]) -> Selector:
    """What selects the namespaces of these names."""
    return Selector((Requirement(NAME_LABEL, Operator.IN, tuple(sorted(namespaces))),))


# --- what a node makes of it ---------------------------------------------------------------------------------------


def prepended(ruleset: Ruleset, chain: str, *rules: str) -> Ruleset:
    """The ruleset with rules before all others of a chain, if it has that chain."""
    if chain not in ruleset.chains:
        return ruleset
    old = ruleset.chains[chain]
    return replace(ruleset, chains={**ruleset.chains, chain: Chain((*rules, *old.rules), old.hook)})


def in_chains(ruleset: Ruleset, start: str, change: Callable[[Chain], Chain]) -> Ruleset:
    """The ruleset with every chain changed whose name begins so (``ingress-isolated``)."""
    return replace(
        ruleset,
        chains={name: change(chain) if name.startswith(start) else chain for name, chain in ruleset.chains.items()},
    )


def before_denial(chain: Chain, rules: Sequence[str]) -> Chain:
    """The chain of isolated pods with rules for what no policy has allowed, just before it is denied."""
    jumps = tuple(each for each in chain.rules if each.startswith("jump "))
    return Chain((*jumps, *rules, *chain.rules[len(jumps) :]), chain.hook)
