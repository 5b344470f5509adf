"""Who may talk to whom: selectors and blocks, judged by packets over both families, same-node and cross-node."""

from __future__ import annotations

import pytest

from tests.sandbox.enforce.objects import Obj, block, expression, labelled, policy
from tests.sandbox.enforce.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

BOTH = ("Ingress", "Egress")
ALL = {"x/a", "x/b", "x/c", "y/a", "y/b", "z/bare"}
OUTSIDE = {"inner", "outer"}
V4_ALL, V6_ALL = block("0.0.0.0/0"), block("::/0")


def into_b(*peers: Obj) -> Obj:
    """x/b accepts these peers."""
    return policy("x", labelled(pod="b"), ingress=[{"from": list(peers)}])


def out_of_b(*peers: Obj) -> Obj:
    """x/b may connect to these peers."""
    return policy("x", labelled(pod="b"), egress=[{"to": list(peers)}], types=["Egress"])


# pods


async def test_a_pod_selector_alone_means_the_policys_own_namespace(world: World) -> None:
    await world.enforce(into_b({"podSelector": labelled(pod="a")}))
    assert await world.sources_of("x/b") == {"x/a"}


async def test_an_empty_pod_selector_peer_is_every_pod_of_the_own_namespace(world: World) -> None:
    await world.enforce(into_b({"podSelector": {}}))
    assert await world.sources_of("x/b") == {"x/a", "x/c"}


async def test_an_empty_namespace_selector_is_every_pod_but_nobody_outside(world: World) -> None:
    await world.enforce(
        into_b({"namespaceSelector": {}}),
        out_of_b({"namespaceSelector": {}}) | {"metadata": {"namespace": "x", "name": "out"}},
    )
    assert await world.sources_of("x/b") == ALL - {"x/b"}
    assert (await world.probe("inner", "x/b", 80)).outcome == "dropped"
    assert await world.targets_of("x/b") == ALL - {"x/b"}


async def test_a_namespace_selector_alone_is_all_pods_of_those_namespaces(world: World) -> None:
    await world.enforce(into_b({"namespaceSelector": labelled(ns="y")}))
    assert await world.sources_of("x/b") == {"y/a", "y/b"}


async def test_both_selectors_in_one_peer_must_match(world: World) -> None:
    await world.enforce(into_b({"namespaceSelector": labelled(ns="y"), "podSelector": labelled(pod="a")}))
    assert await world.sources_of("x/b") == {"y/a"}


async def test_two_peers_are_alternatives(world: World) -> None:
    await world.enforce(into_b({"namespaceSelector": labelled(ns="y")}, {"podSelector": labelled(pod="a")}))
    assert await world.sources_of("x/b") == {"x/a", "y/a", "y/b"}


async def test_egress_peers_are_selected_like_ingress_peers(world: World) -> None:
    await world.enforce(out_of_b({"namespaceSelector": labelled(ns="y"), "podSelector": labelled(pod="b")}))
    assert await world.targets_of("x/b") == {"y/b"}
    assert await world.sources_of("x/b") == ALL - {"x/b"}


async def test_the_name_label_of_a_namespace_selects_it(world: World) -> None:
    await world.enforce(into_b({"namespaceSelector": labelled(**{"kubernetes.io/metadata.name": "z"})}))
    assert await world.sources_of("x/b") == {"z/bare"}


@pytest.mark.parametrize(
    ("selector", "sources"),
    [
        (expression("pod", "In", "a", "c"), {"x/a", "x/c", "y/a"}),
        (expression("pod", "NotIn", "a", "c"), {"y/b", "z/bare"}),
        (expression("pod", "Exists"), {"x/a", "x/c", "y/a", "y/b"}),
        (expression("pod", "DoesNotExist"), {"z/bare"}),
        (labelled(pod=""), set()),
    ],
    ids=["In", "NotIn with the key absent", "Exists", "DoesNotExist", "an empty value is not an absent key"],
)
async def test_label_expressions_of_peers(world: World, selector: Obj, sources: set[str]) -> None:
    await world.enforce(into_b({"namespaceSelector": {}, "podSelector": selector}))
    assert await world.sources_of("x/b") == sources


async def test_several_expressions_must_all_hold(world: World) -> None:
    both = {
        "matchExpressions": [
            *expression("pod", "Exists")["matchExpressions"],
            *expression("pod", "NotIn", "a")["matchExpressions"],
        ]
    }
    await world.enforce(into_b({"namespaceSelector": {}, "podSelector": both}))
    assert await world.sources_of("x/b") == {"x/c", "y/b"}


