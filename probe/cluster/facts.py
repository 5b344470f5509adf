"""What a report says of the cluster: where it is, its version and its nodes."""

from __future__ import annotations

from probe.cluster.api import Api
from probe.model.cell import Family
from probe.model.record import ClusterRecord


async def cluster_facts(api: Api) -> ClusterRecord:
    """Ask the API server for its version and the nodes' names. Raises ClusterError."""
    version = await api.get("/version")
    nodes = await api.get("/api/v1/nodes")
    names = sorted(node["metadata"]["name"] for node in nodes["items"])
    ranges = {cidr for node in nodes["items"] for cidr in node.get("spec", {}).get("podCIDRs", [])}
    families = [family for family in Family if any((":" in cidr) == (family is Family.IPV6) for cidr in ranges)]
    return ClusterRecord(api.server, version.get("gitVersion", "unknown"), names, families)
