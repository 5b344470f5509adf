"""Nodes: which can take pods, and where each is to be reached. Which pod goes where is ``placement``'s matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from probe.cluster.api import Api, Json
from probe.cluster.failures import some
from probe.model.agent_options import AgentOptions
from probe.model.cell import Family
from probe.model.errors import ClusterError
from probe.model.toleration import taint_text, tolerates


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can take pods. ``hostname`` is its ``kubernetes.io/hostname`` label.

    ``addresses`` are its own by family (NodeStatus.addresses of type InternalIP): where node ports are reached.
    """

    name: str
    hostname: str
    addresses: Mapping[Family, str] = field(default_factory=dict, compare=False)
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)


async def usable_nodes(api: Api, agent: AgentOptions | None = None) -> tuple[Node, ...]:
    """Nodes that take an agent's pod with these options, by name. Raises ClusterError with the causes if none does."""
    nodes = (await api.get("/api/v1/nodes"))["items"]
    found = usable(nodes, agent)
    if not found:
        raise ClusterError(f"none of the cluster's {len(nodes)} nodes can take pods: {unusable_causes(nodes, agent)}")
    return found


def usable(nodes: Iterable[Json], agent: AgentOptions | None = None) -> tuple[Node, ...]:
    """Those that can take an agent's pod, by name."""
    found = (_node(node) for node in nodes if not unusable_cause(node, agent))
    return tuple(sorted(found, key=lambda node: node.name))


def unusable_cause(node: Json, agent: AgentOptions | None = None) -> str:
    """What keeps an agent's pod from a node; empty when nothing does.

    A cordoned node is left alone whatever is tolerated: somebody is about to drain it.
    """
    options, spec, labels = agent or AgentOptions(), node.get("spec", {}), _labels(node)
    if labels.get("kubernetes.io/os", "linux") != "linux":
        return f"runs {labels['kubernetes.io/os']}"
    missing = [f"{key}={value}" for key, value in options.node_selector.items() if labels.get(key) != value]
    if missing:
        return f"without the label {missing[0]}"
    if not is_ready(node):
        return "not ready"
    if spec.get("unschedulable", False):
        return "cordoned"
    hindering = [taint for taint in spec.get("taints", []) if not tolerates([taint], options.tolerations)]
    return f"tainted (--toleration {taint_text(hindering[0])})" if hindering else ""


def unusable_causes(nodes: Sequence[Json], agent: AgentOptions | None = None) -> str:
    """The causes of all nodes, each once: ``node-1, node-2 not ready; node-3 cordoned``."""
    by_cause: dict[str, list[str]] = {}
    for node in nodes:
        if cause := unusable_cause(node, agent):
            by_cause.setdefault(cause, []).append(node["metadata"]["name"])
    return "; ".join(f"{some(names)} {cause}" for cause, names in by_cause.items()) or "there is none"


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


def _labels(node: Json) -> Json:
    return node["metadata"].get("labels") or {}
