"""The harness's own Services: for each destination pod a door for every way that leads to it through one.

A door is a Service with one pod behind it, so that whoever else answers is a misroute. Cluster addresses and node ports
have Services of their own, since every port of a NodePort Service takes a port of every node. A Service stays when its
pod is deleted, and must find the pod's successor.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from probe.cluster.api import Api, ApiError, Json
from probe.cluster.failures import raise_failures
from probe.cluster.objects import POD_LABEL, Owner, pod_label
from probe.model.cell import Family, Protocol, Via
from probe.model.errors import DeployError
from probe.model.fleet import Pod, Port

_PARALLEL_REQUESTS = 24
_MAX_NAME = 63
"""Longest name of a Service (RFC 1035 label)."""

_CLUSTER_IP = "ip"
_NODE_PORT = "nodes"
_NODE_PORT_LOCAL = "local"

_DOORS: Mapping[Via, str] = {
    Via.SAME_PORT: _CLUSTER_IP,
    Via.OTHER_PORT: _CLUSTER_IP,
    Via.CLUSTER: _NODE_PORT,
    Via.OTHER_NODE: _NODE_PORT,
    Via.LOCAL: _NODE_PORT_LOCAL,
}
"""The kind of Service that each variant of a path goes through."""


@dataclass(frozen=True, slots=True)
class ServiceDoor:
    """One Service as the API server made it.

    ``addresses`` are its cluster addresses by family, ``ports`` its own ports and ``node_ports`` those of the nodes,
    both by the pod's port: a variant of the path, number and protocol. ``pod_ports``: for which it was made.
    """

    namespace: str
    name: str
    uid: str
    spec: Json
    pod_ports: tuple[Port, ...]
    addresses: Mapping[Family, str]
    ports: Mapping[tuple[Via, int, Protocol], int]
    node_ports: Mapping[tuple[int, Protocol], int]


@dataclass(slots=True)
class Services:
    """The Services of one scenario. ``namespaces`` maps logical to actual names; ``wanted``: variants by pod id.

    ``doors`` are the Services that were made, by pod id and kind.
    """

    api: Api
    owner: Owner
    namespaces: Mapping[str, str]
    wanted: Mapping[str, frozenset[Via]] = field(default_factory=dict)
    doors: dict[tuple[str, str], ServiceDoor] = field(default_factory=dict)

    async def make(self, pods: Iterable[Pod]) -> None:
        """Make the Services that the pods need and do not have. Raises DeployError naming each pod that got none."""
        requests = asyncio.Semaphore(_PARALLEL_REQUESTS)
        needed = [
            (pod, kind, service_of(pod, kind, vias, self.namespaces[pod.namespace], self.owner))
            for pod in pods
            if pod.ports
            for kind, vias in _kinds(self.wanted.get(pod.id, frozenset())).items()
        ]

        async def make_one(pod: Pod, kind: str, body: Json) -> None:
            async with requests:
                await self._make(pod, kind, body)

        results = await asyncio.gather(*(make_one(*each) for each in needed), return_exceptions=True)
        raise_failures([pod.id for pod, _, _ in needed], results, "services were not made", DeployError)

    async def _make(self, pod: Pod, kind: str, body: Json) -> None:
        known = self.doors.get((pod.id, kind))
        if known is not None:
            if known.spec == body["spec"] and known.pod_ports == pod.ports:
                return
            await self._delete(known)
        made = await self.api.create(_collection(body["metadata"]["namespace"]), body)
        self.doors[pod.id, kind] = _door(made, body["spec"], pod.ports)

    async def _delete(self, door: ServiceDoor) -> None:
        try:
            await self.api.delete(f"{_collection(door.namespace)}/{quote(door.name)}", uid=door.uid)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    def forget(self, namespace: str) -> None:
        """The logical namespace is gone, and its Services with it."""
        for key in [key for key in self.doors if key[0].startswith(f"{namespace}/")]:
            del self.doors[key]

    def door(self, pod_id: str, via: Via) -> ServiceDoor | None:
        """The Service of a pod that a variant of a path goes through, if one was made."""
        return self.doors.get((pod_id, _DOORS[via]))

    async def troubles(self, doors: Iterable[tuple[str, Via]]) -> dict[tuple[str, Via], str]:
        """What is wrong now with these Services (of a pod's id and a variant); empty where nothing is.

        Each must be the one that was made, lead to the same pod and ports, and have a ready endpoint: what is sent to
        one without is rejected, which looks like a denial. Raises ClusterError when the API server cannot be asked.
        """
        asked = {key: self.door(*key) for key in doors}
        names = {door.namespace for door in asked.values() if door is not None}
        states = dict(zip(names, await asyncio.gather(*map(self._state, names)), strict=True))
        return {
            key: "it was never made" if door is None else states[door.namespace].trouble(door)
            for key, door in asked.items()
        }

    async def _state(self, namespace: str) -> _State:
        selector = self.owner.selector
        services, slices = await asyncio.gather(
            self.api.get(_collection(namespace), labelSelector=selector),
            self._slices(namespace),
        )
        return _State({item["metadata"]["name"]: item for item in services["items"]}, slices)

    async def _slices(self, namespace: str) -> Sequence[Json] | None:
        """The endpoint slices of the harness's Services; None where a run may not see them."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{quote(namespace)}/endpointslices"
        try:
            # The controller copies a Service's labels to its slices.
            listed = await self.api.get(path, labelSelector=self.owner.selector)
        except ApiError as error:
            if error.code in (403, 404):
                return None
            raise
        items: Sequence[Json] = listed["items"]
        return items


@dataclass(frozen=True, slots=True)
class _State:
    """Services by name and their endpoint slices (None: not to be seen) in one namespace, as they are now."""

    services: Mapping[str, Json]
    slices: Sequence[Json] | None

    def trouble(self, door: ServiceDoor) -> str:
        service = self.services.get(door.name)
        if service is None:
            return "it is gone"
        if service["metadata"]["uid"] != door.uid:
            return "it is not the one that was made"
        spec = service["spec"]
        if spec.get("selector") != door.spec["selector"]:
            return "its selector was changed"
        if _targets(spec) != _targets(door.spec):
            return "its ports were changed"
        if self.slices is not None and not self._has_endpoint(door):
            return "it has no ready endpoint"
        return ""

    def _has_endpoint(self, door: ServiceDoor) -> bool:
        return any(
            # An absent condition counts as true (discovery.k8s.io/v1 EndpointConditions).
            (endpoint.get("conditions") or {}).get("ready") is not False
            for piece in self.slices or ()
            if piece["metadata"].get("labels", {}).get("kubernetes.io/service-name") == door.name
            for endpoint in piece.get("endpoints") or ()
        )


def service_of(pod: Pod, kind: str, vias: frozenset[Via], namespace: str, owner: Owner) -> Json:
    """The Service of a kind that leads to a pod (which has ports) for these variants, in an actual namespace."""
    spec: Json = {
        "selector": {POD_LABEL: pod_label(pod)},
        "ipFamilyPolicy": "PreferDualStack",
        "type": "ClusterIP",
        "ports": list(_ports(pod.ports, vias)),
    }
    if kind != _CLUSTER_IP:
        policy = "Local" if kind == _NODE_PORT_LOCAL else "Cluster"
        spec |= {"type": "NodePort", "externalTrafficPolicy": policy}
    metadata = {"name": service_name(kind, pod.name), "namespace": namespace, "labels": owner.labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def service_name(kind: str, pod: str) -> str:
    """The name of a pod's Service of a kind. The kind comes first, so that no two pods' Services can have the same."""
    name = f"cni-probe-{kind}-{pod}"
    if len(name) <= _MAX_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _MAX_NAME - 9].rstrip('-')}-{digest}"


