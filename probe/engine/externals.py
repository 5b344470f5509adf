"""Endpoints outside the cluster: which address stands for the scenario's, and why none does.

The embedded cluster makes endpoints at the very addresses that a scenario names. On other clusters somebody runs an
agent outside and says where (``--external vault=192.0.2.10``). Its address is another one, which is only the same
experiment if the scenario's policies cannot tell the two apart: every ``ipBlock`` and ``except`` has both or neither.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from probe.model.actions import Apply
from probe.model.cell import Cell
from probe.model.fleet import External
from probe.model.scenario import Scenario
from probe.scenario.plan import family_of

Addressed: TypeAlias = tuple[str, str]
"""An endpoint's id and one of the addresses that the scenario gives it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an endpoint is dialled, and what it calls itself (None: nobody has answered there as an agent does)."""

    address: str
    responder: str | None


@dataclass(frozen=True, slots=True)
class Outside:
    """The endpoints that a scenario has, and why it has others not."""

    endpoints: Mapping[Addressed, Endpoint] = field(default_factory=dict)
    reasons: Mapping[Addressed, str] = field(default_factory=dict)

    def endpoint(self, cell: Cell) -> Endpoint | None:
        """The endpoint that an external cell leads to, if there is one."""
        return self.endpoints.get((cell.destination, cell.address or ""))

    def reason(self, cell: Cell) -> str:
        """Why there is none."""
        return self.reasons.get(
            (cell.destination, cell.address or ""), "this cluster has no such endpoint outside of it"
        )


@dataclass(frozen=True, slots=True)
class StandIns:
    """``addresses`` are what to dial for an endpoint's address, ``reasons`` why there is nothing to dial."""

    addresses: Mapping[Addressed, str]
    reasons: Mapping[Addressed, str]


def stand_ins(scenario: Scenario, given: Mapping[str, Sequence[str]]) -> StandIns:
    """Match the scenario's addresses with the ``given`` ones (by endpoint name), in order within each family."""
    blocks = tuple(dict.fromkeys(_blocks(scenario)))
    addresses: dict[Addressed, str] = {}
    reasons: dict[Addressed, str] = {}
    for external in scenario.fleet.externals:
        for address, there in _matched(external, given.get(external.name, ())):
            key = external.id, address
            if there is None:
                reasons[key] = _missing(external, address, given)
            elif block := next((each for each in blocks if _contains(each, address) != _contains(each, there)), None):
                side = "in" if _contains(block, address) else "not in"
                reasons[key] = (
                    f"{there} cannot stand for {address}, which is {side} {block}: a policy of the scenario would "
                    "treat it differently; give the agent an address that fits"
                )
            else:
                addresses[key] = there
    return StandIns(addresses, reasons)


def _matched(external: External, given: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each address of the endpoint with the one that stands for it."""
    left = list(given)
    for address in external.addresses:
        there = next((each for each in left if family_of(each) is family_of(address)), None)
        if there is not None:
            left.remove(there)
        yield address, there


def _missing(external: External, address: str, given: Mapping[str, Sequence[str]]) -> str:
    if external.name not in given:
        return (
            f"this cluster has no endpoint {external.name} outside of it: run an agent there, "
            f"and name it with --external {external.name}=ADDRESS"
        )
    return f"--external {external.name} gives no {family_of(address)} address to stand for {address}"


def _blocks(scenario: Scenario) -> Iterator[str]:
    """Every CIDR that a policy of the scenario names."""
    for step in scenario.steps:
        for action in step.actions:
            if isinstance(action, Apply):
                yield from _cidrs(action.manifest.get("spec"))


def _cidrs(value: Any) -> Iterable[str]:
    """The CIDRs of all ``ipBlock``s below a part of a manifest."""
    if isinstance(value, list):
        for item in value:
            yield from _cidrs(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key == "ipBlock" and isinstance(item, Mapping):
                yield str(item.get("cidr"))
                yield from map(str, item.get("except") or ())
            else:
                yield from _cidrs(item)


def _contains(block: str, address: str) -> bool:
    network, ip = ipaddress.ip_network(block, strict=False), ipaddress.ip_address(address)
    return network.version == ip.version and ip in network
