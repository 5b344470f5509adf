"""Whether one part of a policy says all that another one says, whatever pods there are.

By the words of the policies alone: True holds in every cluster, and False may only mean that it cannot be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from probe.model.snapshot import NAME_LABEL
from probe.policy.ports import NamedPort, PortMatch, PortRange
from probe.policy.rules import BlockPeer, DomainPeer, Network, NodePeer, Peer, PodPeer, Rule
from probe.policy.selectors import Operator, Requirement, Selector

_Part = TypeVar("_Part", Peer, PortMatch)


def rule_covers(wide: Rule, narrow: Rule) -> bool:
    """Whether all that ``narrow`` matches ``wide`` matches, too."""
    return _all_covered(wide.peers, narrow.peers, peer_covers) and _all_covered(wide.ports, narrow.ports, port_covers)


def _all_covered(wide: Sequence[_Part] | None, narrow: Sequence[_Part] | None, covers: object) -> bool:
    """None means any."""
    assert callable(covers)
    if wide is None or narrow is None:
        return wide is None
    return all(any(covers(each, part) for each in wide) for part in narrow)


# --- peers ---------------------------------------------------------------------------------------------------------


def peer_covers(wide: Peer, narrow: Peer) -> bool:
    """Whether everybody whom ``narrow`` means is meant by ``wide``. Pods by labels and by addresses are not compared:
    whether blocks of addresses mean pods is left to implementations."""
    match wide, narrow:
        case PodPeer(), PodPeer():
            return selector_covers(wide.pods, narrow.pods) and _namespaces_covered(wide, narrow)
        case BlockPeer(), BlockPeer():
            return _block_covers(wide, narrow)
        case NodePeer(), NodePeer():
            return selector_covers(wide.nodes, narrow.nodes)
        case DomainPeer(), DomainPeer():
            return set(narrow.names) <= set(wide.names)
        case _:
            return False


def _namespaces_covered(wide: PodPeer, narrow: PodPeer) -> bool:
    return selector_covers(_namespaces(wide), _namespaces(narrow))


def _namespaces(peer: PodPeer) -> Selector:
    """A namespace that is given by name is the one that is labelled with it."""
    if peer.namespace is None:
        return peer.namespaces
    return Selector((Requirement(NAME_LABEL, Operator.IN, (peer.namespace,)),))


def within(inner: Network, outer: Network) -> bool:
    """Whether all of a block lies in another one; families never mix."""
    return inner.version == outer.version and inner.prefixlen >= outer.prefixlen and inner.overlaps(outer)


def _block_covers(wide: BlockPeer, narrow: BlockPeer) -> bool:
    holes = [hole for hole in wide.excepts if hole.version == narrow.block.version and hole.overlaps(narrow.block)]
    left_out_alike = all(any(within(hole, other) for other in narrow.excepts) for hole in holes)
    return within(narrow.block, wide.block) and left_out_alike


def subjects_may_meet(one: PodPeer, other: PodPeer) -> bool:
    """Whether a pod could be selected by both: nothing in their words speaks against it."""
    return not _contradict(one.pods, other.pods) and not _contradict(_namespaces(one), _namespaces(other))


# --- label selectors -----------------------------------------------------------------------------------------------


def selector_covers(wide: Selector, narrow: Selector) -> bool:
    """Whether all labels that ``narrow`` selects are selected by ``wide``."""
    return all(any(_implies(given, wanted) for given in narrow.requirements) for wanted in wide.requirements)


def _implies(given: Requirement, wanted: Requirement) -> bool:
    if given.key != wanted.key:
        return False
    has, may_have = set(given.values), set(wanted.values)
    match wanted.operator, given.operator:
        case Operator.EXISTS, Operator.EXISTS | Operator.IN:
            return True
        case Operator.DOES_NOT_EXIST | Operator.NOT_IN, Operator.DOES_NOT_EXIST:
            return True
        case Operator.IN, Operator.IN:
            return has <= may_have
        case Operator.NOT_IN, Operator.IN:
            return not has & may_have
        case Operator.NOT_IN, Operator.NOT_IN:
            return may_have <= has
        case _:
            return False


def _contradict(one: Selector, other: Selector) -> bool:
    return any(_excludes(a, b) or _excludes(b, a) for a in one.requirements for b in other.requirements)


def _excludes(one: Requirement, other: Requirement) -> bool:
    """Whether no labels meet both."""
    if one.key != other.key:
        return False
    match one.operator, other.operator:
        case Operator.IN, Operator.IN:
            return not set(one.values) & set(other.values)
        case Operator.IN, Operator.NOT_IN:
            return set(one.values) <= set(other.values)
        case Operator.IN | Operator.EXISTS, Operator.DOES_NOT_EXIST:
            return True
        case _:
            return False


# --- ports ---------------------------------------------------------------------------------------------------------


def port_covers(wide: PortMatch, narrow: PortMatch) -> bool:
    """Whether all ports that ``narrow`` means are meant by ``wide``."""
    match wide, narrow:
        case PortRange(), PortRange():
            return wide.protocol is narrow.protocol and wide.first <= narrow.first and narrow.last <= wide.last
        case PortRange(), NamedPort():
            return narrow.protocol is wide.protocol and wide == PortRange(wide.protocol)
        case NamedPort(), NamedPort():
            return wide.name == narrow.name and wide.protocol in (None, narrow.protocol)
        case _:
            return False


def ports_overlap(one: PortMatch, other: PortMatch) -> bool:
    """Whether two ranges have ports in common."""
    if not (isinstance(one, PortRange) and isinstance(other, PortRange)):
        return False
    return one.protocol is other.protocol and one.first <= other.last and other.first <= one.last
