"""Faults in whom rules mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network

from probe.sandbox.enforce.direction import Direction
from probe.sandbox.enforce.selectors import EVERYTHING
from probe.sandbox.enforce.view import BlockPeer, ClusterView, Peer, PodPeer, Rule
from probe.sandbox.faults.fault import Effect, Fault, with_peers, with_policies, with_rules


class ExceptIgnored(Fault):
    """``ipBlock.except`` is dropped when a peer is compiled, so that a block allows all of its addresses."""

    name, effect = "except-ignored", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_peers(view, lambda peer: [replace(peer, excepts=())] if isinstance(peer, BlockPeer) else [peer])


class ExceptAcrossBlocks(Fault):
    """An ``except`` subtracts from every block of its rule, not from its own alone."""

    name, effect = "except-across-blocks", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(rule: Rule, _: Direction) -> Iterable[Rule]:
            blocks = [peer for peer in rule.peers or () if isinstance(peer, BlockPeer)]
            excepts = tuple(each for peer in blocks for each in peer.excepts)
            peers = (
                replace(peer, excepts=excepts) if isinstance(peer, BlockPeer) else peer for peer in rule.peers or ()
            )
            return [replace(rule, peers=None if rule.peers is None else tuple(peers))]

        return with_rules(view, changed)


class SelectorsAsOr(Fault):
    """A peer's namespaceSelector and podSelector are united where they must be intersected."""

    name, effect = "selectors-as-or", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            if isinstance(peer, PodPeer) and peer.namespaces is not None and peer.pods != EVERYTHING:
                return [PodPeer(peer.namespaces), PodPeer(None, peer.pods)]
            return [peer]

        return with_peers(view, changed)


class AbsentNamespaceSelectorAsAll(Fault):
    """A peer without a namespaceSelector means pods of every namespace, not of the policy's own."""

    name, effect = "absent-namespace-selector-as-all", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            if isinstance(peer, PodPeer) and peer.namespaces is None:
                return [replace(peer, namespaces=EVERYTHING)]
            return [peer]

        return with_peers(view, changed)


class NamespaceSelectorIgnored(Fault):
    """A peer's namespaceSelector is not looked at: its podSelector counts in the policy's own namespace."""

    name, effect = "namespace-selector-ignored", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_peers(view, lambda peer: [PodPeer(None, peer.pods)] if isinstance(peer, PodPeer) else [peer])


class PodSelectorIgnored(Fault):
    """A podSelector beside a namespaceSelector is not looked at: all pods of the namespaces are meant."""

    name, effect = "pod-selector-beside-namespaces-ignored", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            if isinstance(peer, PodPeer) and peer.namespaces is not None:
                return [PodPeer(peer.namespaces)]
            return [peer]

        return with_peers(view, changed)


class EmptySubjectSelectsNone(Fault):
    """A policy whose podSelector is ``{}`` selects no pod, so that default denies do nothing."""

    name, effect = "empty-subject-selects-none", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(view, lambda policy: None if policy.selector == EVERYTHING else policy)


class EmptyPeerSelectsNone(Fault):
    """A peer's empty selector means nobody, where it means everybody."""

    name, effect = "empty-peer-selects-none", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            empty = isinstance(peer, PodPeer) and EVERYTHING in (peer.namespaces, peer.pods)
            return [] if empty else [peer]

        return with_peers(view, changed)


class FirstPeerOnly(Fault):
    """Of the peers of a rule only the first counts."""

    name, effect = "first-peer-only", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_rules(view, lambda rule, _: [replace(rule, peers=None if rule.peers is None else rule.peers[:1])])


class BlocksMissPods(Fault):
    """An ipBlock is compiled for addresses outside the cluster alone and never matches a pod."""

    name, effect = "blocks-miss-pods", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        pods = tuple(ip_network(address) for pod in view.policed for address in pod.addresses.values())

        def changed(peer: Peer) -> Iterable[Peer]:
            return [replace(peer, excepts=(*peer.excepts, *pods))] if isinstance(peer, BlockPeer) else [peer]

        return with_peers(view, changed)


class FamiliesConflated(Fault):
    """A block with a prefix length of 0 is taken for "any address", of both families."""

    name, effect = "families-conflated", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            if isinstance(peer, BlockPeer) and peer.block.prefixlen == 0:
                return [peer, *(BlockPeer(ip_network(block)) for block in ("0.0.0.0/0", "::/0"))]
            return [peer]

        return with_peers(view, changed)


FAULTS: tuple[type[Fault], ...] = (
    ExceptIgnored,
    ExceptAcrossBlocks,
    SelectorsAsOr,
    AbsentNamespaceSelectorAsAll,
    NamespaceSelectorIgnored,
    PodSelectorIgnored,
    EmptySubjectSelectsNone,
    EmptyPeerSelectsNone,
    FirstPeerOnly,
    BlocksMissPods,
    FamiliesConflated,
)
