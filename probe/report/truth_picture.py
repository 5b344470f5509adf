"""The truth table for people at a terminal: matrices of what is allowed, then what goes in and out of the cluster.

A place says which ports are allowed; where that takes too much room it is a letter that is explained below; and where
pods are too many, namespaces stand for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from string import ascii_letters

from probe.policy.matrix import Outside, Ports, Truth
from probe.policy.rules import Direction
from probe.report.draw import Grid, draw
from probe.report.matrix import namespace_of
from probe.report.render import RenderOptions
from probe.report.symbols import MIXED
from probe.report.text import NO_BREAK, Paint, safe, wrapped
from probe.report.truth_words import ALL, NOTHING, UNDEFINED, address_words, ports_words
from probe.report.views import listed

SELF_NOTE = "a workload to itself: from one of its pods to another (a pod always reaches its own address)"

_BANDS = 3
_MAX_BLOCKS = 6
_NARROWEST = 3
"""Columns of text that a place takes at least, with the gap beside it."""

_MEANINGS = {NOTHING: "nothing", UNDEFINED: "undefined (explain says why)", MIXED: "not all the same"}
_COLOURS = {ALL: "green", NOTHING: "cyan", ".": "green", MIXED: "yellow"}
_PREPOSITIONS = {Direction.INGRESS: "from", Direction.EGRESS: "to"}


def render(truths: Sequence[Truth], focused: frozenset[int], options: RenderOptions) -> str:
    """Everything, as lines within the width."""
    lines: list[str] = []
    for families, parts in _alike(truths, focused):
        if len(truths) > 1:
            lines += [", ".join(families), ""]
        for part in parts:
            lines += [*part.draw(options.width, Paint(options.colour)), ""]
    if any(pod.workload for pod in truths[0].pods):
        lines += [*wrapped(SELF_NOTE, options.width), ""]
    for truth in truths:
        suffix = f", {truth.family}" if len(truths) > 1 else ""
        for direction in Direction:
            lines += [f"{direction} {_PREPOSITIONS[direction]} addresses outside the cluster{suffix}"]
            lines += [*_outside(truth, direction, sorted(focused), options.width), ""]
    return "\n".join(lines[:-1]) + "\n"


def parts_of(truth: Truth, focused: frozenset[int]) -> list[Part]:
    """All pods by all pods; with a focus what goes from it, and what goes to it from others."""
    everybody = list(range(len(truth.pods)))
    inside = sorted(focused)
    if len(inside) == len(everybody):
        return [_part(truth, everybody, everybody)]
    others = [pod for pod in everybody if pod not in focused]
    return [_part(truth, inside, everybody), _part(truth, others, inside)]


@dataclass(frozen=True, slots=True)
class Part:
    """A matrix of words."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    picture: list[list[str]]

    def draw(self, width: int, paint: Paint) -> list[str]:
        """The matrix in the most telling way that fits."""
        if len(self.columns) * _NARROWEST <= width * _BANDS:
            for drawn in (self._in_words(width, paint), self._in_letters(width, paint)):
                if drawn:
                    return drawn
        folded = self._by_namespace()
        drawn = folded._in_words(width, paint) or folded._in_letters(width, paint)
        size = f"{len(self.rows)} x {len(self.columns)}"
        if drawn is None:
            return wrapped(f"{size} is too large to draw in this width: --focus shows a part, -o json has all", width)
        return [f"{size}, by namespace:", *drawn]

    def _in_words(self, width: int, paint: Paint) -> list[str] | None:
        drawn = draw(self.rows, self.columns, [Grid("", self.picture, _colour)], width, paint)
        used = {sign for line in self.picture for word in line for sign in _signs(word)}
        return drawn and [*drawn, *_key({sign: text for sign, text in _MEANINGS.items() if sign in used}, width)]

    def _in_letters(self, width: int, paint: Paint) -> list[str] | None:
        """A symbol for each word, with all of them explained; None if there are not enough letters."""
        words = list(dict.fromkeys(word for line in self.picture for word in line))
        known = {ALL: ".", **{word: word for word in _MEANINGS}}
        others = [word for word in words if word not in known]
        if len(others) > len(ascii_letters):
            return None
        symbols = known | dict(zip(others, ascii_letters, strict=False))
        picture = [[symbols[word] for word in line] for line in self.picture]
        drawn = draw(self.rows, self.columns, [Grid("", picture, _colour)], width, paint, bands=_BANDS)
        meanings = {symbols[word]: _MEANINGS.get(word, word) for word in (*known, *others) if word in words}
        return drawn and [*drawn, *_key(meanings, width)]

    def _by_namespace(self) -> Part:
        rows, columns = (tuple(dict.fromkeys(map(namespace_of, ids))) for ids in (self.rows, self.columns))
        spaces = [namespace_of(column) for column in self.columns]
        seen: dict[tuple[str, str], set[str]] = {}
        for row, line in zip(self.rows, self.picture, strict=True):
            for space, word in zip(spaces, line, strict=True):
                seen.setdefault((namespace_of(row), space), set()).add(word)
        picture = [[_common(seen[row, column]) for column in columns] for row in rows]
        return Part(rows, columns, picture)


