"""Server-side printing: what ``kubectl get`` shows (meta.k8s.io/v1 Table)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from probe.sandbox.api.columns import AGE, NAME, NONE, UNKNOWN, Cell, Column, age, joined, selector_text
from probe.sandbox.api.podstatus import pod_ready, pod_restarts, pod_status
from probe.sandbox.api.resources import Resource
from probe.sandbox.api.tables_access import access_tables
from probe.sandbox.api.tables_limits import limit_tables
from probe.sandbox.api.tables_workloads import workload_tables
from probe.sandbox.store import Obj


def definitions(resource: Resource) -> list[dict[str, Any]]:
    """The table's columnDefinitions."""
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": "name" if column.name == "Name" else "",
            "description": "",
            "priority": int(column.wide),
        }
        for column in _columns(resource)
    ]


def cells(resource: Resource, obj: Obj) -> list[Any]:
    """The row of an object."""
    return [column.cell(obj) for column in _columns(resource)]


def _columns(resource: Resource) -> tuple[Column, ...]:
    return _TABLES.get(resource.plural, (NAME, AGE))


def _status(obj: Obj) -> dict[str, Any]:
    return obj.get("status") or {}


def _service_ports(service: Obj) -> str:
    return joined(
        f"{port['port']}:{port['nodePort']}/{port['protocol']}"
        if port.get("nodePort")
        else f"{port['port']}/{port['protocol']}"
        for port in service["spec"].get("ports", ())
    )


def _node_status(node: Obj) -> str:
    ready = next((item for item in _status(node).get("conditions", ()) if item["type"] == "Ready"), None)
    text = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    return text + (",SchedulingDisabled" if (node.get("spec") or {}).get("unschedulable") else "")


def _node_roles(node: Obj) -> str:
    prefix = "node-role.kubernetes.io/"
    return joined(
        sorted(key.removeprefix(prefix) for key in node["metadata"].get("labels", {}) if key.startswith(prefix))
    )


def _node_address(kind: str) -> Cell:
    return lambda node: next((a["address"] for a in _status(node).get("addresses", ()) if a["type"] == kind), NONE)


def _node_info(field: str) -> Cell:
    return lambda node: _status(node).get("nodeInfo", {}).get(field, UNKNOWN)


def _event_object(event: Obj) -> str:
    involved = event.get("involvedObject") or {}
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def _event_source(event: Obj) -> str:
    source = event.get("source") or {}
    return ", ".join(filter(None, (source.get("component") or event.get("reportingComponent"), source.get("host"))))


def _event_time(event: Obj) -> str | None:
    times = (event.get("lastTimestamp"), event.get("eventTime"), event["metadata"].get("creationTimestamp"))
    return next(filter(None, times), None)


def _endpoints(endpoints: Obj) -> str:
    return joined(
        f"{address['ip']}:{port['port']}"
        for subset in endpoints.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    )


_PRIORITY: Final = Column("Priority", lambda policy: str(policy["spec"]["priority"]))
_TABLES: Final[Mapping[str, tuple[Column, ...]]] = MappingProxyType(
    {
        "pods": (
            NAME,
            Column("Ready", pod_ready),
            Column("Status", pod_status),
            Column("Restarts", lambda pod: str(pod_restarts(pod))),
            AGE,
            Column("IP", lambda pod: _status(pod).get("podIP") or NONE, wide=True),
            Column("Node", lambda pod: pod["spec"].get("nodeName") or NONE, wide=True),
            Column("Nominated Node", lambda pod: _status(pod).get("nominatedNodeName") or NONE, wide=True),
            Column("Readiness Gates", lambda pod: NONE, wide=True),
        ),
        "namespaces": (NAME, Column("Status", lambda obj: _status(obj).get("phase", "")), AGE),
        "services": (
            NAME,
            Column("Type", lambda service: service["spec"]["type"]),
            Column("Cluster-IP", lambda service: service["spec"].get("clusterIP") or NONE),
            Column("External-IP", lambda service: service["spec"].get("externalName") or NONE),
            Column("Port(s)", _service_ports),
            AGE,
            Column(
                "Selector", lambda service: selector_text({"matchLabels": service["spec"].get("selector")}), wide=True
            ),
        ),
        "nodes": (
            NAME,
            Column("Status", _node_status),
            Column("Roles", _node_roles),
            AGE,
            Column("Version", _node_info("kubeletVersion")),
            Column("Internal-IP", _node_address("InternalIP"), wide=True),
            Column("External-IP", _node_address("ExternalIP"), wide=True),
            Column("OS-Image", _node_info("osImage"), wide=True),
            Column("Kernel-Version", _node_info("kernelVersion"), wide=True),
            Column("Container-Runtime", _node_info("containerRuntimeVersion"), wide=True),
        ),
        "networkpolicies": (
            NAME,
            Column("Pod-Selector", lambda policy: selector_text(policy["spec"].get("podSelector"))),
            AGE,
        ),
        "clusternetworkpolicies": (NAME, Column("Tier", lambda policy: policy["spec"]["tier"]), _PRIORITY, AGE),
        "adminnetworkpolicies": (NAME, _PRIORITY, AGE),
        "events": (
            Column("Last Seen", lambda event: age(_event_time(event))),
            Column("Type", lambda event: event.get("type", "")),
            Column("Reason", lambda event: event.get("reason", "")),
            Column("Object", _event_object),
            Column("Subobject", lambda event: (event.get("involvedObject") or {}).get("fieldPath", ""), wide=True),
            Column("Source", _event_source, wide=True),
            Column("Message", lambda event: event.get("message", "")),
            Column("First Seen", lambda event: age(event.get("firstTimestamp") or _event_time(event)), wide=True),
            Column("Count", lambda event: str(event.get("count", 1)), wide=True),
            Column("Name", lambda event: event["metadata"]["name"], wide=True),
        ),
        "configmaps": (
            NAME,
            Column("Data", lambda obj: str(len(obj.get("data") or ()) + len(obj.get("binaryData") or ()))),
            AGE,
        ),
        "secrets": (
            NAME,
            Column("Type", lambda secret: secret.get("type", "")),
            Column("Data", lambda secret: str(len(secret.get("data") or ()))),
            AGE,
        ),
        "serviceaccounts": (NAME, Column("Secrets", lambda account: str(len(account.get("secrets") or ()))), AGE),
        "endpoints": (NAME, Column("Endpoints", _endpoints), AGE),
        "endpointslices": (
            NAME,
            Column("AddressType", lambda piece: piece.get("addressType", "")),
            Column("Ports", lambda piece: joined(str(port.get("port")) for port in piece.get("ports") or ())),
            Column(
                "Endpoints",
                lambda piece: joined(a for item in piece.get("endpoints") or () for a in item.get("addresses", ())),
            ),
            AGE,
        ),
        **access_tables(),
        **limit_tables(),
        **workload_tables(),
        "externalendpoints": (
            NAME,
            Column("Addresses", lambda obj: joined(obj["spec"].get("addresses") or ())),
            Column("Ports", lambda obj: joined(f"{p['port']}/{p['protocol']}" for p in obj["spec"].get("ports") or ())),
            Column("Ready", lambda obj: str(bool(_status(obj).get("ready"))).lower()),
            AGE,
        ),
    }
)
