"""The cluster that cases are tried on: built once, while objects and rules are changed for every case.

Who a pod is, its namespace, its labels and the names of its ports, is all in plain objects; only its addresses and its
node are the kernel's. So pods of a case are given to *slots*, pods without an identity.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from functools import cache

from probe.model.cell import Family, Protocol
from probe.model.snapshot import NAME_LABEL
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle, Question
from probe.policy.sentence import sentence
from probe.sandbox.enforce.controller import Stages
from probe.sandbox.net.plan import SERVICES
from tests.policy.generate.words import NODE_LABELS, NUMBERS, PROBED, Object
from tests.policy.generate.worlds import PodSpec
from tests.policy.generate.worlds import World as Cluster
from tests.sandbox.differential.cells import (
    OTHERS,
    OUTSIDE,
    PLAN,
    SLOTS,
    Case,
    Cell,
    PortQuestion,
    cells_of,
    slot_addresses,
    slots_of,
)
from tests.sandbox.differential.mesh import Attempt, LostPacketsError, Mesh, Outcome
from tests.sandbox.enforce.objects import endpoints, service
from tests.sandbox.enforce.world import World, new_world

SERVICE_PORT = 1000
"""How much further up than the pod's own port a service's port is."""
LOSSES = 2
"""How often a round is repeated in which packets were lost."""
MEANT = {Answer.ALLOW: Outcome.REACHED, Answer.DENY: Outcome.SILENT}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A cell in which the oracle says one thing and packets another."""

    case: Case
    cell: Cell
    answer: Answer
    outcome: Outcome
    why: str

    def __str__(self) -> str:
        return f"{self.cell}: {self.answer} says the oracle, {self.outcome} the packet. {self.why}"


@dataclass(slots=True)
class Tally:
    """What has been compared so far. ``second_looks``: cells that disagreed at first sight and not when tried again."""

    sets: int = 0
    compared: int = 0
    undefined: int = 0
    allowed: int = 0
    denied: int = 0
    second_looks: int = 0

    def count(self, answers: Sequence[Answer]) -> None:
        """One more set."""
        self.sets += 1
        self.allowed += answers.count(Answer.ALLOW)
        self.denied += answers.count(Answer.DENY)
        self.undefined += answers.count(Answer.UNDEFINED)
        self.compared = self.allowed + self.denied


@dataclass(slots=True)
class Fleet:
    """Nodes with their slots, and hosts outside."""

    kernel: World
    mesh: Mesh
    tally: Tally = field(default_factory=Tally)

    async def compare(self, case: Case, *, patience: float = 0.0) -> list[Disagreement]:
        """Enforce the policies, and try every cell as ``judge`` does."""
        await self.enforce(case)
        return self.judge(case, [*cells_of(case)], patience=patience)

    def judge(self, case: Case, cells: Sequence[Cell], *, patience: float = 0.0) -> list[Disagreement]:
        """Try cells of a case that is in force. What disagrees does so three times in a row; ``patience`` is how many
        seconds the later times wait for what may be slow."""
        answers = _answers(case, cells)
        self.tally.count(answers)
        wrong = [row for row in zip(cells, answers, self._try(case, cells), strict=True) if _is_wrong(*row[1:])]
        for _ in range(2):
            if wrong:
                outcomes = self._try(case, [cell for cell, _, _ in wrong], patience)
                again = [(*row[:2], outcome) for row, outcome in zip(wrong, outcomes, strict=True)]
                self.tally.second_looks += sum(not _is_wrong(*row[1:]) for row in again)
                wrong = [row for row in again if _is_wrong(*row[1:])]
        return [Disagreement(case, *row, _why(case, row[0])) for row in wrong]

    async def control(self) -> None:
        """See that without policies every slot and host reaches every other, on all ports: a denial must be earned."""
        tally, self.tally = self.tally, Tally()
        found = await self.compare(_everybody())
        self.tally = tally
        assert not found, f"without policies: {found[0]}, and {len(found) - 1} more"

    def answer(self, case: Case, cell: Cell) -> Answer:
        """What the oracle says."""
        return _answers(case, [cell])[0]

    def _try(self, case: Case, cells: Sequence[Cell], patience: float = 0.0) -> list[Outcome]:
        places = self._places(case)
        attempts = [self._attempt(places, cell) for cell in cells]
        for _ in range(LOSSES):
            with suppress(LostPacketsError):  # perhaps not ours: a CPU's backlog is the whole machine's
                return self.mesh.try_all(attempts, patience)
        return self.mesh.try_all(attempts, patience)

    def _places(self, case: Case) -> dict[str, str]:
        """Names of the hosts behind what the oracle talks of."""
        nodes = {f"node:{name}": name for name in self.kernel.network.nodes}
        outside = {address: name for name, host in OUTSIDE.items() for address in host.values()}
        at_home = {pod.id: f"node-{pod.node + 1}" for pod in case.world.pods if pod.host_network}
        return {**nodes, **outside, **at_home, **{name: slot_name(*slot) for name, slot in case.slots.items()}}

    def _attempt(self, places: dict[str, str], cell: Cell) -> Attempt:
        source, target = places[cell.source], places[cell.destination]
        address, port = self.mesh.hosts[target].addresses[cell.family], cell.port
        if cell.through_service:
            address, port = service_addresses(target)[cell.family], port + SERVICE_PORT
        return Attempt(source, target, address, port, cell.protocol, cell.family)

    async def enforce(self, case: Case) -> None:
        """Make the case's cluster and its policies the only ones."""
        objects = Objects.of(case)
        self.kernel.namespaces = {name: dict(obj["metadata"]["labels"]) for name, obj in objects.namespaces.items()}
        self.kernel.pods = objects.pods
        for node in self.kernel.nodes.values():
            node["metadata"]["labels"] = NODE_LABELS
        self.kernel.services, self.kernel.slices = objects.services, objects.slices
        await self.kernel.enforce(*case.policies)


