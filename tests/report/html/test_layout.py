"""Where the flow graph's nodes are."""

from __future__ import annotations

import math
from itertools import combinations

import pytest

from probe.report.html.layout import MAX_PODS, WIDTH, layout


def fleet(namespaces: int, pods: int) -> list[str]:
    return [f"n{namespace}/p{pod}" for namespace in range(namespaces) for pod in range(pods)]


@pytest.mark.parametrize(("namespaces", "pods"), [(1, 1), (1, 2), (3, 1), (3, 3), (5, 6), (30, 1), (1, 30)])
def test_no_two_nodes_touch_and_all_are_in_the_picture(namespaces: int, pods: int) -> None:
    placed = layout(fleet(namespaces, pods))
    assert len(placed.nodes) == namespaces * pods
    for node in placed.nodes:
        assert 0 < node.x < WIDTH
        assert 0 < node.y < placed.height
    for one, other in combinations(placed.nodes, 2):
        assert math.dist((one.x, one.y), (other.x, other.y)) > 20


def test_the_same_ends_are_always_in_the_same_places() -> None:
    assert layout(fleet(3, 3)) == layout(iter(fleet(3, 3)))


def test_the_pods_of_a_namespace_are_neighbours_on_one_band() -> None:
    placed = layout(["a/1", "b/1", "a/2", "b/2"])
    assert [node.id for node in placed.nodes] == ["a/1", "a/2", "b/1", "b/2"]
    assert [group.name for group in placed.groups] == ["a", "b"]


def test_a_large_fleet_is_drawn_by_namespace() -> None:
    assert not layout(fleet(3, MAX_PODS // 3)).by_namespace
    placed = layout(fleet(3, MAX_PODS // 3 + 1))
    assert placed.by_namespace
    assert [node.id for node in placed.nodes] == ["n0", "n1", "n2"]


def test_an_empty_fleet_has_an_empty_picture() -> None:
    assert layout([]).nodes == ()
