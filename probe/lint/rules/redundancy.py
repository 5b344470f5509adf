"""What another part of the same policy says already: nothing breaks, but somebody may take it for a restriction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import TypeVar

from probe.lint.context import Context
from probe.lint.covers import peer_covers, port_covers, ports_overlap, rule_covers
from probe.lint.finding import Found, Level, at
from probe.policy.rules import BlockPeer, Network, Peer, Rule
from probe.scenario.document import Place

_Part = TypeVar("_Part")


def redundant_peer(context: Context) -> Iterator[Found]:
    """A peer within another peer of the same rule."""
    for view in context.policies:
        for rule in view.rules:
            places, peers = _apart(view.peers(rule))
            for index, other in _covered(peers, peer_covers).items():
                yield _said_already(places[index], places[other], "peer")


def redundant_port(context: Context) -> Iterator[Found]:
    """A port within another one of the same rule, or ranges that overlap."""
    for view in context.policies:
        for rule in view.rules:
            places, ports = _apart(view.ports(rule))
            covered = _covered(ports, port_covers)
            for index, other in covered.items():
                yield _said_already(places[index], places[other], "port")
            rest = [index for index in range(len(ports)) if index not in covered]
            for earlier, index in combinations(rest, 2):
                if ports_overlap(ports[earlier], ports[index]):
                    line = places[earlier].location.line
                    yield at(
                        places[index], f"{ports[index]} overlaps with {ports[earlier]} in line {line}", "join them"
                    )


def redundant_rule(context: Context) -> Iterator[Found]:
    """A rule of a NetworkPolicy that another one says already: they add up, so it allows nothing more."""
    for view in context.network_policies:
        for rules in view.policy.directions.values():
            for index, other in _covered(rules, rule_covers).items():
                place, line = view.rule_place(rules[index]), view.rule_place(rules[other]).location.line
                if rules[other].peers is None and rules[other].ports is None:
                    message = f"the rule in line {line} allows everything already"
                    yield at(place, message, "rules add up: a narrower one takes nothing back", Level.WARNING)
                else:
                    yield at(place, f"the rule in line {line} allows all of this already", "leave it out")


def except_undone(context: Context) -> Iterator[Found]:
    """An except whose addresses a wider block of the same policy allows again; one that is as wide is meant so."""
    for view in context.network_policies:
        for rules in view.policy.directions.values():
            blocks = [(rule, place, peer) for rule in rules for place, peer in view.peers(rule)]
            for rule, place, peer in blocks:
                rivals = [(where, other) for its, where, other in blocks if _share_ports(rule, its)]
                for index, hole in enumerate(peer.excepts if isinstance(peer, BlockPeer) else ()):
                    undone = next((where for where, other in rivals if _allows(other, hole)), None)
                    if undone is not None:
                        message = f"{hole} is allowed again by the block in line {undone.location.line}"
                        hint = "blocks add up: leave it out of that one, too"
                        yield at(place.child("ipBlock", "except", index), message, hint)


def _allows(peer: Peer, hole: Network) -> bool:
    """Whether a peer is a block that has the addresses and more."""
    return isinstance(peer, BlockPeer) and peer.block != hole and peer_covers(peer, BlockPeer(hole))


def _share_ports(one: Rule, other: Rule) -> bool:
    if one.ports is None or other.ports is None:
        return True
    return any(port == wide or ports_overlap(port, wide) for port in one.ports for wide in other.ports)


def _apart(parts: Iterable[tuple[Place, _Part]]) -> tuple[list[Place], list[_Part]]:
    pairs = list(parts)
    return [place for place, _ in pairs], [part for _, part in pairs]


def _said_already(place: Place, other: Place, what: str) -> Found:
    line = other.location.line
    where = "beside it" if line == place.location.line else f"in line {line}"
    return at(place, f"the {what} {where} means all of this one, too", "leave it out")


def _covered(parts: Sequence[_Part], covers: Callable[[_Part, _Part], bool]) -> dict[int, int]:
    """Parts with one that covers them, by index; of two that say the same, the later one."""
    found: dict[int, int] = {}
    for index, part in enumerate(parts):
        for other, wide in enumerate(parts):
            if other != index and covers(wide, part) and (other < index or not covers(part, wide)):
                found[index] = other
                break
    return found
