"""Placement: same-node and cross-node pairs are chosen, not left to chance."""

from __future__ import annotations

from probe.cluster.nodes import Node, place
from probe.model.scenario import Pod

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