def _is_wrong(answer: Answer, outcome: Outcome) -> bool:
    return answer is not Answer.UNDEFINED and MEANT[answer] is not outcome


def _answers(case: Case, cells: Sequence[Cell]) -> list[Answer]:
    oracle = Oracle(case.snapshot, OTHERS)
    index = oracle.universe.index
    questions = {(cell.port, cell.protocol, cell.family) for cell in cells}
    tables = {each: oracle.table(Question(*each)) for each in questions}
    return [
        tables[cell.port, cell.protocol, cell.family].answer(index[cell.source], index[cell.destination])
        for cell in cells
    ]


def _why(case: Case, cell: Cell) -> str:
    oracle = Oracle(case.snapshot, OTHERS)
    return sentence(oracle.decide(cell.source, cell.destination, Question(cell.port, cell.protocol, cell.family)))


# --- objects -------------------------------------------------------------------------------------------------------


def slot_name(node: int, slot: int) -> str:
    """How a slot's host is called."""
    return f"node-{node + 1}/slot-{slot}"


@cache
def service_addresses(slot: str) -> dict[Family, str]:
    """The addresses of the service of a node's first slot."""
    number = 10 + [slot_name(node, 0) for node in range(PLAN.nodes)].index(slot)
    return {family: str(ipaddress.ip_network(SERVICES[family])[number]) for family in Family}


@dataclass(frozen=True, slots=True)
class Objects:
    """A case's API objects, but for its policies; namespaces and pods by their ids."""

    namespaces: dict[str, Object]
    pods: dict[str, Object]
    services: list[Object]
    slices: list[Object]

    @classmethod
    def of(cls, case: Case) -> Objects:
        """Pods as a cluster has them that runs them; a service for the first pod of each node."""
        namespaces = {
            name: {"kind": "Namespace", "metadata": {"name": name, "labels": {**labels, NAME_LABEL: name}}}
            for name, labels in case.world.namespaces.items()
        }
        pods = {pod.id: _pod(pod, case.addresses[pod.id]) for pod in case.world.pods}
        first = [(pod, pod.node) for pod in case.world.pods if case.slots.get(pod.id) == (pod.node, 0)]
        services = [_service(pod, node, case.ports) for pod, node in first]
        slices = [piece for pod, _ in first for piece in _slices(pod, case.addresses[pod.id], case.ports)]
        return cls(namespaces, pods, services, slices)


def _pod(pod: PodSpec, addresses: Sequence[str]) -> Object:
    ports = [
        {"containerPort": number, "protocol": protocol, **({"name": name} if name else {})}
        for number, protocol, name in pod.ports
    ]
    return {
        "kind": "Pod",
        "metadata": {
            "namespace": pod.namespace,
            "name": pod.name,
            "uid": f"uid-{pod.id}",
            "labels": dict(pod.labels),
        },
        "spec": {
            "nodeName": f"node-{pod.node + 1}",
            "containers": [{"name": "agent", "ports": ports}],
            **({"hostNetwork": True} if pod.host_network else {}),
        },
        "status": {"phase": "Running", "podIPs": [{"ip": address} for address in addresses]},
    }


def _service_port(number: int, protocol: Protocol) -> Object:
    return {"name": f"{protocol.lower()}-{number}", "protocol": protocol}


def _service(pod: PodSpec, node: int, asked: Sequence[PortQuestion]) -> Object:
    ports = [
        {**_service_port(number, protocol), "port": number + SERVICE_PORT, "targetPort": number}
        for number, protocol in asked
    ]
    addresses = [*service_addresses(slot_name(node, 0)).values()]
    return service(pod.name, addresses, ports, pod.namespace, ipFamilyPolicy="RequireDualStack")


def _slices(pod: PodSpec, addresses: Sequence[str], asked: Sequence[PortQuestion]) -> list[Object]:
    ports = [{**_service_port(number, protocol), "port": number} for number, protocol in asked]
    return [endpoints(pod.name, {address: True}, ports, pod.namespace) for address in addresses]


def _everybody() -> Case:
    """All slots, all ports, no policy."""
    pods = [PodSpec("all", f"{node}-{slot}", {}, (), node) for node in range(PLAN.nodes) for slot in range(SLOTS)]
    world = Cluster({"all": {}}, tuple(pods))
    return Case(world, (), PROBED, slots_of(world))


# --- building it ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def new_fleet(stages: Stages | None = None) -> AsyncIterator[Fleet]:
    """A fleet in which everybody reaches everybody, which has been seen. ``stages``: how enforcement is altered."""
    async with new_world(serving=False) as kernel:
        for node in range(PLAN.nodes):
            for slot in range(SLOTS):
                name = slot_name(node, slot)
                await kernel.pod(name, f"node-{node + 1}")
                assert tuple(kernel.hosts[name].addresses.values()) == slot_addresses(node, slot)
        for name, addresses in OUTSIDE.items():
            await kernel.outside(name, *addresses.values())
        with closing(Mesh(kernel.hosts, NUMBERS, ("node-1", "node-2"))) as mesh:
            fleet = Fleet(kernel, mesh)
            await fleet.control()
            if stages is not None:
                kernel.stages = stages
            yield fleet
