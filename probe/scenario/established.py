"""``established``: which connections are opened before a step's changes and followed through them.

They are of the cells that the step tries, by the pods' own addresses or to endpoints outside, between ends that are
there before the changes and after them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from probe.model.cell import Expectation, Fate, Path, Via
from probe.model.errors import Problem
from probe.model.fleet import External, Pod
from probe.model.plan import PlannedCell, PlannedStep, line_of
from probe.model.scenario import Established
from probe.scenario.document import Place
from probe.scenario.expect import Scene, build_rule
from probe.scenario.format.established import EstablishedSpec
from probe.scenario.format.strict import Item, kept
from probe.scenario.matching import Directory
from probe.scenario.pairs import Pairs, rule_of
from probe.scenario.references import item_place

PATHS = (Path.POD_IP, Path.EXTERNAL)


def build_established(
    specs: Sequence[Item[EstablishedSpec]],
    place: Place,
    scene: Scene,
    before: Iterable[Pod],
    problems: list[Problem],
) -> tuple[Established, ...]:
    """What a step states; ``before``: the pods that are there before its changes. ``scene`` is as after them."""
    there = {pod.id for pod in before}
    ends = [it for it in scene.reachable.endpoints.values() if isinstance(it, External) or it.id in there]
    origins = [it for it in scene.origins.endpoints.values() if it.id in there]
    selection = replace(scene.selection, include_self=False)
    ways = tuple(way for way in scene.ways if way.path in PATHS)
    surviving = replace(
        scene, selection=selection, origins=Directory(origins), reachable=Directory(ends), ways=ways, leaves_open=False
    )
    return tuple(
        Established(build_rule(rule_of(spec), at, surviving, problems), spec.expect, spec.for_ or 0.0)
        for index, spec in kept(specs)
        for at in [item_place(place, index)]
    )


@dataclass(frozen=True, slots=True)
class HeldCell:
    """A connection to follow: its cell as a new one is judged, and what is expected of the one that was open."""

    planned: PlannedCell
    fate: Fate
    line: int | None
    seconds: float

    @property
    def expectation(self) -> Expectation:
        """The fate as a cell's expectation: open means allowed. What stays allowed must be kept."""
        if self.fate is Fate.KEPT or self.planned.expectation is Expectation.ALLOW:
            return Expectation.ALLOW
        return Expectation.DENY if self.fate is Fate.CUT else Expectation.EITHER


def held_cells(planned: PlannedStep, before: Collection[str], externals: Sequence[External]) -> Iterator[HeldCell]:
    """The connections that a step follows; ``before``: the ids of the pods that there are before its changes."""
    if not planned.step.established:
        return
    stated = planned.step.established
    pairs = Pairs((item.rule for item in stated), planned.pods, externals)
    for each in planned.cells:
        cell = each.cell
        if cell.path not in PATHS or cell.via is not Via.ONLY or cell.is_self or cell.source not in before:
            continue
        if cell.path is Path.POD_IP and cell.destination not in before:
            continue
        matching = [stated[index] for index in pairs.matching(cell)]
        if matching:
            last = matching[-1]
            yield HeldCell(each, last.expect, line_of(last.rule.location), max(it.seconds for it in matching))
