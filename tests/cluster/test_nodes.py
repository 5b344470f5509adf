"""Which nodes are used: those where an agent can run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from probe.cluster.nodes import Node, unusable_causes, usable, usable_nodes
from probe.model.agent_options import AgentOptions
from probe.model.errors import ClusterError
from probe.model.toleration import parse_toleration
from tests.cluster.support import serving


def node(name: str, labels: dict[str, str] | None = None, ready: str = "True", **spec: object) -> dict[str, object]:
    metadata: dict[str, object] = {"name": name}
    if labels is not None:
        metadata["labels"] = labels
    return {"metadata": metadata, "spec": spec, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


async def test_only_nodes_where_an_agent_can_run_are_used(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        items = [
            node("worker.example.com", {"kubernetes.io/hostname": "worker", "kubernetes.io/os": "linux"}),
            node("bare"),
            node("windows", {"kubernetes.io/os": "windows"}),
            node("broken", ready="Unknown"),
            node("cordoned", unschedulable=True),
            node("control-plane", taints=[{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]),
        ]
        return web.json_response({"items": items})

    async with serving(tmp_path, answer) as api:
        assert await usable_nodes(api) == (Node("bare", ""), Node("worker.example.com", "worker"))


async def test_a_cluster_without_such_a_node_is_refused(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"items": [node("windows", {"kubernetes.io/os": "windows"})]})

    async with serving(tmp_path, answer) as api:
        with pytest.raises(ClusterError, match="none of the cluster's 1 nodes can take pods: windows runs windows"):
            await usable_nodes(api)


PROBES = {"key": "dedicated", "value": "probes", "effect": "NoSchedule"}


def test_tolerations_and_the_node_selector_decide_as_the_scheduler_will() -> None:
    nodes = [
        node("plain"),
        node("probes", {"pool": "probes"}, taints=[PROBES]),
        node("leaving", {"pool": "probes"}, unschedulable=True, taints=[UNSCHEDULABLE]),
        node("shy", {"pool": "probes"}, taints=[{"key": "busy", "effect": "PreferNoSchedule"}]),
    ]

    def chosen(**options: Any) -> list[str]:
        return [each.name for each in usable(nodes, AgentOptions(**options))]

    assert chosen() == ["plain", "shy"]
    assert chosen(tolerations=(parse_toleration("dedicated=probes:NoSchedule"),)) == ["plain", "probes", "shy"]
    assert chosen(tolerations=(parse_toleration("*"),)) == ["plain", "probes", "shy"]
    assert chosen(tolerations=(parse_toleration("*"),), node_selector={"pool": "probes"}) == ["probes", "shy"]


UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def test_why_no_node_can_be_used_is_told_with_what_to_do() -> None:
    nodes = [node("a", taints=[PROBES]), node("b", taints=[PROBES]), node("c", ready="False"), node("d")]
    options = AgentOptions(node_selector={"pool": "probes"})
    assert unusable_causes(nodes) == "a, b tainted (--toleration dedicated=probes:NoSchedule); c not ready"
    assert unusable_causes(nodes, options) == "a, b, c, d without the label pool=probes"
