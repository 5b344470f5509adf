"""Nodes: which can take pods, and where each is to be reached. Which pod goes where is ``placement``'s matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from probe.cluster.api import Api, Json
from probe.model.cell import Family
from probe.model.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can take pods. ``hostname`` is its ``kubernetes.io/hostname`` label.

    ``addresses`` are its own by family (NodeStatus.addresses of type InternalIP): where node ports are reached.
    """

    name: str
    hostname: str
    addresses: Mapping[Family, str] = field(default_factory=dict, compare=False)
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)


async def usable_nodes(api: Api) -> tuple[Node, ...]:
    """Linux nodes that are ready and take a pod without tolerations, by name. Raises ClusterError if none."""
    nodes = (await api.get("/api/v1/nodes"))["items"]
    found = usable(nodes)
    if not found:
        raise ClusterError(f"none of the cluster's {len(nodes)} nodes is ready, schedulable and runs Linux")
    return found


def usable(nodes: Iterable[Json]) -> tuple[Node, ...]:
    """Those that can take pods, by name."""
    found = (_node(node) for node in nodes if is_ready(node) and _is_schedulable(node) and _is_linux(node))
    return tuple(sorted(found, key=lambda node: node.name))


def _node(node: Json) -> Node:
    labels = _labels(node)
    addresses: dict[Family, str] = {}
    for entry in node.get("status", {}).get("addresses", []):
        if entry.get("type") == "InternalIP":
            addresses.setdefault(Family.IPV6 if ":" in entry["address"] else Family.IPV4, entry["address"])
    return Node(node["metadata"]["name"], labels.get("kubernetes.io/hostname", ""), addresses, labels)


def not_ready_cause(node: Json) -> str:
    """What a node that is not ready says of itself (NodeCondition Ready); empty for one that is."""
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] != "True":
            said = f"{condition.get('reason', '')}: {condition.get('message', '')}".strip(": ")
            return f"node {node['metadata']['name']} is not ready" + (f" ({said})" if said else "")
    return ""


def is_ready(node: Json) -> bool:
    """Whether its kubelet says so, and was heard lately (NodeCondition Ready)."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _is_schedulable(node: Json) -> bool:
    spec = node.get("spec", {})
    tainted = any(taint.get("effect") in ("NoSchedule", "NoExecute") for taint in spec.get("taints", []))
    return not spec.get("unschedulable", False) and not tainted


def _is_linux(node: Json) -> bool:
    """Whether agents run there: a Windows node is ready and schedulable, too."""
    return bool(_labels(node).get("kubernetes.io/os", "linux") == "linux")


def _labels(node: Json) -> Json:
    return node["metadata"].get("labels") or {}
