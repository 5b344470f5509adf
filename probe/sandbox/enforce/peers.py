"""The peers of a rule as nftables matches on one end of the connection."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from probe.model.cell import Family
from probe.sandbox.enforce.draft import ADDRESS_TYPE, Draft
from probe.sandbox.enforce.ruleset import Set
from probe.sandbox.enforce.view import BlockPeer, ClusterView, NodePeer, PodPeer, Rule

Network = IPv4Network | IPv6Network


def peer_matches(
    draft: Draft, view: ClusterView, rule: Rule, own_namespace: str, family: Family, end: str
) -> list[str]:
    """nft matches, one of which must hold; ``[""]`` when the rule names no peers.

    ``end`` is the nft expression of the peer's address. All pod peers of a rule share one set, all its blocks another,
    all its nodes a third.
    """
    if rule.peers is None:
        return [""]
    matches = []
    if selected := tuple(peer for peer in rule.peers if isinstance(peer, PodPeer)):
        matches.append(f"{end} @{_pod_set(draft, view, selected, own_namespace, family)}")
    if networks := united(tuple(peer for peer in rule.peers if isinstance(peer, BlockPeer)), family):
        matches.append(f"{end} @{_block_set(draft, networks, family)}")
    if nodes := tuple(peer for peer in rule.peers if isinstance(peer, NodePeer)):
        published = Set(ADDRESS_TYPE[family], view.published_by(nodes)[family])
        matches.append(f"{end} @{draft.add_set('nodes', family, published)}")
    return matches


@lru_cache(maxsize=4096)  # pure, and slow: the same blocks come back with every change
def united(blocks: tuple[BlockPeer, ...], family: Family) -> tuple[Network, ...]:
    """The addresses of one family that at least one block allows, as disjoint prefixes.

    An ``except`` subtracts from its own block only: what another block allows stays allowed.
    """
    version = 4 if family is Family.IPV4 else 6
    allowed = [it for peer in blocks if peer.block.version == version for it in _without(peer.block, peer.excepts)]
    v4 = collapse_addresses(network for network in allowed if isinstance(network, IPv4Network))
    v6 = collapse_addresses(network for network in allowed if isinstance(network, IPv6Network))
    return (*v4, *v6)


def _without(block: Network, excepts: Iterable[Network]) -> list[Network]:
    remaining = [block]
    for taken in excepts:
        remaining = [piece for network in remaining for piece in _subtract(network, taken)]
    return remaining


def _subtract(network: Network, taken: Network) -> list[Network]:
    if network.version != taken.version or not network.overlaps(taken):
        return [network]
    if network.prefixlen >= taken.prefixlen:  # prefixes that overlap are nested: all of it is taken
        return []
    return list(network.address_exclude(taken))  # type: ignore[arg-type]  # the versions are equal


def _pod_set(draft: Draft, view: ClusterView, peers: tuple[PodPeer, ...], own_namespace: str, family: Family) -> str:
    addresses = view.addresses_of(peers, own_namespace)[family]
    return draft.add_set("pods", family, Set(ADDRESS_TYPE[family], addresses))


def _block_set(draft: Draft, networks: Iterable[Network], family: Family) -> str:
    return draft.add_set("blocks", family, Set(ADDRESS_TYPE[family], frozenset(map(str, networks)), interval=True))
