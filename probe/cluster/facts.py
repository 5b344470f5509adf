"""What a report says of the cluster: where it is, its version and its nodes."""

from __future__ import annotations

from collections.abc import Collection

from probe.cluster.api import Api, Json
from probe.model.cell import Family
from probe.model.record import ClusterRecord, NodeRecord


async def cluster_facts(api: Api, used: Collection[str]) -> ClusterRecord:
    """Ask the API server for its version and its nodes; ``used`` are the names of those that pods are placed on.

    Raises ClusterError.
    """
    version = await api.get("/version")
    nodes = (await api.get("/api/v1/nodes"))["items"]
    ranges = {cidr for node in nodes for cidr in node.get("spec", {}).get("podCIDRs", [])}
    facts = sorted((_node(node, used) for node in nodes), key=lambda node: node.name)
    return ClusterRecord(
        server=api.server,
        version=version.get("gitVersion", "unknown"),
        nodes=[node.name for node in facts],
        families=[family for family in Family if any((":" in cidr) == (family is Family.IPV6) for cidr in ranges)],
        node_facts=facts,
    )


def _node(node: Json, used: Collection[str]) -> NodeRecord:
    info = node.get("status", {}).get("nodeInfo", {})
    name = node["metadata"]["name"]
    return NodeRecord(
        name=name,
        kubelet=info.get("kubeletVersion", ""),
        kernel=info.get("kernelVersion", ""),
        os_image=info.get("osImage", ""),
        runtime=info.get("containerRuntimeVersion", ""),
        used=name in used,
    )
