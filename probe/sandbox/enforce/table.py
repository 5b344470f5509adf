"""How the kernel's table goes from one ruleset to the next, so that no packet sees anything in between.

One nftables transaction makes *rules* change in one instant: the kernel keeps two generations of them, and a packet
stays in the one in which it entered its base chain. It does not do that for *elements*: a packet in old rules looks
into a set as it is right now, and while a transaction is being completed that can be nothing, or too much. Seen under
fire: denied packets got through and allowed ones were lost, for some microseconds around every change. Hence:

- sets and maps never change. New content comes under a new name (as do chains, but for the few that packets enter by);
- ``prepare`` builds what is new, where nothing refers to it yet; ``switch``, one transaction, rewrites the rules that
  packets enter by, and nothing else;
- what the switch leaves unused stays untouched, since packets may still be in the old rules, until the next prepare.

An unprivileged user's netlink socket takes some 200 kB at once. The switch is always small; prepare, which need not be
atomic, comes in pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from probe.sandbox.enforce.ruleset import TABLE, Ruleset, content

T = TypeVar("T")

NOTHING = Ruleset()
RESET = f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE}\n"
"""Leaves an empty table, whatever was there."""

PIECE = 40_000
"""Characters of script per transaction; as netlink messages they are some four times as long."""


@dataclass(frozen=True, slots=True)
class Change:
    """nft scripts, each to be run as one transaction, in order; ``switch`` is the last, and empty without a change."""

    prepare: tuple[str, ...]
    switch: str

    @property
    def scripts(self) -> tuple[str, ...]:
        """All that there is to run."""
        return (*self.prepare, self.switch) if self.switch else self.prepare


@dataclass(frozen=True, slots=True)
class Table:
    """What the kernel holds: the ruleset in force, and leftovers of the one before, which nothing refers to."""

    current: Ruleset = NOTHING
    leftovers: Ruleset = NOTHING

    def change(self, new: Ruleset) -> tuple[Change, Table]:
        """The way to another ruleset, and the table after it."""
        prepare, switch = (*self._sweep(new), *self._build(new)), tuple(self._rewrite(new))
        return Change(_pieces(prepare), _script(switch)), Table(new, _minus(self.current, new))

    def _sweep(self, new: Ruleset) -> Iterator[str]:
        """Whatever refers goes before what it refers to; chains refer to each other, so all are emptied first."""
        unused = _minus(self.leftovers, new)
        yield from (f"flush chain {TABLE} {name}" for name in self.leftovers.chains)
        yield from (f"delete map {TABLE} {name}" for name in unused.maps)
        yield from (f"delete set {TABLE} {name}" for name in unused.sets)
        yield from (f"delete chain {TABLE} {name}" for name in unused.chains)

    def _build(self, new: Ruleset) -> Iterator[str]:
        """Whatever is referred to comes before what refers to it. A base chain would act at once: it waits."""
        missing = _minus(_minus(new, self.current), self.leftovers)
        fresh = {name: chain for name, chain in _without(new.chains, self.current.chains).items() if not chain.hook}
        yield from (f"add chain {TABLE} {name}" for name in fresh if name not in self.leftovers.chains)
        yield from (f"add set {TABLE} {name} {{ {content(kept)} }}" for name, kept in missing.sets.items())
        yield from (f"add map {TABLE} {name} {{ {content(kept)} }}" for name, kept in missing.maps.items())
        for name, chain in fresh.items():
            yield from _add_rules(name, chain.rules)

    def _rewrite(self, new: Ruleset) -> Iterator[str]:
        current = self.current.chains
        for name, chain in new.chains.items():
            if name in current and current[name].rules != chain.rules:
                yield f"flush chain {TABLE} {name}"
                yield from _add_rules(name, chain.rules)
            elif name not in current and chain.hook:
                yield f"add chain {TABLE} {name} {{ {chain.hook} }}"
                yield from _add_rules(name, chain.rules)
        yield from (f"flush chain {TABLE} {name}" for name, it in _without(current, new.chains).items() if it.hook)


def _add_rules(chain: str, rules: Iterable[str]) -> Iterator[str]:
    return (f"add rule {TABLE} {chain} {rule}" for rule in rules)


def _script(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _pieces(lines: Iterable[str]) -> tuple[str, ...]:
    """Scripts of limited size; a single line may be longer."""
    pieces: list[list[str]] = []
    room = 0
    for line in lines:
        if len(line) > room:
            pieces.append([])
            room = PIECE
        pieces[-1].append(line)
        room -= len(line)
    return tuple(map(_script, pieces))


def _minus(one: Ruleset, other: Ruleset) -> Ruleset:
    """What has no namesake in the other."""
    return Ruleset(_without(one.sets, other.sets), _without(one.maps, other.maps), _without(one.chains, other.chains))


def _without(one: Mapping[str, T], other: Mapping[str, object]) -> dict[str, T]:
    return {name: value for name, value in one.items() if name not in other}
