"""Bringing up a scenario's endpoints outside the cluster: made by the cluster where it can, else met where they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from probe.cluster.deployment import Deployment, offers_externals
from probe.engine.agents import Agents
from probe.engine.externals import Addressed, Endpoint, Outside, stand_ins
from probe.engine.liveness import WITNESS
from probe.model.cell import Family
from probe.model.record import PodRecord
from probe.model.scenario import External, Scenario
from probe.scenario.plan import family_of

_MEETING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class OutsideFleet:
    """The endpoints of a scenario, about to be brought up.

    ``given``: addresses where agents run already, by endpoint name; ``namespace`` is where the cluster's own are made.
    """

    scenario: Scenario
    deployment: Deployment
    agents: Agents
    given: Mapping[str, Sequence[str]]
    namespace: str

    async def start(self, families: Sequence[Family]) -> tuple[Outside, list[PodRecord]]:
        """Bring up what pods with ``families`` can try. Raises ClusterError, AgentLost (the witness has gone)."""
        found = stand_ins(self.scenario, self.given)
        endpoints: dict[Addressed, Endpoint] = {}
        records: list[PodRecord] = []
        made: set[str] = set()
        async for external, record in self._made(families):
            made.add(external.id)
            records.append(record)
            endpoints |= {(external.id, address): Endpoint(address, record.uid) for address in external.addresses}
        for (external_id, address), there in found.addresses.items():
            if family_of(there) in families:
                endpoints[external_id, address] = Endpoint(there, await self._meet(external_id, there))
        records += [_record(key, endpoint) for key, endpoint in endpoints.items() if key[0] not in made]
        reasons = {key: reason for key, reason in found.reasons.items() if key[0] not in made}
        return Outside(endpoints, reasons), records

    async def _made(self, families: Sequence[Family]) -> AsyncIterator[tuple[External, PodRecord]]:
        """The endpoints that the cluster itself makes, those of which no address is given."""
        wanted = [each for each in self.scenario.fleet.externals if each.name not in self.given]
        if not wanted or not await offers_externals(self.deployment.api):
            return
        for external in (reachable(each, families) for each in wanted):
            if external.addresses:
                ready = self.scenario.timeouts.ready
                responder = await self.deployment.create_external(external, self.namespace, ready)
                addresses = list(external.addresses)
                yield external, PodRecord(external.id, self.namespace, external.name, responder, None, addresses, {})

    async def _meet(self, external_id: str, address: str) -> str | None:
        """Who answers at an address; the witness asks, which no policy of the scenario selects."""
        ports = next(each.ports for each in self.scenario.fleet.externals if each.id == external_id)
        return await self.agents.who_answers(WITNESS.id, address, ports, _MEETING_SECONDS)


def reachable(external: External, families: Sequence[Family]) -> External:
    """The endpoint with only those addresses that pods with ``families`` can try."""
    return replace(external, addresses=tuple(each for each in external.addresses if family_of(each) in families))


def _record(key: Addressed, endpoint: Endpoint) -> PodRecord:
    name = key[0].partition("/")[2]
    return PodRecord(key[0], "", name, endpoint.responder or "", None, [endpoint.address], {})
