"""``start-race`` of a step -> model, checked against what exists at the step."""

from __future__ import annotations

from collections.abc import Sequence

from probe.model.cell import Expectation
from probe.model.errors import Problem
from probe.model.scenario import StartRace
from probe.model.syntax import dns_label_error
from probe.scenario.document import Place
from probe.scenario.fleet import build_ports, check_labels
from probe.scenario.format.start_race import StartRaceSpec
from probe.scenario.format.strict import Item, kept
from probe.scenario.matching import Directory
from probe.scenario.references import check_names
from probe.scenario.ways import Endpoint
from probe.scenario.world import World

SECONDS = 2.0


def build_start_race(spec: StartRaceSpec, place: Place, world: World, problems: list[Problem]) -> StartRace:
    """The race; with mistakes it is as much of it as can be understood."""
    before = len(problems)
    problems += _name_problems(spec, place, world)
    problems += check_labels(spec.labels, place.child("labels"))
    problems += check_labels(spec.relabel, place.child("relabel"))
    ports = build_ports(list(kept(spec.ports)), place.child("ports"), problems)
    fleet = [pod for pod in world.pods.values() if not pod.host_network]
    sources = _peers(spec.from_, place.child("from"), Directory(fleet), world, problems, destination=False)
    ends = Directory([*fleet, *world.externals])
    destinations = _peers(spec.to, place.child("to"), ends, world, problems, destination=True)
    if len(problems) == before and not world.doubts.names:
        problems += _nothing_tried(spec, place, destinations, ports)
    denies = spec.expect is Expectation.DENY
    for key, given, fits in (("max-window", spec.max_window, denies), ("max-wait", spec.max_wait, not denies)):
        if given is not None and not fits:
            problems.append(place.child(key).key_problem(f"says nothing where {spec.expect} is expected"))
    at_once = denies and not spec.relabel  # what is isolated is isolated before it starts
    limit = (spec.max_window if spec.max_window is not None else 0.0 if at_once else None) if denies else spec.max_wait
    race = StartRace(
        name=spec.name,
        namespace=spec.namespace,
        pods=spec.pods,
        at_once=spec.at_once or spec.pods,
        labels=dict(spec.labels),
        ports=tuple(ports),
        sources=tuple(pod.id for pod in sources),
        destinations=tuple(pod.id for pod in destinations),
        expect=spec.expect,
        limit=limit,
        relabel=dict(spec.relabel),
        reuse=spec.reuse_address,
        seconds=spec.for_ or SECONDS,
        location=place.location,
    )
    if clash := next((pod.id for pod in race.racers if pod.id in world.pods), ""):
        problems.append(place.child("name").problem(f'a pod "{clash}" exists already at this step'))
    return race


def _name_problems(spec: StartRaceSpec, place: Place, world: World) -> list[Problem]:
    found = []
    if spec.namespace not in world.namespaces and not world.doubts.about(f"{spec.namespace}/*"):
        found.append(place.child("namespace").problem(f'namespace "{spec.namespace}" does not exist at this step'))
    if error := dns_label_error(f"{spec.name}-{spec.pods}-before"):
        found.append(place.child("name").problem(f'"{spec.name}" cannot begin pods\' names: {error}'))
    return found


def _peers(
    patterns: Sequence[Item[str]],
    place: Place,
    among: Directory,
    world: World,
    problems: list[Problem],
    *,
    destination: bool,
) -> list[Endpoint]:
    named = list(kept(patterns))
    problems += check_names(named, place, world, among, destination=destination)
    return among.named([text for _, text in named]) if named else []


def _nothing_tried(
    spec: StartRaceSpec, place: Place, destinations: Sequence[Endpoint], ports: Sequence[object]
) -> list[Problem]:
    if not spec.to and not spec.from_:
        return [place.key_problem("nothing is tried", "say whom the new pods try (to), or who tries them (from)")]
    if spec.from_ and not ports:
        return [place.child("from").key_problem("the new pods serve nothing that could be tried", "give them ports")]
    idle = [pod.id for pod in destinations if not pod.ports]
    return [place.child("to").key_problem(f"{idle[0]} serves no port", "")] if idle else []