async def test_a_peer_that_nobody_matches_allows_nobody(world: World) -> None:
    await world.enforce(into_b({"podSelector": labelled(pod="nobody")}))
    assert await world.sources_of("x/b") == set()


async def test_an_empty_subject_selector_isolates_the_whole_namespace_and_no_other(world: World) -> None:
    await world.enforce(policy("x", {}, ingress=[]))
    for name in ("x/a", "x/b", "x/c"):
        assert await world.sources_of(name) == set()
    assert await world.sources_of("y/a") == ALL - {"y/a"}


async def test_a_subject_is_selected_by_expressions_too(world: World) -> None:
    await world.enforce(policy("z", expression("pod", "DoesNotExist"), ingress=[]))
    assert await world.sources_of("z/bare") == set()


async def test_a_label_added_to_and_removed_from_a_peer_is_followed(world: World) -> None:
    rule = into_b({"podSelector": labelled(role="client")})
    labels = world.pods["x/c"]["metadata"]["labels"]
    world.pods["x/c"]["metadata"]["labels"] = {**labels, "role": "client"}
    await world.enforce(rule)
    assert await world.sources_of("x/b") == {"x/c"}
    world.pods["x/c"]["metadata"]["labels"] = labels
    await world.enforce(rule)
    assert await world.sources_of("x/b") == set()


async def test_a_label_of_a_namespace_is_followed(world: World) -> None:
    rule = into_b({"namespaceSelector": labelled(team="shop")})
    world.namespaces["y"]["team"] = "shop"
    await world.enforce(rule)
    assert await world.sources_of("x/b") == {"y/a", "y/b"}
    del world.namespaces["y"]["team"]
    await world.enforce(rule)
    assert await world.sources_of("x/b") == set()


# blocks


async def test_rules_without_peers_include_addresses_outside(world: World) -> None:
    await world.enforce(policy("x", labelled(pod="b"), ingress=[{}], egress=[{"to": []}]))
    assert await world.sources_of("x/b") == ALL - {"x/b"}
    assert (await world.probe("outer", "x/b", 80)).outcome == "connected"
    assert await world.targets_of("x/b") == ALL - {"x/b"} | OUTSIDE


async def test_a_block_admits_addresses_outside(world: World) -> None:
    await world.enforce(out_of_b(block("10.0.0.0/16"), block("2001:db8:0::/48")))
    assert await world.targets_of("x/b") == {"inner"}


async def test_a_block_admits_from_outside(world: World) -> None:
    await world.enforce(into_b(block("10.0.0.0/16"), block("2001:db8:0::/48")))
    assert (await world.probe("inner", "x/b", 80)).outcome == "connected"
    assert (await world.probe("outer", "x/b", 80)).outcome == "dropped"


async def test_a_block_matches_pod_addresses_as_well(world: World) -> None:
    peers = [block(f"{it}/{128 if ':' in it else 32}") for it in world.hosts["y/b"].addresses.values()]
    await world.enforce(into_b(*peers))
    assert await world.sources_of("x/b") == {"y/b"}
    await world.enforce(out_of_b(*peers))
    assert await world.targets_of("x/b") == {"y/b"}


async def test_except_subtracts_from_its_block(world: World) -> None:
    excepts = world.hosts["x/a"].addresses.values(), world.hosts["x/c"].addresses.values()
    (a4, a6), (c4, c6) = excepts
    await world.enforce(into_b(block("0.0.0.0/0", f"{a4}/32", f"{c4}/32"), block("::/0", f"{a6}/128", f"{c6}/128")))
    assert await world.sources_of("x/b") == ALL - {"x/a", "x/b", "x/c"}
    assert (await world.probe("outer", "x/b", 80)).outcome == "connected"


async def test_what_one_block_excepts_another_may_allow(world: World) -> None:
    v4, v6 = world.hosts["x/a"].addresses.values()
    await world.enforce(
        into_b(
            block("0.0.0.0/0", "10.244.0.0/16"),
            block(f"{v4}/32"),
            block("::/0", "fd00:10:244::/48"),
            block(f"{v6}/128"),
        )
    )
    assert await world.sources_of("x/b") == {"x/a"}
    assert (await world.probe("outer", "x/b", 80)).outcome == "connected"


async def test_a_pod_selector_allows_what_a_block_beside_it_excepts(world: World) -> None:
    await world.enforce(into_b(block("0.0.0.0/0", "10.244.0.0/16"), {"podSelector": labelled(pod="a")}))
    assert await world.sources_of("x/b") == {"x/a"}


