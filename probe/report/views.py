"""Says in words over which address families and by which ways cells are alike: ``IPv4 and IPv6, by cluster-ip``.

Ways are called as scenarios call them (`probe.model.cell.WAYS`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from probe.model.cell import WAYS, Family, Path, Via
from probe.model.record import CellRecord, cell_of

View: TypeAlias = tuple[Family, str]
"""An address family and a way."""

_IMPLIED = frozenset({Path.POD_IP, Path.EXTERNAL, Path.DNS})
"""Paths that the destination tells already: each leads to destinations of its own."""

_ORDER = [f"{path}/{via}" if via else str(path) for path in Path for via in (*WAYS[path], Via.ESTABLISHED, Via.START)]


def view_of(record: CellRecord) -> View:
    """The cell's family and way."""
    return record.family, cell_of(record).way


def is_implied(way: str) -> bool:
    """Whether the way need not be said beside the destination, as long as there is no other."""
    return way in _IMPLIED


def view_words(views: Iterable[View]) -> str:
    """``IPv4``; ``IPv4 and IPv6, by pod-ip and cluster-ip``; ``IPv4, by pod-ip; IPv6, by pod-ip and node-ip``."""
    ways: dict[Family, list[str]] = {}
    for family, way in views:
        ways.setdefault(family, []).append(way)
    alike: dict[tuple[str, ...], list[Family]] = {}
    for family, found in ways.items():
        alike.setdefault(tuple(sorted(found, key=_ORDER.index)), []).append(family)
    return "; ".join(f"{listed(families)}, by {way_words(found)}" for found, families in alike.items())


def family_words(views: Iterable[View]) -> str:
    """``IPv4 and IPv6``."""
    return listed(list(dict.fromkeys(family for family, _ in views)))


def way_words(ways: Sequence[str]) -> str:
    """``pod-ip and cluster-ip``: a path alone where all its ways are meant."""
    whole = {path for path, vias in WAYS.items() if {f"{path}/{via}" for via in vias} <= set(ways)}
    return listed(list(dict.fromkeys(path if (path := way.partition("/")[0]) in whole else way for way in ways)))


def listed(words: Sequence[str], limit: int | None = None) -> str:
    """``a, b and c``; with a limit ``a, b and 7 more``."""
    if limit is not None and len(words) > limit:
        words = [*words[: limit - 1], f"{len(words) - limit + 1} more"]
    *some, last = words
    return f"{', '.join(some)} and {last}" if some else last
