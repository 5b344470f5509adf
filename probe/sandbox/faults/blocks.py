"""Faults in intervals that meet others: blocks of addresses, their exceptions, and ranges of ports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from probe.sandbox.enforce.direction import Direction
from probe.sandbox.enforce.ports import MAX_PORT
from probe.sandbox.enforce.view import BlockPeer, ClusterView, Peer, PodPeer, Policy, PortMatch, Rule
from probe.sandbox.faults.fault import Effect, Fault, with_peers, with_policies, with_rules

Network = IPv4Network | IPv6Network

_ANYBODY: tuple[Peer, ...] = tuple(BlockPeer(ip_network(block)) for block in ("0.0.0.0/0", "::/0"))
_INTERFACE_BITS = 64


class LongestPrefixOnly(Fault):
    """Of a policy's rules that with the longest prefix counts for an address: what a wider block allows is lost."""

    name, effect = "longest-prefix-only", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(policy: Policy) -> Policy:
            return replace(
                policy,
                ingress=_without_longer(view, policy, policy.ingress),
                egress=_without_longer(view, policy, policy.egress),
            )

        return with_policies(view, changed)


def _without_longer(view: ClusterView, policy: Policy, rules: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
    """Each block of a rule without what lies in it of other rules, be it another block or a pod's address."""

    def cut(rule: Rule, others: list[Network]) -> Rule:
        def left(peer: Peer) -> Peer:
            if not isinstance(peer, BlockPeer):
                return peer
            return replace(peer, excepts=(*peer.excepts, *(it for it in others if _lies_in(it, peer.block))))

        before = _ANYBODY if rule.peers is None else rule.peers
        after = tuple(map(left, before))
        return rule if after == before else replace(rule, peers=after)

    if rules is None:
        return None
    prefixes = [[*_prefixes(view, policy, rule)] for rule in rules]
    return tuple(
        cut(rule, [each for other, found in enumerate(prefixes) if other != index for each in found])
        for index, rule in enumerate(rules)
    )


def _prefixes(view: ClusterView, policy: Policy, rule: Rule) -> Iterator[Network]:
    for peer in rule.peers or ():
        if isinstance(peer, BlockPeer):
            yield peer.block
    pods = tuple(peer for peer in rule.peers or () if isinstance(peer, PodPeer))
    for addresses in view.addresses_of(pods, policy.namespace).values():
        yield from map(ip_network, sorted(addresses))


def _lies_in(part: Network, block: Network) -> bool:
    return part != block and part.version == block.version and part.subnet_of(block)  # type: ignore[arg-type]


class BlocksKnownByCidr(Fault):
    """A policy's blocks are known by their ``cidr``: of those that are alike the last one's ``except`` counts."""

    name, effect = "blocks-known-by-cidr", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(policy: Policy) -> Policy:
            rules = (*(policy.ingress or ()), *(policy.egress or ()))
            blocks = (peer for rule in rules for peer in rule.peers or () if isinstance(peer, BlockPeer))
            last = {peer.block: peer for peer in blocks}

            def known(rule: Rule) -> Rule:
                if rule.peers is None:
                    return rule
                peers = (last[peer.block] if isinstance(peer, BlockPeer) else peer for peer in rule.peers)
                return replace(rule, peers=tuple(peers))

            return replace(
                policy,
                ingress=None if policy.ingress is None else tuple(map(known, policy.ingress)),
                egress=None if policy.egress is None else tuple(map(known, policy.egress)),
            )

        return with_policies(view, changed)


class BlocksWithoutTheirEnds(Fault):
    """The first and the last address of a block are left out, as those of a network that no host has."""

    name, effect = "blocks-without-their-ends", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            if not isinstance(peer, BlockPeer) or peer.block.num_addresses <= 2 or peer.block.prefixlen == 0:
                return [peer]
            ends = (ip_network(peer.block[0]), ip_network(peer.block[-1]))
            return [replace(peer, excepts=(*peer.excepts, *ends))]

        return with_peers(view, changed)


class Ipv6BlocksCut(Fault):
    """Of an IPv6 block, or of what it excepts, only the first 64 bits are compared."""

    name, effect = "ipv6-blocks-cut", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def cut(network: Network) -> Network:
            long = network.version == 6 and network.prefixlen > _INTERFACE_BITS
            return network.supernet(new_prefix=_INTERFACE_BITS) if long else network

        def changed(peer: Peer) -> Iterable[Peer]:
            if not isinstance(peer, BlockPeer):
                return [peer]
            return [replace(peer, block=cut(peer.block), excepts=tuple(map(cut, peer.excepts)))]

        return with_peers(view, changed)


class OverlappingExceptsRefused(Fault):
    """What a block excepts is refused if it overlaps an exception before it, as a set of intervals refuses it."""

    name, effect = "overlapping-excepts-refused", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(peer: Peer) -> Iterable[Peer]:
            if not isinstance(peer, BlockPeer):
                return [peer]
            kept: list[Network] = []
            for each in peer.excepts:
                if not any(each.overlaps(before) for before in kept):
                    kept.append(each)
            return [replace(peer, excepts=tuple(kept))]

        return with_peers(view, changed)


class OverlappingRangesRefused(Fault):
    """A range of ports is refused if it overlaps another port of its rule before it."""

    name, effect = "overlapping-ranges-refused", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(rule: Rule, _: Direction) -> Iterable[Rule]:
            kept: list[PortMatch] = []
            for port in rule.ports or ():
                if not any(port.protocol is it.protocol and _meet(port, it) for it in kept):
                    kept.append(port)
            return [rule if rule.ports is None else replace(rule, ports=tuple(kept))]

        return with_rules(view, changed)


def _meet(one: PortMatch, other: PortMatch) -> bool:
    if not isinstance(one.port, int) or not isinstance(other.port, int):
        return False
    return one.port <= min(other.end or other.port, MAX_PORT) and other.port <= min(one.end or one.port, MAX_PORT)


class RangesKnownByFirstPort(Fault):
    """The ports of a rule are known by protocol and first port: of those that are alike the last one's end counts."""

    name, effect = "ranges-known-by-first-port", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(rule: Rule, _: Direction) -> Iterable[Rule]:
            if rule.ports is None:
                return [rule]
            return [replace(rule, ports=tuple({(it.protocol, it.port): it for it in rule.ports}.values()))]

        return with_rules(view, changed)


FAULTS: tuple[type[Fault], ...] = (
    LongestPrefixOnly,
    BlocksKnownByCidr,
    BlocksWithoutTheirEnds,
    Ipv6BlocksCut,
    OverlappingExceptsRefused,
    OverlappingRangesRefused,
    RangesKnownByFirstPort,
)
