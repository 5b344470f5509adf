"""Nodes: which can take pods, and which pod goes where.

Placement is explicit, so that a scenario has same-node and cross-node pairs and two runs have the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from probe.cluster.api import Api, Json
from probe.model.errors import ClusterError
from probe.model.scenario import Pod


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can take pods. ``hostname`` is its ``kubernetes.io/hostname`` label."""

    name: str
    hostname: str


async def usable_nodes(api: Api) -> tuple[Node, ...]:
    """Linux nodes that are ready and take a pod without tolerations, by name. Raises ClusterError if none."""
    nodes = (await api.get("/api/v1/nodes"))["items"]
    usable = [
        Node(node["metadata"]["name"], _labels(node).get("kubernetes.io/hostname", ""))
        for node in nodes
        if _is_ready(node) and _is_schedulable(node) and _is_linux(node)
    ]
    if not usable:
        raise ClusterError(f"none of the cluster's {len(nodes)} nodes is ready, schedulable and runs Linux")
    return tuple(sorted(usable, key=lambda node: node.name))


def place(pods: Iterable[Pod], nodes: Sequence[Node], taken: dict[str, Node] | None = None) -> dict[str, Node]:
    """Choose a node for each pod id: symbols first come, first served and apart; the others round robin.

    ``taken`` maps symbols to nodes and is extended, so that pods created later join the pods of their symbol.
    """
    symbols: dict[str, Node] = {} if taken is None else taken
    placed: dict[str, Node] = {}
    for index, pod in enumerate(pods):
        if pod.node is None:
            placed[pod.id] = nodes[index % len(nodes)]
        else:
            placed[pod.id] = symbols.setdefault(pod.node, nodes[len(symbols) % len(nodes)])
    return placed


def _is_ready(node: Json) -> bool:
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
