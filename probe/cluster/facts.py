"""What a report says of the cluster: where it is, its version and its nodes."""

from __future__ import annotations

from probe.cluster.api import Api
from probe.model.record import ClusterRecord


async def cluster_facts(api: Api) -> ClusterRecord:
    """Ask the API server for its version and the nodes' names. Raises ClusterError."""
    version = await api.get("/version")
    nodes = await api.get("/api/v1/nodes")
    names = sorted(node["metadata"]["name"] for node in nodes["items"])
    return ClusterRecord(server=api.server, version=version.get("gitVersion", "unknown"), nodes=names)
