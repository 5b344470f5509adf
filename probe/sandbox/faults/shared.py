"""Faults in what several objects share: it is another's, or goes with the first of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from typing import TypeAlias

from probe.sandbox.enforce.selectors import Selector
from probe.sandbox.enforce.view import BlockPeer, ClusterView, Peer, Pod, PodPeer, Policy, Rule
from probe.sandbox.faults.fault import Effect, Fault, named, with_peers, with_policies
from probe.sandbox.faults.ports import is_selected

Key: TypeAlias = tuple[str, str]
"""Namespace and name of a policy."""
Shared: TypeAlias = tuple[str, PodPeer]
"""A peer, with the namespace that it is about if it does not say."""


class PeersKnownBySelector(Fault):
    """Pods that a podSelector alone means are looked up once, in the first namespace that has a policy with it."""

    name, effect = "peers-known-by-selector", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        first: dict[Selector, str] = {}
        for policy in view.policies:
            for peer in _pod_peers(policy):
                if peer.namespaces is None:
                    first.setdefault(peer.pods, policy.namespace)

        def changed(peer: Peer) -> Iterable[Peer]:
            if not isinstance(peer, PodPeer) or peer.namespaces is not None:
                return [peer]
            return [replace(peer, namespaces=named([first[peer.pods]]))]

        return with_peers(view, changed)


class EditFreesWhatOthersUse(Fault):
    """A peer that an edited policy no longer has is forgotten, though other policies have it, too."""

    name, effect = "edit-frees-what-others-use", Effect.BLOCK

    def __init__(self) -> None:
        self._used: dict[str, dict[Key, set[Shared]]] = {}
        self._freed: dict[str, set[Shared]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {_key(it): {_shared(it, peer) for peer in _pod_peers(it)} for it in view.policies}
        before = self._used.get(node, {})
        self._used[node] = here
        freed = self._freed.setdefault(node, set())
        for key, used in here.items():
            freed |= before.get(key, set()) - used
        for key, used in here.items():
            freed -= used - before.get(key, set())

        def changed(policy: Policy) -> Policy:
            def left(rules: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
                return None if rules is None else tuple(map(without, rules))

            def without(rule: Rule) -> Rule:
                if rule.peers is None:
                    return rule
                gone = (isinstance(it, PodPeer) and _shared(policy, it) in freed for it in rule.peers)
                return replace(
                    rule, peers=tuple(it for it, is_gone in zip(rule.peers, gone, strict=True) if not is_gone)
                )

            return replace(policy, ingress=left(policy.ingress), egress=left(policy.egress))

        return with_policies(view, changed) if freed else view


class PolicyGoesWithOnePod(Fault):
    """When a pod goes, its node forgets the policies that selected it, though others of its pods are selected, too."""

    name, effect = "policy-goes-with-one-pod", Effect.LEAK

    def __init__(self) -> None:
        self._pods: dict[str, dict[str, Pod]] = {}
        self._forgotten: dict[str, set[Key]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        here = {pod.uid: pod for pod in view.policed if pod.node == node}
        before = self._pods.get(node, {})
        self._pods[node] = here
        forgotten = self._forgotten.setdefault(node, set())
        for policy in view.policies:
            if any(is_selected(policy, pod) for uid, pod in before.items() if uid not in here):
                forgotten.add(_key(policy))
            if any(is_selected(policy, pod) for uid, pod in here.items() if uid not in before):
                forgotten.discard(_key(policy))
        return with_policies(view, lambda policy: None if _key(policy) in forgotten else policy)


class PodLeavesWithOnePeer(Fault):
    """A pod whose labels one peer of a policy no longer matches is taken out, though another peer still does."""

    name, effect = "pod-leaves-with-one-peer", Effect.BLOCK

    def __init__(self) -> None:
        self._meant: dict[tuple[str, Key, PodPeer], set[str]] = {}
        self._out: dict[tuple[str, Key], set[str]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(policy: Policy) -> Policy:
            out = self._out.setdefault((node, _key(policy)), set())
            for peer in {*_pod_peers(policy)}:
                asked = node, _key(policy), peer
                meant = {it for found in view.addresses_of((peer,), policy.namespace).values() for it in found}
                before = self._meant.get(asked, meant)
                self._meant[asked] = meant
                out |= before - meant
                out -= meant - before

            def left(peer: Peer) -> Iterable[Peer]:
                if not isinstance(peer, PodPeer):
                    return [peer]
                found = view.addresses_of((peer,), policy.namespace).values()
                return [BlockPeer(ip_network(it)) for meant in found for it in sorted(meant - out)]

            return with_peers(replace(view, policies=(policy,)), left).policies[0] if out else policy

        return with_policies(view, changed)


def _pod_peers(policy: Policy) -> Iterable[PodPeer]:
    rules = (*(policy.ingress or ()), *(policy.egress or ()))
    return (peer for rule in rules for peer in rule.peers or () if isinstance(peer, PodPeer))


def _shared(policy: Policy, peer: PodPeer) -> Shared:
    return (policy.namespace if peer.namespaces is None else "", peer)


def _key(policy: Policy) -> Key:
    return policy.namespace, policy.name


FAULTS: tuple[type[Fault], ...] = (
    PeersKnownBySelector,
    EditFreesWhatOthersUse,
    PolicyGoesWithOnePod,
    PodLeavesWithOnePeer,
)
