"""Where the flow graph's nodes are: on an ellipse, namespace by namespace, so that edges cross the middle and no name.

Always the same for the same endpoints, whatever the step, so that two steps can be compared side by side. Small fleets
are drawn pod by pod, larger ones namespace by namespace.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from probe.report.matrix import namespace_of

MAX_PODS = 30
"""Endpoints that are still drawn one by one."""

WIDTH = 680.0
_RADIUS = 160.0
_BAND = 26.0
"""Half of the arc by which a namespace's band reaches beyond its first and last pod, in pixels."""
_GAP = 0.9
"""Space between namespaces, in pods."""
_NAME = 32.0
_LABEL = 20.0
_HORIZONTAL = 14
"""Up to so many names are written horizontally; more of them would touch, and stand along the radius."""
_HEIGHTS = {True: 470.0, False: 620.0}
"""By whether names are horizontal: those along the radius need room above and below."""


_Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Node:
    """An endpoint (or a namespace, where ``id`` is its name) and its name: at (x, y), turned by ``angle`` degrees."""

    id: str
    label: str
    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str
    angle: float


@dataclass(frozen=True, slots=True)
class Group:
    """A namespace: the path of its band, and that of its name, which has room for ``room`` pixels of text."""

    name: str
    band: str
    text: str
    room: float


@dataclass(frozen=True, slots=True)
class Layout:
    """``by_namespace``: the nodes are namespaces, and there are no groups."""

    by_namespace: bool
    height: float
    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]


def layout(ids: Iterable[str], limit: int = MAX_PODS) -> Layout:
    """Places endpoints (``namespace/name``) in the order in which they come, grouped by namespace."""
    groups: dict[str, list[str]] = {}
    for id_ in ids:
        groups.setdefault(namespace_of(id_), []).append(id_)
    if sum(map(len, groups.values())) <= limit:
        return _placed(groups)
    return replace(_placed({name: [name] for name in groups}), by_namespace=True, groups=())


def _placed(members: dict[str, list[str]]) -> Layout:
    slots = sum(map(len, members.values())) + _GAP * len(members)
    step = 2 * math.pi / max(slots, 1)
    nodes: list[Node] = []
    groups: list[Group] = []
    horizontal = sum(map(len, members.values())) <= _HORIZONTAL
    centre = WIDTH / 2, _HEIGHTS[horizontal] / 2
    at = -math.pi / 2
    for name, ids in members.items():
        angles = [at + index * step for index in range(len(ids))]
        nodes += [_node(id_, angle, centre, horizontal) for id_, angle in zip(ids, angles, strict=True)]
        groups.append(_group(name, angles, centre, min(_BAND / _RADIUS, step * (1 + _GAP) / 2.1)))
        at += (len(ids) + _GAP) * step
    return Layout(False, _HEIGHTS[horizontal], tuple(nodes), tuple(groups))


def _point(angle: float, radius: float, centre: _Point) -> _Point:
    return round(centre[0] + radius * math.cos(angle), 1), round(centre[1] + radius * math.sin(angle), 1)


def _node(id_: str, angle: float, centre: _Point, horizontal: bool) -> Node:
    x, y = _point(angle, _RADIUS, centre)
    label_x, label_y = _point(angle, _RADIUS + _LABEL + (_NAME if horizontal else _NAME - 6), centre)
    label = id_.partition("/")[2] or id_
    right, side = math.cos(angle) > -1e-9, math.cos(angle)
    if horizontal:
        anchor = "middle" if abs(side) < 0.2 else "start" if right else "end"
        return Node(id_, label, x, y, label_x, label_y, anchor, 0.0)
    turned = math.degrees(angle) if right else math.degrees(angle) + 180
    return Node(id_, label, x, y, label_x, label_y, "start" if right else "end", round(turned, 1))


def _group(name: str, angles: Sequence[float], centre: _Point, margin: float) -> Group:
    first, last = angles[0] - margin, angles[-1] + margin
    middle = (first + last) / 2
    wider = max(0.0, 0.34 - (last - first) / 2)  # a name may be longer than the band of a single pod
    upper = math.sin(middle) <= 0
    ends = (first - wider, last + wider) if upper else (last + wider, first - wider)
    radius = _RADIUS + (_NAME - 10 if upper else _NAME)  # on the lower half letters stand on the inner side
    text = _arc(*ends, radius, centre, clockwise=upper)
    return Group(
        name, _arc(first, last, _RADIUS, centre, clockwise=True), text, round(radius * abs(ends[1] - ends[0]), 1)
    )


def _arc(start: float, end: float, radius: float, centre: _Point, *, clockwise: bool) -> str:
    """An SVG path along the circle."""
    (x1, y1), (x2, y2) = _point(start, radius, centre), _point(end, radius, centre)
    large = int(abs(end - start) > math.pi)
    return f"M{x1} {y1}A{radius:g} {radius:g} 0 {large} {int(clockwise)} {x2} {y2}"
