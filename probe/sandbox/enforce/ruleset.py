"""A node's rules as data: the sets, verdict maps and chains of one nftables table.

Data rather than text, so that a change can be applied as the difference between two rulesets (``table.py``), and so
that something between compiler and kernel can alter rules without parsing any.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

TABLE = "inet cni_probe"
"""Family and name of the only table that enforcement touches."""


@dataclass(frozen=True, slots=True)
class Set:
    """A set; ``type`` as nft writes it (``ipv4_addr . inet_service``), elements as nft reads them. The elements of an
    ``interval`` set are prefixes or ranges that do not overlap."""

    type: str
    elements: frozenset[str]
    interval: bool = False


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """A verdict map: key to verdict (``goto chain``)."""

    type: str
    elements: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain and its rules, in order. ``hook`` makes it a base chain (nft's words: type, hook, priority)."""

    rules: tuple[str, ...]
    hook: str = ""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The whole table. References are by name; chains may refer to chains that come later.

    Sets and maps are named by their content (``Draft.add_set``, ``Draft.add_map``): under one name they never change.
    """

    sets: Mapping[str, Set] = field(default_factory=dict)
    maps: Mapping[str, VerdictMap] = field(default_factory=dict)
    chains: Mapping[str, Chain] = field(default_factory=dict)


def content(kept: Set | VerdictMap) -> str:
    """The inside of a set's or map's block."""
    if isinstance(kept, VerdictMap):
        declared = f"type {kept.type} : verdict;"
        elements = [f"{key} : {verdict}" for key, verdict in kept.elements.items()]
    else:
        declared = f"type {kept.type};" + (" flags interval;" if kept.interval else "")
        elements = sorted(kept.elements)
    return f"{declared} elements = {{ {', '.join(elements)} }};" if elements else declared


def digest(*parts: str) -> str:
    """A short name for some content: equal content, equal name."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def name_of(*parts: str) -> str:
    """A readable name from API names (``np/production/frontend/ingress``); the kernel takes at most 255 bytes."""
    name = "/".join(parts)
    if len(name) <= 128 and re.fullmatch(r"[a-z][A-Za-z0-9/.-]*", name):
        return name
    return f"{parts[0]}/{digest(*parts)}"
