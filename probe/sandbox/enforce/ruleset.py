"""A node's rules as data: sets, verdict maps and chains of one nftables table, and the script that installs them.

Data rather than text, so that a change can be applied as the difference between two rulesets (``delta.py``), and so
that something between compiler and kernel can alter rules without parsing any.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

TABLE = "inet cni_probe"
"""Family and name of the only table that enforcement touches."""


@dataclass(frozen=True, slots=True)
class Set:
    """A named set; ``type`` as nft writes it (``ipv4_addr . inet_service``), elements as nft reads them.

    ``interval`` sets hold prefixes or ranges and must not overlap. Name them by their content (``digest``): they are
    then replaced, never changed, which spares the kernel the overlaps of old and new intervals in one transaction.
    """

    type: str
    elements: frozenset[str]
    interval: bool = False


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """A named verdict map: key to verdict (``goto chain``)."""

    type: str
    elements: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain and its rules, in order. ``hook`` makes it a base chain (nft's words: type, hook, priority)."""

    rules: tuple[str, ...]
    hook: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The whole table. References are by name; chains may refer to chains that come later."""

    sets: Mapping[str, Set] = field(default_factory=dict)
    maps: Mapping[str, VerdictMap] = field(default_factory=dict)
    chains: Mapping[str, Chain] = field(default_factory=dict)

    def script(self) -> str:
        """An nft script that replaces whatever the table held, in one transaction."""
        lines = [f"table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{", *self._body(), "}"]
        return "\n".join(lines) + "\n"

    def _body(self) -> Iterator[str]:
        for name, chain in self.chains.items():  # first, empty: verdict maps refer to them
            yield f"chain {name} {{ {chain.hook} }}" if chain.hook else f"chain {name} {{ }}"
        for name, kept in self.sets.items():
            yield f"set {name} {{ {declaration(kept)}{_elements(sorted(kept.elements))} }}"
        for name, mapping in self.maps.items():
            pairs = [f"{key} : {verdict}" for key, verdict in mapping.elements.items()]
            yield f"map {name} {{ {declaration(mapping)}{_elements(pairs)} }}"
        for name, chain in self.chains.items():
            if chain.rules:
                yield f"chain {name} {{"
                yield from chain.rules
                yield "}"


def declaration(kept: Set | VerdictMap) -> str:
    """The inside of a set's or map's block, without elements."""
    if isinstance(kept, VerdictMap):
        return f"type {kept.type} : verdict;"
    return f"type {kept.type};" + (" flags interval;" if kept.interval else "")


def _elements(elements: Collection[str]) -> str:
    return f" elements = {{ {', '.join(elements)} }};" if elements else ""


def digest(*parts: object) -> str:
    """A short name for some content: equal content, equal name."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def name_of(*parts: str) -> str:
    """A readable name from API names (``np/production/frontend/ingress``); the kernel takes at most 255 bytes."""
    name = "/".join(parts)
    if len(name) <= 128 and re.fullmatch(r"[a-z][A-Za-z0-9/.-]*", name):
        return name
    return f"{parts[0]}/{digest(parts)}"
