"""``expect`` -> default and rules, checked against what exists at the step.

A rule that matches no cell is a mistake: it would state something that nothing ever tests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from probe.model.cell import Computed, Expectation, Stated
from probe.model.errors import Location, Problem
from probe.model.fleet import External
from probe.model.scenario import Rule, Selection
from probe.scenario.document import FieldPath, Place
from probe.scenario.format.expect import ExpectSpec, RuleSpec
from probe.scenario.format.strict import kept
from probe.scenario.matching import Directory, matching_ports, port_matches
from probe.scenario.plan import family_of, reachable_from, speaks_from_host, speaks_of_self
from probe.scenario.references import check_names, check_ports, name_mistake, served
from probe.scenario.table import Entry, Table, Token, parse_table
from probe.scenario.ways import Endpoint, Way, is_glob, selected_ways, way_matches, ways_to
from probe.scenario.world import World


@dataclass(frozen=True, slots=True)
class Scene:
    """What an expectation is about: who is there at the step, and which cells are tried.

    ``leaves_open``: whether the API may leave any of them open. ``damage``: what was taken out of the document.
    """

    world: World
    selection: Selection
    origins: Directory
    reachable: Directory
    ways: tuple[Way, ...]
    leaves_open: bool
    damage: Collection[FieldPath] = ()

    @classmethod
    def of(cls, world: World, selection: Selection, damage: Collection[FieldPath] = ()) -> Scene:
        """The scene of the world as it is now."""
        pods = list(world.pods.values())
        reachable, ways = reachable_from(pods, world.externals, selection), selected_ways(selection.paths)
        leaves_open = any(pod.host_network for pod in pods) or not all(way.is_direct for way in ways)
        return cls(world, selection, Directory(pods), reachable, ways, leaves_open, damage)

    def selected_sources(self, patterns: Sequence[str]) -> frozenset[str]:
        """Sources that the patterns mean and ``probe`` selects."""
        return self.origins.match(patterns) & self.origins.match(self.selection.sources)

    def selected_destinations(
        self, patterns: Sequence[str], ports: Sequence[str], paths: Sequence[str] = ()
    ) -> frozenset[str]:
        """Destinations that the patterns mean, ``probe`` selects, and that have a port to try on a way to them."""
        chosen = self.reachable.match(patterns) & self.reachable.match(self.selection.destinations)
        return frozenset(
            id for id in chosen if self._served(self.reachable.endpoints[id], ports) and any(self.ways_to(id, paths))
        )

    def ways_to(self, destination: str, paths: Sequence[str]) -> list[Way]:
        """The ways to a destination that are tried and that the patterns mean."""
        return [way for way in ways_to(self.reachable.endpoints[destination], self.ways) if way_matches(paths, way)]

    def _served(self, endpoint: Endpoint, ports: Sequence[str]) -> bool:
        families = self.selection.families
        if (
            isinstance(endpoint, External)
            and families
            and endpoint.addresses  # none: those that were written are wrong
            and not any(family_of(a) in families for a in endpoint.addresses)
        ):
            return False
        tried = matching_ports(self.selection.ports, self.selection.protocols, endpoint)
        return any(port_matches(ports, port) for port in tried)

    def has_cells(self) -> bool:
        """Whether anything is tried at all."""
        sources, destinations = self.selected_sources(()), self.selected_destinations((), ())
        alone = len(sources) == 1 and sources == destinations
        return bool(sources and destinations) and (self.selection.include_self or not alone)


def build_expectation(spec: ExpectSpec, place: Place, scene: Scene, problems: list[Problem]) -> tuple[Rule, ...]:
    """The rules, those of the table first. One with a mistake speaks of all that it may have been meant to."""
    rules: list[Rule] = []
    if spec.table is not None:
        before = len(problems)
        rules += _table_rules(spec.table, place.child("table"), scene, problems)
        if len(problems) > before:
            rules.append(make_rule((), (), (), Expectation.EITHER, place.child("table").location))
    for index, rule_spec in kept(spec.rules):
        rules.append(build_rule(rule_spec, place.child("rules", index), scene, problems))
    return tuple(rules)


def build_rule(spec: RuleSpec, place: Place, scene: Scene, problems: list[Problem]) -> Rule:
    """One rule. With a mistake it speaks of all that it may have been meant to."""
    sources, destinations, ports = list(kept(spec.from_)), list(kept(spec.to)), list(kept(spec.port))
    rule = replace(
        make_rule(
            tuple(text for _, text in sources),
            tuple(text for _, text in destinations),
            tuple(text for _, text in ports),
            spec.verdict,
            place.location,
        ),
        paths=tuple(text for _, text in kept(spec.path)),
    )
    world = scene.world
    doubts = world.doubts
    wrong_from = list(check_names(sources, place.child("from"), world, scene.origins, destination=False))
    wrong_to = list(check_names(destinations, place.child("to"), world, scene.reachable, destination=True))
    wrong_port: list[Problem] = []
    if not wrong_to and not doubts.about_any(rule.destinations):
        wrong_port = list(check_ports(ports, place.child("port"), scene.reachable.named(rule.destinations)))
    problems += (*wrong_from, *wrong_to, *wrong_port)
    if wrong_from or wrong_to or wrong_port:
        return replace(
            rule,
            sources=() if wrong_from else rule.sources,
            destinations=() if wrong_to else rule.destinations,
            ports=() if wrong_port or wrong_to else rule.ports,
        )
    if not doubts.about_any(rule.sources) and not doubts.about_any(rule.destinations):
        damaged = any(path[: len(place.path)] == place.path for path in scene.damage)  # perhaps it had a path
        mistake = no_cell(rule, scene) or (None if damaged else decides_nothing(rule, scene))
        if mistake:
            problems.append(place.problem(*mistake))
            return replace(rule, sources=(), destinations=(), ports=(), paths=())
    return rule


def make_rule(
    sources: tuple[str, ...],
    destinations: tuple[str, ...],
    ports: tuple[str, ...],
    verdict: Stated,
    location: Location,
) -> Rule:
    """A rule; ``exact`` when both ends are written out."""
    exact = bool(sources and destinations) and not any(map(is_glob, (*sources, *destinations)))
    return Rule(sources, destinations, ports, verdict, location, exact)


def no_cell(rule: Rule, scene: Scene) -> tuple[str, str] | None:
    """Why a rule whose names are all right matches no cell; None when it matches one."""
    sources = scene.selected_sources(rule.sources)
    destinations = scene.selected_destinations(rule.destinations, rule.ports, rule.paths)
    if not sources:
        return "the rule matches no cell: probe.from leaves out its sources", ""
    if not destinations:
        named = scene.reachable.match(rule.destinations) & scene.reachable.match(scene.selection.destinations)
        if named:
            return _untried(rule, scene, named)
        return "the rule matches no cell: probe.to leaves out its destinations", ""
    if len(sources) == 1 and sources == destinations:
        (pod,) = sources
        if not scene.selection.include_self:
            return f"the rule matches no cell: probe.self leaves out {pod} to itself", ""
        if not speaks_of_self(rule, pod):
            return f"the rule matches only {pod} to itself, which is always allowed", "name the pod at both ends"
    return None


def _untried(rule: Rule, scene: Scene, destinations: Iterable[str]) -> tuple[str, str]:
    """Why nothing that a rule says of these destinations is tried."""
    tried = [way for way in scene.ways if any(way in scene.ways_to(id, ()) for id in destinations)]
    if not tried:
        return "the rule matches no cell: probe.paths has no way to its destinations", ""
    if not any(way_matches(rule.paths, way) for way in tried):
        return "the rule matches no cell: its paths are not tried", f"tried there: {', '.join(map(str, tried))}"
    return "the rule matches no cell: its ports or addresses are not tried", served(
        scene.reachable.named(rule.destinations)
    )


def decides_nothing(rule: Rule, scene: Scene) -> tuple[str, str] | None:
    """Why a rule without a path decides none of the cells that it matches: the API leaves all of them open."""
    if rule.paths or rule.verdict in (Expectation.EITHER, Computed.COMPUTED) or not scene.leaves_open:
        return None
    sources = scene.selected_sources(rule.sources)
    pods = [scene.world.pods[id] for id in sources]
    if not any(not pod.host_network or speaks_from_host(rule, pod) for pod in pods):
        return "the API leaves open what policies do to pods with hostNetwork", "call the source by name, or add a path"
    destinations = scene.selected_destinations(rule.destinations, rule.ports)
    ways = {way for id in destinations if not _on_host(id, scene) for way in scene.ways_to(id, ())}
    if all(way.path.rewrites_source for way in ways):
        tried = sorted({str(way.path) for id in destinations for way in scene.ways_to(id, ())})
        return f"the API leaves open what policies do by {' and '.join(tried)}", f"add a path ({', '.join(tried)})"
    if len(sources) == 1 and sources == destinations and not any(way.is_direct for way in ways):
        return "the API leaves open whether a pod reaches itself through a service", "add a path"
    return None


def _on_host(destination: str, scene: Scene) -> bool:
    return destination in scene.world.pods and scene.world.pods[destination].host_network


# --- truth tables --------------------------------------------------------------------------------------------------


def _table_rules(text: str, place: Place, scene: Scene, problems: list[Problem]) -> Iterator[Rule]:
    if place.path not in place.document.literals:
        problems.append(place.problem("a truth table must be a literal block", "write table: | and indent the lines"))
        return
    table = parse_table(text)
    reader = _TableChecker(table, place, scene, problems)
    reader.check()
    yield from (reader.rule(entry) for entry in table.entries)


@dataclass(frozen=True, slots=True)
class _TableChecker:
    table: Table
    place: Place
    scene: Scene
    problems: list[Problem]

    def check(self) -> None:
        for token, mistake in self.table.mistakes:
            self._report(token, mistake)
        wrong = {token.text for token in self._wrong_names()} | {token.text for token in self._wrong_ports()}
        for entry in self.table.entries:
            if not wrong & {entry.ports.text, entry.source.text, entry.destination.text}:
                self._check_entry(entry)

    def rule(self, entry: Entry) -> Rule:
        location = self.place.text_location(entry.word.line, entry.word.column)
        source, destination = (entry.source.text,), (entry.destination.text,)
        return make_rule(source, destination, _port_patterns(entry.ports), entry.verdict, location)

    def _report(self, token: Token, mistake: tuple[str, str]) -> None:
        location = self.place.text_location(token.line, token.column)
        self.problems.append(Problem(location, self.place.field, *mistake))

    def _wrong_names(self) -> Iterator[Token]:
        scene = self.scene
        ends = ((self.table.sources, scene.origins, False), (self.table.destinations, scene.reachable, True))
        for tokens, among, destination in ends:
            for token in tokens:
                mistake = name_mistake(token.text, scene.world, among, destination=destination)
                if mistake:
                    self._report(token, mistake)
                    yield token

    def _wrong_ports(self) -> Iterator[Token]:
        for token in self.table.ports:
            for pattern in _port_patterns(token):
                if not self._served(pattern):
                    self._report(token, (f"nobody serves {pattern}", "begin with 80/TCP, UDP, a port's name, or *"))
                    yield token

    def _served(self, pattern: str) -> bool:
        """Whether anybody may serve a port; what is in doubt may."""
        return bool(self.scene.world.doubts.names or self.scene.selected_destinations((), (pattern,)))

    def _check_entry(self, entry: Entry) -> None:
        rule, doubts = self.rule(entry), self.scene.world.doubts
        diagonal = rule.sources == rule.destinations  # a word there may stand for the table's looks
        doubtful = doubts.about_any(rule.sources) or doubts.about_any(rule.destinations)
        if diagonal or doubtful:
            return
        if no_cell(rule, self.scene) is None:
            mistake = decides_nothing(rule, self.scene)
            if mistake:
                self._report(entry.word, (mistake[0], "write ? or - here, or a rule with a path"))
            return
        message = f"{rule.sources[0]} -> {rule.destinations[0]} is not tried on {', '.join(rule.ports) or 'a port'}"
        hint = f"write - here; {served(self.scene.reachable.named(rule.destinations))}"
        self._report(entry.word, (message, hint))


def _port_patterns(token: Token) -> tuple[str, ...]:
    return () if token.text == "*" else tuple(part for part in token.text.split(",") if part)
