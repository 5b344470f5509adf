"""A disagreement as a YAML document that has all it takes to see it again; once settled, it is kept as a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from probe.model.cell import Family, Protocol
from probe.policy.decision import Answer
from tests.policy.generate.words import PortSpec
from tests.policy.generate.worlds import PodSpec, World
from tests.sandbox.differential.cells import Case, Cell
from tests.sandbox.differential.fleet import Disagreement

UNSETTLED = "to be settled by the text of the API"


@dataclass(frozen=True, slots=True)
class Kept:
    """A case, the cell that it is about, and what the API says there."""

    case: Case
    cell: Cell
    answer: Answer


def dump(found: Disagreement) -> str:
    """The document. ``meant`` is left to whoever settles it: allow, deny or undefined."""
    case, cell = found.case, found.cell
    ends = {"from": cell.source, "to": cell.destination}
    document = {
        "oracle": f"{found.answer.value}: {found.why}",
        "packets": found.outcome.value,
        "meant": UNSETTLED,
        "cell": {
            **ends,
            "port": f"{cell.port}/{cell.protocol.value}",
            "family": cell.family.value,
            "throughService": cell.through_service,
        },
        "ports": [f"{number}/{protocol.value}" for number, protocol in case.ports],
        "namespaces": {name: dict(labels) for name, labels in case.world.namespaces.items()},
        "pods": [_dump_pod(pod, case.slots.get(pod.id)) for pod in case.world.pods],
        "policies": list(case.policies),
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120)


class _Dumper(yaml.SafeDumper):
    """Spells things out where they occur twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dump_pod(pod: PodSpec, slot: tuple[int, int] | None) -> dict[str, Any]:
    return {
        "id": pod.id,
        "labels": dict(pod.labels),
        "ports": [f"{number}/{protocol}{f' {name}' if name else ''}" for number, protocol, name in pod.ports],
        "node": pod.node,
        **({"hostNetwork": True} if slot is None else {"slot": slot[1]}),
    }


def load(text: str) -> Kept:
    """Read a settled document back."""
    document: Mapping[str, Any] = yaml.safe_load(text)
    pods = tuple(map(_load_pod, document["pods"]))
    slots = {each["id"]: (each["node"], each["slot"]) for each in document["pods"] if "slot" in each}
    world = World(document["namespaces"], pods)
    case = Case(world, tuple(document["policies"]), tuple(map(_load_port, document["ports"])), slots)
    given = document["cell"]
    cell = Cell(
        given["from"],
        given["to"],
        *_load_port(given["port"]),
        Family(given["family"]),
        given["throughService"],
    )
    return Kept(case, cell, Answer(document["meant"]))


def _load_port(text: str) -> tuple[int, Protocol]:
    number, _, protocol = text.partition("/")
    return int(number), Protocol(protocol)


def _load_pod(given: Mapping[str, Any]) -> PodSpec:
    namespace, _, name = given["id"].partition("/")
    ports = tuple(map(_load_served, given["ports"]))
    return PodSpec(namespace, name, given["labels"], ports, given["node"], given.get("hostNetwork", False))


def _load_served(text: str) -> PortSpec:
    port, _, name = text.partition(" ")
    number, protocol = _load_port(port)
    return number, protocol.value, name or None
