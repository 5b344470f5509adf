"""The truth table of a snapshot as a JSON document, to be kept, compared and read by other programs.

One line for each ordered pair of pods, and for each pod and the addresses outside the cluster that fare alike with it.
Ports are ranges ``[first, last]``; those in neither ``allowed`` nor ``undefined`` are denied. Written piece by piece,
since a thousand pods are a million pairs. Published as ``truth-table.schema.json`` beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

from pydantic import TypeAdapter

from probe import __version__
from probe.model.cell import Family, Protocol
from probe.model.record import RECORD_API_VERSION
from probe.policy.atoms import by_protocol
from probe.policy.matrix import Doubt, Outside, Ports, Truth
from probe.policy.ports import PortRange
from probe.policy.rules import Direction
from probe.report.document import CONFIG, document_schema
from probe.report.filling import filled

KIND = "TruthTable"
SCHEMA_ID = "https://cni-probe.dev/schemas/v1/truth-table.schema.json"

Range: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TablePod:
    """A pod, or all pods of a workload as one: then ``workload`` names it (``Deployment/web``), and the pair of it and
    itself is of two of its pods. A pod's traffic to its own address is always allowed."""

    id: str
    namespace: str
    name: str
    workload: str | None
    host_network: bool


@dataclass(frozen=True, slots=True)
class UndefinedPorts:
    """Ports that the API leaves open, or that depend on what is not known; ``why`` says which."""

    ports: dict[Protocol, list[Range]]
    why: str


@dataclass(frozen=True, slots=True)
class TablePair:
    """What goes from one pod to another. Protocols of which no port is allowed, or undefined, are left out."""

    source: str
    destination: str
    family: Family
    allowed: dict[Protocol, list[Range]]
    undefined: list[UndefinedPorts]


@dataclass(frozen=True, slots=True)
class TableOutside:
    """What goes between a pod and addresses outside the cluster, as CIDR blocks: ``egress`` to them or ``ingress`` from
    them. The blocks of a pod, direction and family are all addresses there are. Addresses of pods and nodes are not
    meant, although blocks may have room for them."""

    pod: str
    direction: Direction
    family: Family
    cidrs: list[str]
    allowed: dict[Protocol, list[Range]]
    undefined: list[UndefinedPorts]


@dataclass(frozen=True, slots=True)
class TruthTable:
    """What policies allow, everywhere. ``families`` are those that the table is of; with ``focus`` only the pairs are
    there of which an end is among these globs, and only such pods' traffic with the outside."""

    tool: str
    families: list[Family]
    focus: list[str]
    pods: list[TablePod]
    pairs: list[TablePair]
    outside: list[TableOutside]
    api_version: str = field(default=RECORD_API_VERSION)
    kind: str = field(default=KIND)


@cache
def _adapter() -> TypeAdapter[tuple[TruthTable]]:
    return TypeAdapter(tuple[TruthTable], config=CONFIG)


def truth_table_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the document."""
    return document_schema(_adapter(), TruthTable, SCHEMA_ID, "cni-probe truth table", KIND)


def pieces(truths: Sequence[Truth], focus: Sequence[str], focused: frozenset[int]) -> Iterator[str]:
    """The document; ``truths`` are of the same pods, one for each family, and ``focused`` are the pods of the focus."""
    first = truths[0]
    pods = [TablePod(pod.id, pod.namespace, pod.name, pod.workload or None, pod.host_network) for pod in first.pods]
    table = TruthTable(
        f"cni-probe {__version__}", [truth.family for truth in truths], list(focus), pods, pairs=[], outside=[]
    )
    (data,) = _adapter().dump_python((table,), mode="json", by_alias=True)
    front = {key: data.pop(key) for key in ("apiVersion", "kind")}
    before, separator, after = json.dumps(front | data, indent=2).partition('\n  "outside": []')
    yield from filled(before, "pairs", [_pairs(truths, focused)], indent=" " * 4)
    yield from filled(separator + after, "outside", [_outsides(truths, focused)], indent=" " * 4)
    yield "\n"


def _pairs(truths: Sequence[Truth], focused: frozenset[int]) -> Iterator[str]:
    names = [json.dumps(pod.id) for pod in truths[0].pods]
    known: dict[Ports, str] = {}
    for truth in truths:
        for source, name in enumerate(names):
            start = f'{{"source": {name}, "destination": '
            middle = f', "family": "{truth.family}", '
            for pair in truth.pairs(source):
                if source not in focused and pair.destination not in focused:
                    continue
                ports = pair.ports
                if ports.undefined:
                    text = _ports(ports, truth.doubts_of_pair(pair))
                else:
                    text = known.get(ports) or known.setdefault(ports, _ports(ports, ()))
                yield f"{start}{names[pair.destination]}{middle}{text}}}"


def _outsides(truths: Sequence[Truth], focused: frozenset[int]) -> Iterator[str]:
    for truth in truths:
        for pod in sorted(focused):
            for direction in Direction:
                for group in truth.outside(pod, direction):
                    yield _outside(truth, group)


def _outside(truth: Truth, group: Outside) -> str:
    head = {
        "pod": truth.pods[group.pod].id,
        "direction": group.direction,
        "family": truth.family,
        "cidrs": group.cidrs,
    }
    return f"{json.dumps(head)[:-1]}, {_ports(group.ports, truth.doubts_outside(group))}}}"


def _ports(ports: Ports, doubts: Iterable[Doubt]) -> str:
    """The two members that say what becomes of ports, without braces around them."""
    undefined = [{"ports": _ranges(doubt.ports), "why": doubt.why} for doubt in doubts]
    return json.dumps({"allowed": _ranges(ports.allowed), "undefined": undefined})[1:-1]


def _ranges(ports: Iterable[PortRange]) -> dict[Protocol, list[Range]]:
    return {protocol: [(each.first, each.last) for each in ranges] for protocol, ranges in by_protocol(ports).items()}
