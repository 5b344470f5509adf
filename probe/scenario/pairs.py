"""Which cells the rules of a step mean, one by one: for connections, which are chosen by rules as expectations are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probe.model.cell import Cell, Expectation
from probe.model.fleet import External, Pod
from probe.model.scenario import Rule
from probe.scenario.format.expect import RuleSpec
from probe.scenario.format.selection import ConnectionsSpec
from probe.scenario.matching import Directory, port_matches
from probe.scenario.ways import Endpoint


def rule_of(spec: ConnectionsSpec) -> RuleSpec:
    """What chooses connections as the rule that it is checked as; its verdict means nothing."""
    return RuleSpec.model_construct(from_=spec.from_, to=spec.to, port=spec.port, path=[], verdict=Expectation.EITHER)


class Pairs:
    """Some rules, asked about cells between these pods and endpoints outside."""

    def __init__(self, rules: Iterable[Rule], pods: Sequence[Pod], externals: Sequence[External]) -> None:
        ends: list[Endpoint] = [*pods, *externals]
        origins, reachable = Directory(pods), Directory(ends)
        self._ends = reachable.endpoints
        self._rules = [(rule.ports, origins.match(rule.sources), reachable.match(rule.destinations)) for rule in rules]

    def matching(self, cell: Cell) -> list[int]:
        """The places of the rules that match a cell, in their order."""
        ports = self._ends[cell.destination].ports if cell.destination in self._ends else ()
        port = next((it for it in ports if (it.number, it.protocol) == (cell.port, cell.protocol)), None)
        if port is None:
            return []
        return [
            index
            for index, (patterns, sources, destinations) in enumerate(self._rules)
            if cell.source in sources and cell.destination in destinations and port_matches(patterns, port)
        ]
