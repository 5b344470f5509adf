"""Bringing up endpoints outside the cluster: made by the cluster where it can, else met where they are.

Their addresses are the whole cluster's, so copies of fleets that run side by side have them in common. What is made is
an endpoint for each address, with the ports that any scenario of the run wants there: claims that are equal
are one host with one identity, and never in each other's way. A port too many does no harm, since nobody tries it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from probe.cluster.deployment import Deployment
from probe.cluster.externalendpoints import create_external, offers_externals
from probe.engine.agents import Agents
from probe.engine.externals import Addressed, Endpoint, Outside, stand_ins
from probe.engine.liveness import WITNESS
from probe.model.cell import Family
from probe.model.fleet import External, Port
from probe.model.record import PodRecord
from probe.model.scenario import Scenario
from probe.scenario.plan import family_of

_MEETING_SECONDS = 3.0

OutsidePorts: TypeAlias = Mapping[str, tuple[Port, ...]]
"""What is served outside the cluster in a run, by address in its canonical form."""


def outside_ports(scenarios: Iterable[Scenario]) -> OutsidePorts:
    """The ports that scenarios want at each address, each once."""
    found: dict[str, dict[tuple[int, str], Port]] = {}
    for external in (each for scenario in scenarios for each in scenario.fleet.externals):
        for address in external.addresses:
            ports = found.setdefault(_canonical(address), {})
            ports |= {(port.number, port.protocol): Port(port.number, port.protocol) for port in external.ports}
    return {address: tuple(ports[key] for key in sorted(ports)) for address, ports in found.items()}


def _canonical(address: str) -> str:
    return str(ipaddress.ip_address(address))


@dataclass(slots=True)
class OutsideFleet:
    """The endpoints of a copy of a fleet.

    ``given``: addresses where agents run already, by endpoint name; ``namespace`` is where the cluster's own are made,
    with the ``ports`` of their addresses.
    """

    deployment: Deployment
    agents: Agents
    given: Mapping[str, Sequence[str]]
    namespace: str
    ports: OutsidePorts
    _made: dict[Addressed, str] = field(default_factory=dict)

    async def start(self, scenario: Scenario, families: Sequence[Family]) -> tuple[Outside, list[PodRecord]]:
        """Bring up what pods with ``families`` can try. Raises ClusterError, AgentLost (the witness has gone)."""
        found = stand_ins(scenario, self.given)
        endpoints: dict[Addressed, Endpoint] = {}
        async for key, responder in self._of_cluster(scenario, families):
            endpoints[key] = Endpoint(key[1], responder)
        made = {external_id for external_id, _ in endpoints}
        for (external_id, address), there in found.addresses.items():
            if family_of(there) in families:
                endpoints[external_id, address] = Endpoint(there, await self._meet(scenario, external_id, there))
        records = [
            _record(key, endpoint, self.namespace if key in self._made else "") for key, endpoint in endpoints.items()
        ]
        reasons = {key: reason for key, reason in found.reasons.items() if key[0] not in made}
        return Outside(endpoints, reasons), records

    async def _of_cluster(self, scenario: Scenario, families: Sequence[Family]) -> AsyncIterator[tuple[Addressed, str]]:
        """The endpoints that the cluster itself makes, those of which no address is given, with their identities."""
        wanted = [each for each in scenario.fleet.externals if each.name not in self.given]
        if not wanted or not (self._made or await offers_externals(self.deployment.api)):
            return
        for external in wanted:
            for number, address in enumerate(external.addresses):
                key = external.id, address
                if family_of(address) not in families:
                    continue
                if key not in self._made:
                    name = f"{external.name}.{number}" if number else external.name  # no name of an endpoint has a dot
                    one = External(name, (address,), self.ports[_canonical(address)])
                    ready = scenario.timeouts.ready
                    api, owner = self.deployment.api, self.deployment.owner
                    self._made[key] = await create_external(api, owner, one, self.namespace, ready)
                yield key, self._made[key]

    async def _meet(self, scenario: Scenario, external_id: str, address: str) -> str | None:
        """Who answers at an address; the witness asks, which no policy of the scenario selects."""
        ports = next(each.ports for each in scenario.fleet.externals if each.id == external_id)
        return await self.agents.who_answers(WITNESS.id, address, ports, _MEETING_SECONDS)


def _record(key: Addressed, endpoint: Endpoint, namespace: str) -> PodRecord:
    name = key[0].partition("/")[2]
    return PodRecord(key[0], namespace, name, endpoint.responder or "", None, [endpoint.address], {})
