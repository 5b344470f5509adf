"""Endpoints of services: which pods are behind each, as EndpointSlices and, for older readers, Endpoints.

Cluster addresses are allocated by the API server when a service is created.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

from probe.model.cell import Family
from probe.sandbox.controllers.conditions import condition
from probe.sandbox.controllers.namespaces import is_active
from probe.sandbox.store import Obj, Store

SERVICE_NAME: Final = "kubernetes.io/service-name"
MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
_CONTROLLER: Final = "endpointslice-controller.k8s.io"

Ports: TypeAlias = tuple[tuple[str, int, str], ...]
"""Name, number and protocol of each port of a service, as resolved on some pod."""


async def run_services(store: Store) -> None:
    """Follow services and pods for ever."""
    async with store.subscribe("services", "pods") as changes:
        while True:
            touched = {event.obj["metadata"]["namespace"] for event in await changes.batch()}
            for namespace in sorted(touched):
                if is_active(store, namespace):
                    reconcile(store, namespace)


def reconcile(store: Store, namespace: str) -> None:
    """Make the endpoints of a namespace what its services and pods say."""
    pods = store.list("pods", namespace)
    slices: dict[str, Obj] = {}
    endpoints: dict[str, Obj] = {}
    for service in store.list("services", namespace):
        if not service["spec"].get("selector"):
            continue
        behind = [pod for pod in pods if _selects(service, pod) and (pod.get("status") or {}).get("podIPs")]
        for piece in _slices(service, behind):
            slices[piece["metadata"]["name"]] = piece
        endpoints[service["metadata"]["name"]] = _endpoints(service, behind)
    _make_so(store, "endpointslices", namespace, slices)
    _make_so(store, "endpoints", namespace, endpoints)


def _make_so(store: Store, resource: str, namespace: str, wanted: dict[str, Obj]) -> None:
    for obj in store.list(resource, namespace):
        ours = (obj["metadata"].get("labels") or {}).get(MANAGED_BY) == _CONTROLLER
        if ours and obj["metadata"]["name"] not in wanted:
            store.delete(resource, namespace, obj["metadata"]["name"])
    for name, obj in wanted.items():
        if store.find(resource, namespace, name) is None:
            store.create(resource, obj)
        else:
            store.replace(resource, obj)


def _selects(service: Obj, pod: Obj) -> bool:
    labels = pod["metadata"].get("labels") or {}
    ended = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return not ended and all(labels.get(key) == value for key, value in service["spec"]["selector"].items())


def _resolve(service: Obj, pod: Obj) -> Ports:
    """The service's ports on this pod; a named target port that the pod lacks is left out."""
    named = {
        (port.get("name"), port.get("protocol", "TCP")): port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
    }
    found = []
    for port in service["spec"].get("ports") or ():
        target, protocol = port.get("targetPort", port["port"]), port.get("protocol", "TCP")
        number = named.get((target, protocol)) if isinstance(target, str) else target
        if number is not None:
            found.append((port.get("name", ""), int(number), protocol))
    return tuple(found)


def _address(pod: Obj, family: Family) -> str | None:
    addresses = (str(entry["ip"]) for entry in pod["status"]["podIPs"])
    version = 4 if family is Family.IPV4 else 6
    return next((address for address in addresses if ip_address(address).version == version), None)


def _is_ready(pod: Obj) -> bool:
    ready = condition(pod, "Ready")
    return ready is not None and ready["status"] == "True"


def _meta(service: Obj, name: str) -> dict[str, Any]:
    meta = service["metadata"]
    return {
        "name": name,
        "namespace": meta["namespace"],
        "labels": {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], MANAGED_BY: _CONTROLLER},
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Service", "name": meta["name"], "uid": meta["uid"], "controller": True}
        ],
    }


def _slices(service: Obj, pods: list[Obj]) -> Iterator[Obj]:
    """One slice per family and set of resolved ports: the same name may be another number on another pod."""
    for name in service["spec"].get("ipFamilies") or ():
        family = Family(name)
        groups: dict[Ports, list[dict[str, Any]]] = {}
        for pod in pods:
            if (address := _address(pod, family)) is not None:
                groups.setdefault(_resolve(service, pod), []).append(_endpoint(service, pod, address))
        for index, ports in enumerate(sorted(groups)):
            yield {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": _meta(service, f"{service['metadata']['name']}-{name.lower()}-{index}"),
                "addressType": name,
                "endpoints": groups[ports],
                "ports": [{"name": port, "port": number, "protocol": proto} for port, number, proto in ports],
            }


def _endpoint(service: Obj, pod: Obj, address: str) -> dict[str, Any]:
    terminating = "deletionTimestamp" in pod["metadata"]
    serving = _is_ready(pod) or bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint: dict[str, Any] = {
        "addresses": [address],
        "conditions": {"ready": serving and not terminating, "serving": serving, "terminating": terminating},
        "targetRef": _reference(pod),
    }
    if node := pod["spec"].get("nodeName"):
        endpoint["nodeName"] = node
    if (name := pod["spec"].get("hostname")) and pod["spec"].get("subdomain") == service["metadata"]["name"]:
        endpoint["hostname"] = name
    return endpoint


def _reference(pod: Obj) -> dict[str, Any]:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _endpoints(service: Obj, pods: list[Obj]) -> Obj:
    """The older kind, with the service's first family only."""
    family = Family((service["spec"].get("ipFamilies") or [Family.IPV4])[0])
    groups: dict[Ports, dict[str, list[dict[str, Any]]]] = {}
    for pod in pods:
        if (address := _address(pod, family)) is None or "deletionTimestamp" in pod["metadata"]:
            continue
        entry = {"ip": address, "nodeName": pod["spec"].get("nodeName"), "targetRef": _reference(pod)}
        ready = _is_ready(pod) or bool(service["spec"].get("publishNotReadyAddresses"))
        group = groups.setdefault(_resolve(service, pod), {})
        group.setdefault("addresses" if ready else "notReadyAddresses", []).append(entry)
    obj: Obj = {"apiVersion": "v1", "kind": "Endpoints", "metadata": _meta(service, service["metadata"]["name"])}
    if groups:
        obj["subsets"] = [
            {
                **groups[ports],
                "ports": [{"name": port, "port": number, "protocol": proto} for port, number, proto in ports],
            }
            for ports in sorted(groups)
        ]
    return obj
