"""What a rule matches, as nft matches: one of its peers and one of its ports."""

from __future__ import annotations

from collections.abc import Iterator

from probe.model.cell import Family
from probe.sandbox.enforce.direction import Direction
from probe.sandbox.enforce.draft import Draft
from probe.sandbox.enforce.peers import peer_matches
from probe.sandbox.enforce.ports import port_matches
from probe.sandbox.enforce.view import ClusterView, Rule


def rule_matches(
    draft: Draft, view: ClusterView, direction: Direction, rule: Rule, own_namespace: str = ""
) -> Iterator[str]:
    """nft matches, one of which must hold. ``own_namespace``: the policy's, if it has one."""
    if rule.peers is None and rule.ports is None:
        yield ""
        return
    for family in Family:
        peers = peer_matches(draft, view, rule, own_namespace, family, direction.peer(family))
        ports = port_matches(draft, view, rule.ports, family)
        yield from (" ".join(filter(None, (peer, port))) for peer in peers for port in ports)
