"""Nodes: which can take pods, and whether they have slots for as many as are planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from probe.cluster.api import Json
from probe.cluster.nodes import Node, is_ready, unusable_causes
from probe.cluster.placement import Placer
from probe.cluster.preflight.demand import Fleet
from probe.cluster.preflight.finding import Finding, names, ok, problem, warning
from probe.cluster.preflight.look import Listing, Unseen
from probe.model.agent_options import AgentOptions
from probe.model.errors import ClusterError

_NODES = "nodes"
_SLOTS = "pod slots"


def judge_nodes(nodes: Listing, usable: Sequence[Node], agent: AgentOptions) -> list[Finding]:
    """Which nodes can be used, and those that should be ready but are not."""
    if isinstance(nodes, Unseen):
        return []  # a missing permission, which is said as one
    unready = sorted(name for node in nodes if (name := node["metadata"]["name"]) and not is_ready(node))
    if not usable:
        why = unusable_causes(nodes, agent)
        return [problem(_NODES, f"none of the {len(nodes)} nodes can take pods: {why}", _remedy(nodes, unready, agent))]
    findings = []
    if unready:
        findings.append(
            warning(
                _NODES,
                f"{names(unready)} not ready: nothing is proven about enforcement there",
                f"see: kubectl describe node {unready[0]}",
            )
        )
    one = " (one node: nothing can be proven about traffic between nodes)" if len(usable) == 1 else ""
    chosen = names([node.name for node in usable])
    return [*findings, ok(_NODES, f"{len(usable)} of {len(nodes)} can take pods: {chosen}{one}")]


def _remedy(nodes: Sequence[Json], unready: Sequence[str], agent: AgentOptions) -> str:
    """What brings back a node, the easiest first."""
    if agent.node_selector:
        return (
            "see: kubectl get nodes --show-labels; --node-selector (or nodeSelector) says which labels they must have"
        )
    cordoned = sorted(node["metadata"]["name"] for node in nodes if node.get("spec", {}).get("unschedulable"))
    remedies = [f"kubectl uncordon {' '.join(cordoned)}"] if cordoned else []
    remedies += [f"see: kubectl describe node {unready[0]}"] if unready else []
    return "; ".join(remedies) or "see: kubectl get nodes"


def free_slots(nodes: Listing, pods: Mapping[str, int] | None) -> Mapping[str, int] | None:
    """How many more pods each node can take (allocatable pods without those that are not over); None: unknown."""
    if isinstance(nodes, Unseen) or pods is None:
        return None
    return {name: max(0, slots - pods.get(name, 0)) for name, slots in _allocatable(nodes).items()}


def judge_slots(nodes: Listing, pods: Mapping[str, int] | None, fleets: Iterable[Fleet]) -> list[Finding]:
    """Whether each node has slots for the pods that go there.

    Each scenario is judged by itself: only so many run side by side as have room.
    """
    free = free_slots(nodes, pods)
    if free is None:
        return []
    findings = []
    largest: Counter[str] = Counter()
    for fleet in fleets:
        try:
            placed = Placer(fleet.nodes, fleet.spread).place(fleet.pods)
        except ClusterError as error:
            findings.append(problem(_SLOTS, f"{fleet.scenario}: {error}", "use a larger cluster or fewer pods"))
            continue
        counts = Counter(node.name for node in placed.values())
        largest |= counts
        findings += [
            problem(
                _SLOTS,
                f"{name} has {free[name]} free, and {fleet.scenario} puts {count} pods there",
                "remove pods from the node, or raise the kubelet's maxPods",
            )
            for name, count in sorted(counts.items())
            if name in free and count > free[name]
        ]
    if findings:
        return findings
    if not largest:
        return [ok(_SLOTS, ", ".join(f"{name} {count} free" for name, count in sorted(free.items())[:5]))]
    told = [f"{name} {free[name]} free ({count} needed)" for name, count in sorted(largest.items()) if name in free]
    return [ok(_SLOTS, f"enough for the largest scenario: {names(told)}")]


def _allocatable(nodes: Sequence[Json]) -> dict[str, int]:
    found = {}
    for node in nodes:
        slots = str(node.get("status", {}).get("allocatable", {}).get("pods", ""))
        if slots.isdecimal():
            found[node["metadata"]["name"]] = int(slots)
    return found