async def test_all_of_ipv4_says_nothing_of_ipv6(world: World) -> None:
    for rule in (into_b(V4_ALL), out_of_b(V4_ALL)):
        await world.enforce(rule)
        for source, target in (("x/a", "x/b"), ("x/b", "x/a"), ("y/b", "x/b"), ("x/b", "y/b")):
            judged = (source if rule["spec"].get("egress") else target) == "x/b"
            v4, v6 = world.hosts[target].addresses.values()
            assert (await world.dial(source, v4, 80)).outcome == "connected"
            assert (await world.dial(source, v6, 80)).outcome == ("dropped" if judged else "connected")


async def test_all_of_ipv6_says_nothing_of_ipv4(world: World) -> None:
    await world.enforce(into_b(V6_ALL))
    v4, v6 = world.hosts["x/b"].addresses.values()
    assert (await world.dial("y/b", v4, 80)).outcome == "dropped"
    assert (await world.dial("y/b", v6, 80)).outcome == "connected"


async def test_a_hundred_peers_are_all_honoured(world: World) -> None:
    blocks = [block(f"198.51.{number}.0/24") for number in range(100)]
    clients = {"podSelector": labelled(pod="a")}, block("10.0.12.34/32"), block("2001:db8:0:1::34/128")
    await world.enforce(into_b(*blocks, *clients))
    assert await world.sources_of("x/b") == {"x/a"}
    assert (await world.probe("inner", "x/b", 80)).outcome == "connected"


# nodes


async def test_a_node_reaches_its_own_pods_whatever_the_policies_say(world: World) -> None:
    await world.enforce(policy("x", labelled(pod="b"), ingress=[], egress=[], types=BOTH))
    assert (await world.probe("node-1", "x/b", 80)).outcome == "connected"
    assert (await world.probe("x/b", "node-1", 80)).outcome == "connected"


async def test_another_node_is_a_stranger_that_only_a_block_admits(world: World) -> None:
    await world.enforce(into_b({"namespaceSelector": {}}))
    assert (await world.probe("node-2", "x/b", 80)).outcome == "dropped"
    await world.enforce(into_b(block("172.18.0.0/16"), block("fd00:172:18::/64")))
    assert (await world.probe("node-2", "x/b", 80)).outcome == "connected"


async def test_egress_to_another_nodes_address_needs_a_block(world: World) -> None:
    await world.enforce(out_of_b({"namespaceSelector": {}}))
    assert (await world.probe("x/b", "node-2", 80)).outcome == "dropped"
    await world.enforce(out_of_b(block("172.18.0.0/16"), block("fd00:172:18::/64")))
    assert (await world.probe("x/b", "node-2", 80)).outcome == "connected"


async def test_a_pod_reaches_itself_by_its_own_address(world: World) -> None:
    await world.enforce(policy("x", {}, ingress=[], egress=[], types=BOTH))
    assert (await world.probe("x/b", "x/b", 80)).outcome == "connected"
    assert (await world.probe("x/b", "x/b", 80, "UDP")).outcome == "connected"


# pods that policies do not know


async def test_a_finished_pod_gives_its_peers_nothing_and_its_address_may_be_anothers(world: World) -> None:
    await world.pod("x/job", "node-2", labels={"pod": "job"})
    rule = into_b({"podSelector": labelled(pod="job")})
    await world.enforce(rule)
    assert await world.sources_of("x/b") == {"x/job"}
    world.pods["x/job"]["status"]["phase"] = "Succeeded"
    await world.enforce(rule)
    assert await world.sources_of("x/b") == set()


async def test_a_terminating_pod_is_still_enforced_and_still_a_peer(world: World) -> None:
    await world.pod("x/leaving", "node-2", labels={"pod": "leaving"})
    world.pods["x/leaving"]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    await world.enforce(
        into_b({"podSelector": labelled(pod="leaving")}),
        policy("x", labelled(pod="leaving"), name="leaving", ingress=[]),
    )
    assert await world.sources_of("x/b") == {"x/leaving"}
    assert await world.sources_of("x/leaving") == set()


async def test_a_host_network_pod_is_neither_subject_nor_peer(world: World) -> None:
    world.pods["x/host"] = {
        "kind": "Pod",
        "metadata": {"namespace": "x", "name": "host", "uid": "host", "labels": {"pod": "a"}},
        "spec": {"nodeName": "node-2", "hostNetwork": True, "containers": []},
        "status": {"phase": "Running", "podIPs": [{"ip": it} for it in world.hosts["node-2"].addresses.values()]},
    }
    try:
        await world.enforce(
            into_b({"podSelector": labelled(pod="a")}), policy("x", labelled(pod="a"), name="a", ingress=[])
        )
        assert (await world.probe("node-2", "x/b", 80)).outcome == "dropped"
        assert (await world.probe("x/b", "node-2", 80)).outcome == "connected"
    finally:
        del world.pods["x/host"]
