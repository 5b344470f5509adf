"""Where the run took place."""

from __future__ import annotations

from dataclasses import dataclass, field

from probe.model.cell import Family


@dataclass(slots=True)
class NodeRecord:
    """A node as NodeStatus.nodeInfo describes it; ``used``: pods of the run may be placed on it."""

    name: str
    kubelet: str = ""
    kernel: str = ""
    os_image: str = ""
    runtime: str = ""
    used: bool = True


@dataclass(slots=True)
class ClusterRecord:
    """Where the run took place. ``families``: of the nodes' pod CIDRs; empty where the cluster does not say.

    ``network_plugins`` are hints from well-known DaemonSets (``calico v3.29.1``); ``node_facts`` has one line a node.
    """

    server: str
    version: str
    nodes: list[str]
    families: list[Family] = field(default_factory=list)
    network_plugins: list[str] = field(default_factory=list)
    node_facts: list[NodeRecord] = field(default_factory=list)
