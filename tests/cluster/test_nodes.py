"""Which nodes are used: those where an agent can run."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from probe.cluster.nodes import Node, usable_nodes
from probe.model.errors import ClusterError
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
        with pytest.raises(ClusterError, match="none of the cluster's 1 nodes is ready, schedulable and runs Linux"):
            await usable_nodes(api)