def _common(words: set[str]) -> str:
    return next(iter(words)) if len(words) == 1 else MIXED


def _part(truth: Truth, sources: Sequence[int], destinations: Sequence[int]) -> Part:
    known: dict[Ports, str] = {}
    picture: list[list[str]] = []
    for source in sources:
        row = [pair.ports for pair in truth.pairs(source)]
        found = (row[destination] for destination in destinations)
        picture.append([known.get(ports) or known.setdefault(ports, ports_words(ports)) for ports in found])
    rows, columns = ([truth.pods[number].id for number in numbers] for numbers in (sources, destinations))
    return Part(tuple(rows), tuple(columns), picture)


def _alike(truths: Sequence[Truth], focused: frozenset[int]) -> Iterator[tuple[list[str], list[Part]]]:
    """Families with their matrices; those that look the same together."""
    found: list[tuple[list[str], list[Part]]] = []
    for truth in truths:
        parts = parts_of(truth, focused)
        same = next((families for families, others in found if others == parts), None)
        if same is None:
            found.append(([truth.family], parts))
        else:
            same.append(truth.family)
    yield from found


def _signs(word: str) -> set[str]:
    """What of a word needs an explanation."""
    return {word, UNDEFINED} if UNDEFINED in word else {word}


def _colour(word: str) -> str:
    return "yellow" if UNDEFINED in word else _COLOURS.get(word, "")


def _key(meanings: dict[str, str], width: int) -> list[str]:
    told = (f"{symbol}{NO_BREAK}{text.replace(' ', NO_BREAK)}" for symbol, text in meanings.items())
    return wrapped("  ".join(told), width) if meanings else []


# --- outside the cluster -------------------------------------------------------------------------------------------


def _outside(truth: Truth, direction: Direction, pods: Sequence[int], width: int) -> Iterator[str]:
    """Pods with what they have to do with the outside; those of which the same is true together."""
    alike: dict[str, list[str]] = {}
    for pod in pods:
        alike.setdefault(outside_words(truth, pod, direction), []).append(truth.pods[pod].id)
    for said, names in alike.items():
        yield from wrapped(safe(f"{said}: {', '.join(names)}"), width, "  ", "    ")


def outside_words(truth: Truth, pod: int, direction: Direction) -> str:
    """``443/TCP to 203.0.113.0/24``; ``nothing``."""
    told = (
        f"{ports_words(group.ports)} {_PREPOSITIONS[direction]} {_blocks(truth, group)}"
        for group in truth.outside(pod, direction)
        if group.ports.allowed or group.ports.undefined
    )
    return "; ".join(told) or "nothing"


def _blocks(truth: Truth, group: Outside) -> str:
    return address_words(group.ranges, truth.ranges, partial(listed, limit=_MAX_BLOCKS))
