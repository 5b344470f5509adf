"""The difference between two rulesets as an nft script: what changes, and nothing else, in one transaction.

A change of one label costs a set element, not the table. The order of the script matters to the kernel: what is
referred to comes before what refers to it, and goes after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from probe.sandbox.enforce.ruleset import TABLE, Ruleset, Set, VerdictMap, declaration

T = TypeVar("T")


def delta(old: Ruleset, new: Ruleset) -> str:
    """A script that turns a table that holds ``old`` into ``new``; empty when there is nothing to do."""
    return "".join(f"{line}\n" for line in _lines(old, new))


def _lines(old: Ruleset, new: Ruleset) -> Iterator[str]:
    for name, chain in _added(old.chains, new.chains):
        yield f"add chain {TABLE} {name} {{ {chain.hook} }}" if chain.hook else f"add chain {TABLE} {name}"
    for kind, name, kept in _declared(_added(old.sets, new.sets), _added(old.maps, new.maps)):
        yield f"add {kind} {TABLE} {name} {{ {declaration(kept)} }}"
    # Rules may look into sets that still fill up: nobody sees the table before the transaction is complete.
    for name, chain in new.chains.items():
        if (known := old.chains.get(name)) is None or known.rules != chain.rules:
            if known is not None and known.rules:
                yield f"flush chain {TABLE} {name}"
            yield from (f"add rule {TABLE} {name} {rule}" for rule in chain.rules)
    yield from _set_elements(old, new)
    yield from _map_elements(old, new)
    gone = [name for name, _ in _added(new.chains, old.chains)]
    yield from (f"flush chain {TABLE} {name}" for name in gone)  # first all: they refer to each other
    for kind, name, _ in _declared(_added(new.maps, old.maps), _added(new.sets, old.sets)):
        yield f"delete {kind} {TABLE} {name}"
    yield from (f"delete chain {TABLE} {name}" for name in gone)


def _added(old: Mapping[str, T], new: Mapping[str, T]) -> list[tuple[str, T]]:
    return [(name, value) for name, value in new.items() if name not in old]


def _declared(*groups: Iterable[tuple[str, Set | VerdictMap]]) -> Iterator[tuple[str, str, Set | VerdictMap]]:
    for group in groups:
        for name, kept in group:
            yield ("map" if isinstance(kept, VerdictMap) else "set", name, kept)


def _set_elements(old: Ruleset, new: Ruleset) -> Iterator[str]:
    nothing: frozenset[str] = frozenset()
    for name, kept in new.sets.items():
        before = old.sets[name].elements if name in old.sets else nothing
        yield from _elements("delete", name, sorted(before - kept.elements))
        yield from _elements("add", name, sorted(kept.elements - before))


def _map_elements(old: Ruleset, new: Ruleset) -> Iterator[str]:
    for name, mapping in new.maps.items():
        before = dict(old.maps[name].elements) if name in old.maps else {}
        after = dict(mapping.elements)
        yield from _elements("delete", name, (key for key in before if before[key] != after.get(key)))
        yield from _elements("add", name, (f"{k} : {v}" for k, v in after.items() if before.get(k) != v))
    for name, mapping in old.maps.items():
        if name not in new.maps:
            yield from _elements("delete", name, mapping.elements)


def _elements(verb: str, name: str, elements: Iterable[str]) -> Iterator[str]:
    if text := ", ".join(elements):
        yield f"{verb} element {TABLE} {name} {{ {text} }}"
