"""Patches: JSON merge, strategic merge with its directives, JSON patch."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.api.errors import ApiError
from probe.sandbox.api.kinds import KINDS
from probe.sandbox.api.patch_json import json_patch, merge_patch
from probe.sandbox.api.patch_strategic import strategic_merge
from probe.sandbox.store import clone
from tests.sandbox.api.server import (
    CONFIGMAPS,
    JSON_PATCH,
    PODS,
    POLICIES,
    STRATEGIC,
    Client,
    configmap,
    pod,
    policy,
)


def test_a_merge_patch_merges_objects_and_replaces_the_rest() -> None:
    target = {"a": {"b": 1, "c": 2}, "l": [1, 2], "x": 1}
    kept = clone(target)
    assert merge_patch(target, {"a": {"b": None, "d": {"e": 1, "f": None}}, "l": [3], "y": None}) == {
        "a": {"c": 2, "d": {"e": 1}},
        "l": [3],
        "x": 1,
    }
    assert target == kept, "the stored object is shared"


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([{"op": "add", "path": "/a/x", "value": 1}], {"a": {"b": 1, "x": 1}, "l": [1, 2]}),
        ([{"op": "add", "path": "/l/1", "value": 9}], {"a": {"b": 1}, "l": [1, 9, 2]}),
        ([{"op": "add", "path": "/l/-", "value": 9}], {"a": {"b": 1}, "l": [1, 2, 9]}),
        ([{"op": "remove", "path": "/l/0"}], {"a": {"b": 1}, "l": [2]}),
        ([{"op": "replace", "path": "/l/0", "value": 5}], {"a": {"b": 1}, "l": [5, 2]}),
        ([{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "l": [1, 2], "c": 1}),
        ([{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "l": [1, 2], "c": {"b": 1}}),
        ([{"op": "test", "path": "/a/b", "value": 1}], {"a": {"b": 1}, "l": [1, 2]}),
        ([{"op": "add", "path": "/a/m~1n~0o", "value": 1}], {"a": {"b": 1, "m/n~o": 1}, "l": [1, 2]}),
    ],
)
def test_json_patch_operations(operations: list[Any], expected: Any) -> None:
    assert json_patch({"a": {"b": 1}, "l": [1, 2]}, operations) == expected


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([{"op": "test", "path": "/a/b", "value": 2}], 422),
        ([{"op": "remove", "path": "/nothing"}], 422),
        ([{"op": "replace", "path": "/l/2", "value": 1}], 422),
        ([{"op": "add", "path": "/x/y", "value": 1}], 422),
        ([{"op": "jump", "path": "/a"}], 400),
        ([{"op": "add", "path": "a", "value": 1}], 400),
        ([{"op": "add", "path": "/a"}], 400),
        ({"op": "add"}, 400),
    ],
)
def test_a_json_patch_that_does_not_apply_is_refused(operations: Any, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({"a": {"b": 1}, "l": [1, 2]}, operations)
    assert refused.value.code == code


def strategic(containers: list[Any], patch: Any) -> Any:
    return strategic_merge(KINDS["Pod"], {"spec": {"containers": containers}}, {"spec": patch})["spec"]


def test_keyed_lists_merge_by_their_key() -> None:
    containers = [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "1"}]
    patch = {
        "containers": [{"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}]}, {"name": "c", "image": "3"}]
    }
    assert strategic(containers, patch) == {
        "containers": [
            {"name": "a", "image": "2", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
            {"name": "b", "image": "1"},
            {"name": "c", "image": "3"},
        ]
    }


def test_an_item_can_be_deleted_or_the_list_replaced() -> None:
    containers = [{"name": "a"}, {"name": "b"}]
    assert strategic(containers, {"containers": [{"name": "a", "$patch": "delete"}]}) == {"containers": [{"name": "b"}]}
    replaced = strategic(containers, {"containers": [{"$patch": "replace"}, {"name": "c"}]})
    assert replaced == {"containers": [{"name": "c"}]}


def test_the_order_of_a_list_can_be_set() -> None:
    order = [{"name": "c"}, {"name": "a"}]
    patch = {"$setElementOrder/containers": order, "containers": [{"name": "c"}]}
    assert strategic([{"name": "a"}, {"name": "b"}], patch)["containers"] == [
        {"name": "c"},
        {"name": "b"},
        {"name": "a"},
    ]


def test_maps_can_be_replaced_and_their_keys_retained() -> None:
    volume = {"name": "v", "hostPath": {"path": "/x"}}
    patch = {"volumes": [{"name": "v", "$retainKeys": ["name", "emptyDir"], "emptyDir": {}}]}
    merged = strategic_merge(KINDS["Pod"], {"spec": {"volumes": [volume]}}, {"spec": patch})
    assert merged["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    labels = {"metadata": {"labels": {"a": "1"}}}
    replaced = strategic_merge(KINDS["Pod"], labels, {"metadata": {"labels": {"$patch": "replace", "b": "2"}}})
    assert replaced["metadata"]["labels"] == {"b": "2"}


def test_sets_of_scalars_merge() -> None:
    target = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["b", "c"]}
    assert strategic_merge(KINDS["Pod"], target, {"metadata": patch})["metadata"]["finalizers"] == ["b", "c"]


def test_an_item_without_its_key_is_refused() -> None:
    with pytest.raises(ApiError, match="does not contain declared merge key: name"):
        strategic([{"name": "a"}], {"containers": [{"image": "x"}]})


async def test_patches_over_http(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap(a="1", b="2"))
    path = f"{CONFIGMAPS}/settings"
    assert (await client.patch(path, {"data": {"a": None}})).body["data"] == {"b": "2"}
    added = await client.patch(path, [{"op": "add", "path": "/data/c", "value": "3"}], JSON_PATCH)
    assert added.body["data"] == {"b": "2", "c": "3"}
    await client.post(PODS, pod())
    image = {"spec": {"containers": [{"name": "agent", "image": "new:1"}]}}
    patched = await client.patch(f"{PODS}/backend", image, STRATEGIC)
    container = patched.body["spec"]["containers"][0]
    assert (container["image"], container["ports"]) == ("new:1", [{"containerPort": 80, "protocol": "TCP"}])


async def test_a_policys_rules_are_replaced_as_a_whole(client: Client) -> None:
    await client.post(POLICIES, policy(ingress=[{"ports": [{"port": 80}]}]))
    patched = await client.patch(f"{POLICIES}/deny", {"spec": {"ingress": [{"ports": [{"port": 81}]}]}}, STRATEGIC)
    assert patched.body["spec"]["ingress"] == [{"ports": [{"port": 81, "protocol": "TCP"}]}]


async def test_a_patch_is_validated_and_keeps_its_preconditions(client: Client) -> None:
    await client.post(CONFIGMAPS, configmap())
    path = f"{CONFIGMAPS}/settings"
    assert (await client.patch(path, {"metadata": {"resourceVersion": "1"}, "data": {"a": "b"}})).code == 409
    assert (await client.patch(path, {"metadata": {"uid": "other"}})).code == 409
    assert (await client.patch(path, {"metadata": {"name": "other"}})).code == 400
    assert (await client.patch(path, {"metadata": {"labels": {"-": ""}}})).code == 422
    assert (await client.patch(path, {"data": {"a": 1}})).code == 400
    assert (await client.patch(f"{CONFIGMAPS}/nothing", {})).code == 404
    assert (await client.patch(path, b"{", STRATEGIC)).code == 400


async def test_a_refused_patch_leaves_the_object_alone(client: Client) -> None:
    created = (await client.post(POLICIES, policy(ingress=[{"ports": [{"port": 80, "endPort": 90}]}]))).body
    refused = await client.patch(
        f"{POLICIES}/deny", [{"op": "replace", "path": "/spec/ingress/0/ports/0/endPort", "value": 1}], JSON_PATCH
    )
    assert refused.code == 422
    assert (await client.get(f"{POLICIES}/deny")).body == created
