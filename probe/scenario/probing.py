"""``probe`` -> a selection of cells, checked against what exists."""

from __future__ import annotations

from typing import TypeAlias

from probe.model.errors import Problem
from probe.model.scenario import Selection
from probe.scenario.document import Place
from probe.scenario.draft import Draft
from probe.scenario.fleet import build_namespaces
from probe.scenario.format.document import Spec
from probe.scenario.format.selection import ProbeSpec
from probe.scenario.format.strict import kept
from probe.scenario.matching import Directory
from probe.scenario.plan import reachable_from
from probe.scenario.references import check_names, check_paths, check_ports
from probe.scenario.world import World

Probes: TypeAlias = tuple[ProbeSpec | None, ...]
"""What several places say under ``probe``, from the general to the particular."""


def general_probes(draft: Draft, spec: Spec) -> Probes:
    """The fleet's ``probe`` and ``spec.probe``, when sound. They are for all steps: what they name must exist at
    one of them."""
    created = [step.create.namespaces for _, step in kept(spec.steps) if step.create is not None]
    unheeded: list[Problem] = []  # found again, with their places, when the steps are built
    later = [space for specs in created for space in build_namespaces(specs, draft.place, unheeded)]
    ever = World(draft.world.externals, draft.world.doubts, dict(draft.world.namespaces), dict(draft.world.pods))
    for namespace in later:
        ever.namespaces.setdefault(namespace.name, {})
        ever.pods.update({pod.id: pod for pod in namespace.pods})
    probes = [spec.fleet.probe, spec.probe, *(step.probe for _, step in kept(spec.steps))]
    asked = {path for probe in probes if probe is not None for path in selection_of(probe).paths}
    ways = Selection(paths=tuple(asked))
    fleet = draft.place.child("fleet")
    return tuple(
        sound(draft, probe, scope.child("probe"), ever, ways, shared=scope is fleet)
        for probe, scope in ((spec.fleet.probe, fleet), (spec.probe, draft.place))
    )


def sound(
    draft: Draft, spec: ProbeSpec | None, place: Place, world: World, selection: Selection, *, shared: bool = False
) -> ProbeSpec | None:
    """The ``probe`` unless it has mistakes, which are reported here and would only bring others with them.

    ``selection``: what it becomes with the others that it goes over or that go over it. ``shared``: it is for
    scenarios of many kinds, not all of which have everything that its paths lead to.
    """
    if spec is None:
        return None
    pods = tuple(world.pods.values())
    origins, reachable = Directory(pods), reachable_from(pods, world.externals, selection)
    endpoints = tuple(reachable.endpoints.values())
    found: list[Problem] = []
    for key, patterns, among in (("from", spec.from_, origins), ("to", spec.to, reachable)):
        named = list(kept(patterns or []))
        found += check_names(named, place.child(key), world, among, destination=key == "to")
    if not world.doubts.names:
        protocols = [(index, str(protocol)) for index, protocol in kept(spec.protocols or [])]
        found += check_ports(list(kept(spec.ports or [])), place.child("ports"), endpoints)
        found += check_ports(protocols, place.child("protocols"), endpoints)
        if not shared:
            found += check_paths(list(kept(spec.paths or [])), place.child("paths"), endpoints)
    draft.problems += found
    if not found:
        return spec
    draft.damage |= {place.path}
    return None


def selection_of(*probes: ProbeSpec | None) -> Selection:
    """Several ``probe``, the later over those before it, key by key."""
    specs = [spec for spec in probes if spec is not None]
    merged = {key: value for spec in specs for key, value in spec if value is not None}

    def items(key: str) -> tuple[str, ...]:
        return tuple(item for _, item in kept(merged.get(key, [])))

    return Selection(
        sources=items("from_"),
        destinations=items("to"),
        ports=items("ports"),
        protocols=tuple(item for _, item in kept(merged.get("protocols", []))),
        families=tuple(item for _, item in kept(merged.get("families", []))),
        include_self=merged.get("self_", True),
        paths=items("paths"),
    )
