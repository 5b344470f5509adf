"""Placement: same-node and cross-node pairs are chosen, not left to chance."""

from __future__ import annotations

import pytest

from probe.cluster.nodes import Node
from probe.cluster.placement import Placer, nodes_for, sample_pairs, untested_topology
from probe.model.errors import ClusterError, UsageError
from probe.model.fleet import Placement, Pod, Spread

NODES = tuple(Node(f"node-{number}", f"node-{number}", labels={"pool": "ab"[number % 2]}) for number in range(1, 5))


def pod(name: str, node: str | None = None) -> Pod:
    return Pod("shop", name, name, {}, (), node)


def homes(placer: Placer, *pods: Pod) -> list[str]:
    return [node.name for node in placer.place(pods).values()]


def test_pods_without_a_symbol_are_spread_in_turn() -> None:
    assert homes(Placer(NODES[:2]), pod("a"), pod("b"), pod("c")) == ["node-1", "node-2", "node-1"]


def test_pods_created_later_go_on_with_the_turn() -> None:
    placer = Placer(NODES[:2])
    assert homes(placer, pod("a")) == ["node-1"]
    assert homes(placer, pod("b")) == ["node-2"]


def test_a_copy_goes_on_as_if_nothing_had_been_placed_since() -> None:
    placer = Placer(NODES[:2])
    homes(placer, pod("a"), pod("mine", "x"))
    before = placer.copy()
    assert homes(placer, pod("b"), pod("other", "y")) == ["node-2", "node-2"]
    assert homes(before, pod("c"), pod("b"), pod("other", "x")) == ["node-2", "node-1", "node-1"]


def test_a_pod_that_is_created_again_goes_where_it_was() -> None:
    placer = Placer(NODES)
    homes(placer, pod("a"), pod("b"))
    assert homes(placer, pod("b")) == ["node-2"]


def test_a_pod_that_is_to_have_anothers_address_goes_where_that_was() -> None:
    placer = Placer(NODES)
    homes(placer, pod("a"), pod("b"))
    assert homes(placer, Pod("shop", "c", "c", {}, (), address_of="shop/b")) == ["node-2"]


def test_the_same_symbol_shares_a_node_and_another_symbol_gets_another_node() -> None:
    assert homes(Placer(NODES), pod("a", "left"), pod("b", "right"), pod("c", "left")) == ["node-1", "node-2", "node-1"]


def test_pods_created_later_join_the_pods_of_their_symbol() -> None:
    placer = Placer(NODES[:2])
    homes(placer, pod("a", "left"), pod("b", "right"))
    assert homes(placer, pod("c", "right")) == ["node-2"]


def test_a_cluster_of_one_node_takes_everything() -> None:
    assert homes(Placer(NODES[:1]), pod("a", "left"), pod("b", "right"), pod("c")) == ["node-1"] * 3


def test_the_placement_same_puts_all_pods_on_one_node_except_those_with_symbols() -> None:
    placer = Placer(NODES, Spread.SAME)
    assert homes(placer, pod("a"), pod("b"), pod("c", "x"), pod("d", "y")) == ["node-1", "node-1", "node-1", "node-2"]


def test_the_placement_different_gives_each_pod_a_node_of_its_own() -> None:
    placer = Placer(NODES, Spread.DIFFERENT)
    assert homes(placer, *map(pod, "abc")) == ["node-1", "node-2", "node-3"]
    assert homes(placer, pod("d")) == ["node-4"]


def test_the_placement_different_is_an_error_where_nodes_are_too_few() -> None:
    with pytest.raises(ClusterError, match=r"shop/c has no node of its own: .* 2 usable nodes"):
        Placer(NODES[:2], Spread.DIFFERENT).place(map(pod, "abc"))


def test_a_group_of_nodes_is_chosen_by_labels() -> None:
    found = nodes_for(Placement(group="even"), NODES, {"even": {"pool": "a"}})
    assert [node.name for node in found] == ["node-2", "node-4"]
    assert nodes_for(Placement(), NODES, {}) == NODES


def test_an_unknown_group_and_an_empty_one_are_told_apart() -> None:
    with pytest.raises(UsageError, match=r'"gpu" is not defined \(known: even\)'):
        nodes_for(Placement(group="gpu"), NODES, {"even": {"pool": "a"}})
    with pytest.raises(ClusterError, match=r'no usable node belongs to the group "gpu" \(pool=z\)'):
        nodes_for(Placement(group="gpu"), NODES, {"gpu": {"pool": "z"}})


def test_a_sample_of_three_nodes_has_three_pairs_and_a_seed_repeats_it() -> None:
    pairs = sample_pairs(NODES, 3, seed=7)
    assert len(pairs) == 3
    assert len({node for pair in pairs for node in pair}) == 3
    assert sample_pairs(tuple(reversed(NODES)), 3, seed=7) == pairs
    assert {sample_pairs(NODES, 2, seed=seed) for seed in range(20)} != {sample_pairs(NODES, 2, seed=7)}


def test_a_sample_of_more_nodes_than_there_are_is_all_of_them() -> None:
    assert len(sample_pairs(NODES, 9, seed=1)) == 6
    assert sample_pairs(NODES[:1], 3, seed=1) == (NODES[:1],)


def test_a_fleet_says_what_its_nodes_cannot_show() -> None:
    assert untested_topology(["n", "n"], Placement(), 1) == [
        "traffic between nodes, since all pods are on n (the cluster has one usable node)"
    ]
    assert "placement: same" in untested_topology(["n", "n"], Placement(Spread.SAME), 3)[0]
    assert untested_topology(["n", "m"], Placement(), 2) == ["traffic between pods of one node, since no two share one"]
    assert untested_topology(["n", "m", "n"], Placement(), 2) == []
    assert untested_topology(["n"], Placement(), 1) == []
