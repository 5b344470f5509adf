"""Placement: same-node and cross-node pairs are chosen, not left to chance."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from probe.cluster.nodes import Node, place, usable_nodes
from probe.model.errors import ClusterError
from probe.model.scenario import Pod
from tests.cluster.support import serving

NODES = (Node("node-1", "node-1"), Node("node-2", "node-2"))


def pod(name: str, node: str | None = None) -> Pod:
    return Pod("shop", name, name, {}, (), node)


def test_pods_without_a_symbol_are_spread_in_turn() -> None:
    placed = place([pod("a"), pod("b"), pod("c")], NODES)
    assert [placed[f"shop/{name}"].name for name in "abc"] == ["node-1", "node-2", "node-1"]


def test_the_same_symbol_shares_a_node_and_another_symbol_gets_another_node() -> None:
    placed = place([pod("a", "left"), pod("b", "right"), pod("c", "left")], NODES)
    assert placed["shop/a"] == placed["shop/c"]
    assert placed["shop/a"] != placed["shop/b"]


def test_pods_created_later_join_the_pods_of_their_symbol() -> None:
    taken: dict[str, Node] = {}
    first = place([pod("a", "left"), pod("b", "right")], NODES, taken)
    later = place([pod("c", "right")], NODES, taken)
    assert later["shop/c"] == first["shop/b"]


def test_a_cluster_of_one_node_takes_everything() -> None:
    placed = place([pod("a", "left"), pod("b", "right")], NODES[:1])
    assert {node.name for node in placed.values()} == {"node-1"}


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
