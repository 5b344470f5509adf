"""``watch`` of a scenario -> model, checked against what exists at the step that is watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from probe.model.cell import Cell, Expectation, Family, Path
from probe.model.errors import Problem
from probe.model.fleet import External, Pod
from probe.model.plan import PlannedCell
from probe.model.scenario import Rule, Step, Watching
from probe.model.watch import Budget
from probe.scenario.document import Place
from probe.scenario.expect import Scene, build_rule
from probe.scenario.format.strict import kept
from probe.scenario.format.watching import WatchSpec
from probe.scenario.pairs import Pairs, rule_of
from probe.scenario.plan import plan_cells
from probe.scenario.references import item_place
from probe.scenario.suggest import suggest

ANY = Rule((), (), (), Expectation.EITHER)
"""Chooses a connection to each allowed cell."""

NOTHING_ALLOWED = ("none of these cells is expected to be allowed", "connections are held to allowed cells")
_SHORTEST_HEARTBEAT, _LONGEST_HEARTBEAT = 0.02, 2.0


def build_watching(spec: WatchSpec, place: Place, problems: list[Problem]) -> Watching:
    """What it says but for connections."""
    if (mistake := heartbeat_mistake(spec.heartbeat)) is not None:
        problems.append(place.child("heartbeat").problem(mistake))
    stated = {key: value for key in Watching.__dataclass_fields__ if (value := getattr(spec, key, None)) is not None}
    bounds = {
        key: value for key in Budget.__dataclass_fields__ if (value := getattr(spec, f"max_{key}", None)) is not None
    }
    return Watching(**{**stated, "budget": Budget(**bounds), "connections": ()})


def heartbeat_mistake(seconds: float | None) -> str | None:
    """What is wrong with a heartbeat: between two that are far apart a connection could be cut unseen."""
    fits = seconds is None or _SHORTEST_HEARTBEAT <= seconds <= _LONGEST_HEARTBEAT
    return None if fits else f"must be from {_SHORTEST_HEARTBEAT * 1000:g}ms to {_LONGEST_HEARTBEAT:g}s"


def is_watched(spec: WatchSpec, name: str, last: bool) -> bool:
    """Whether the step of that name is the one that is watched."""
    return last if spec.step is None else name == spec.step


def step_problem(spec: WatchSpec, place: Place, names: Sequence[str]) -> Iterator[Problem]:
    """The mistake of a step that there is not."""
    if spec.step is not None and spec.step not in names:
        yield place.child("step").problem(f'there is no step "{spec.step}"', suggest(spec.step, names))


def build_connections(
    spec: WatchSpec, place: Place, scene: Scene, step: Step, problems: list[Problem]
) -> tuple[Rule, ...]:
    """The rules that choose connections; ``scene`` is that of the watched ``step``."""
    ways = tuple(way for way in scene.ways if way.path is not Path.DNS)
    held = replace(scene, selection=replace(scene.selection, include_self=False), ways=ways, leaves_open=False)
    pods = tuple(scene.world.pods.values())
    cells = plan_cells(step, pods, scene.world.externals, [*Family])
    rules = []
    for index, connection in kept(spec.connections):
        at = item_place(place, index)
        before = len(problems)
        rule = build_rule(rule_of(connection), at, held, problems)
        rules.append(rule)
        sound = len(problems) == before and not scene.world.doubts.names and not scene.damage
        if sound and not any(may_be_held(cells, rule, pods, scene.world.externals)):
            problems.append(at.problem(*NOTHING_ALLOWED))
    return tuple(rules)


def may_be_held(
    cells: Sequence[PlannedCell], rule: Rule, pods: Sequence[Pod], externals: Sequence[External]
) -> Iterator[Cell]:
    """The cells to which a rule wants connections, but for those of which it is known that they are not allowed."""
    pairs = Pairs([rule], pods, externals)
    for item in cells:
        undecided = item.computed and item.expectation is Expectation.EITHER
        possible = item.expectation is Expectation.ALLOW or undecided
        if possible and item.cell.path is not Path.DNS and not item.cell.is_self and pairs.matching(item.cell):
            yield item.cell