def other_ports(ports: Sequence[Port]) -> dict[int, int]:
    """For each number among a pod's ports another one: none of the pod's own, no two alike, the same every time."""
    taken = {port.number for port in ports}
    others: dict[int, int] = {}
    for number in sorted(taken):
        other = (number + 10_000 - 1) % 65_535 + 1
        while other in taken:
            other = other % 65_535 + 1
        taken.add(other)
        others[number] = other
    return others


def _ports(ports: Sequence[Port], vias: frozenset[Via]) -> Iterable[Json]:
    others = other_ports(ports)
    for port in ports:
        if Via.OTHER_PORT in vias:
            yield _port(Via.OTHER_PORT, others[port.number], port, port.name or port.number)
        if vias - {Via.OTHER_PORT}:
            yield _port(Via.SAME_PORT, port.number, port, port.number)


def _port(via: Via, number: int, port: Port, target: str | int) -> Json:
    name = f"{via}-{port.number}-{port.protocol.lower()}"
    return {"name": name, "port": number, "targetPort": target, "protocol": str(port.protocol)}


def _kinds(vias: frozenset[Via]) -> dict[str, frozenset[Via]]:
    """The variants asked for, by the kind of Service that they go through."""
    kinds: dict[str, frozenset[Via]] = {}
    for via in sorted(vias):
        kinds[_DOORS[via]] = kinds.get(_DOORS[via], frozenset()) | {via}
    return kinds


def _door(made: Json, wanted: Json, pod_ports: tuple[Port, ...]) -> ServiceDoor:
    spec, metadata = made["spec"], made["metadata"]
    addresses = spec.get("clusterIPs") or [spec["clusterIP"]]
    numbers = {(port.name, port.protocol): port.number for port in pod_ports}
    ports, node_ports = {}, {}
    for port in spec["ports"]:
        protocol = Protocol(port.get("protocol", "TCP"))
        target = numbers.get((str(port["targetPort"]), protocol)) or int(port["targetPort"])
        via = Via.SAME_PORT if port["port"] == target else Via.OTHER_PORT
        ports[via, target, protocol] = int(port["port"])
        if port.get("nodePort"):
            node_ports[target, protocol] = int(port["nodePort"])
    by_family = {Family.IPV6 if ":" in address else Family.IPV4: address for address in addresses}
    return ServiceDoor(
        metadata["namespace"], metadata["name"], metadata["uid"], wanted, pod_ports, by_family, ports, node_ports
    )


def _targets(spec: Json) -> set[tuple[int, str, object]]:
    return {(port["port"], port.get("protocol", "TCP"), port.get("targetPort")) for port in spec["ports"]}


def _collection(namespace: str) -> str:
    return f"/api/v1/namespaces/{quote(namespace)}/services"
