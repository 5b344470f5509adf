"""Directions and their union: policyTypes, several policies, both sides, replies, ways to say no."""

from __future__ import annotations

import pytest

from probe.sandbox.enforce.compile import Deny, Options
from tests.sandbox.enforce.objects import labelled, policy, port
from tests.sandbox.enforce.world import World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

BOTH = ("Ingress", "Egress")
ALL = {"x/a", "x/b", "x/c", "y/a", "y/b", "z/bare"}
OUTSIDE = {"inner", "outer"}
B = labelled(pod="b")
FROM_A = [{"from": [{"podSelector": labelled(pod="a")}]}]
TO_A = [{"to": [{"podSelector": labelled(pod="a")}]}]


async def test_without_policies_everything_is_open(world: World) -> None:
    assert await world.sources_of("x/b") == ALL - {"x/b"}
    assert await world.targets_of("x/b") == ALL - {"x/b"} | OUTSIDE


async def test_an_ingress_policy_leaves_egress_alone(world: World) -> None:
    await world.enforce(policy("x", B))
    assert await world.sources_of("x/b") == set()
    assert await world.sources_of("x/b", 80, "UDP") == set()
    assert await world.targets_of("x/b") == ALL - {"x/b"} | OUTSIDE


async def test_an_egress_policy_leaves_ingress_alone(world: World) -> None:
    await world.enforce(policy("x", B, types=["Egress"]))
    assert await world.targets_of("x/b") == set()
    assert await world.targets_of("x/b", 80, "UDP") == set()
    assert await world.sources_of("x/b") == ALL - {"x/b"}


async def test_absent_policy_types_mean_ingress_always_and_egress_only_with_an_egress_section(world: World) -> None:
    await world.enforce(policy("x", B, egress=TO_A))
    assert await world.sources_of("x/b") == set()
    assert await world.targets_of("x/b") == {"x/a"}


async def test_rules_of_a_type_that_is_not_listed_are_ignored(world: World) -> None:
    await world.enforce(policy("x", B, ingress=FROM_A, egress=TO_A, types=["Ingress"]))
    assert await world.sources_of("x/b") == {"x/a"}
    assert await world.targets_of("x/b") == ALL - {"x/b"} | OUTSIDE
    await world.enforce(policy("x", B, ingress=FROM_A, egress=TO_A, types=["Egress"]))
    assert await world.sources_of("x/b") == ALL - {"x/b"}
    assert await world.targets_of("x/b") == {"x/a"}


async def test_both_types_without_rules_deny_both(world: World) -> None:
    await world.enforce(policy("x", B, types=["Ingress", "Egress"]))
    assert await world.sources_of("x/b") == set()
    assert await world.targets_of("x/b") == set()


async def test_an_empty_rule_allows_everything(world: World) -> None:
    await world.enforce(policy("x", B, ingress=[{}], egress=[{}]))
    assert await world.sources_of("x/b") == ALL - {"x/b"}
    assert await world.targets_of("x/b") == ALL - {"x/b"} | OUTSIDE


async def test_policies_add_up_in_any_order(world: World) -> None:
    deny = policy("x", {}, name="deny", ingress=[])
    by_pod = policy("x", B, name="one", ingress=FROM_A)
    by_port = policy("x", B, name="two", ingress=[{"ports": [port(81)]}])
    for order in ((deny, by_pod, by_port), (by_port, deny, by_pod)):
        await world.enforce(*order)
        assert await world.sources_of("x/b", 80) == {"x/a"}
        assert await world.sources_of("x/b", 81) == ALL - {"x/b"}
    await world.enforce(deny, by_port)
    assert await world.sources_of("x/b", 80) == set()
    assert await world.sources_of("x/b", 81) == ALL - {"x/b"}


async def test_rules_of_one_policy_add_up_without_mixing_their_peers_and_ports(world: World) -> None:
    rules = [
        {"from": [{"podSelector": labelled(pod="a")}], "ports": [port(80)]},
        {"from": [{"podSelector": labelled(pod="c")}], "ports": [port(81)]},
    ]
    await world.enforce(policy("x", B, ingress=rules))
    assert await world.sources_of("x/b", 80) == {"x/a"}
    assert await world.sources_of("x/b", 81) == {"x/c"}


async def test_source_and_destination_must_both_allow(world: World) -> None:
    ingress = [policy("x", labelled(pod=pod), name=f"in-{pod}", ingress=[{}]) for pod in "ac"]
    egress = policy("x", B, name="out", egress=TO_A)
    await world.enforce(egress, *ingress)
    assert await world.targets_of("x/b") == {"x/a"}
    await world.enforce(egress, policy("x", labelled(pod="a"), name="closed", ingress=[]))
    assert await world.targets_of("x/b") == set()
    await world.enforce(policy("x", B, name="out", types=["Egress"]), *ingress)
    assert await world.targets_of("x/b") == set()


async def test_replies_of_an_allowed_connection_need_no_rule(world: World) -> None:
    """The server may not begin anything, the client may not be reached: one-way, same-node and cross-node."""
    server = policy("x", labelled(pod="b"), name="server", ingress=[{}], egress=[], types=BOTH)
    clients = [policy("x", labelled(pod=pod), name=f"client-{pod}", ingress=[], egress=[{}]) for pod in "ac"]
    await world.enforce(server, *clients)
    for client in ("x/a", "x/c"):
        assert (await world.probe(client, "x/b", 80)).outcome == "connected"
        assert (await world.probe(client, "x/b", 80, "UDP")).outcome == "connected"
        assert (await world.probe("x/b", client, 80)).outcome == "dropped"
        assert (await world.probe("x/b", client, 80, "UDP")).outcome == "dropped"


async def test_a_pod_in_many_policies_gets_the_sum_of_fifty(world: World) -> None:
    policies = [policy("x", B, name=f"p{number}", ingress=[{"ports": [port(6000 + number)]}]) for number in range(49)]
    await world.enforce(*policies, policy("x", B, name="last", ingress=[*FROM_A]))
    assert await world.sources_of("x/b") == {"x/a"}


async def test_a_removed_policy_leaves_nothing_behind(world: World) -> None:
    await world.enforce(policy("x", {}, ingress=[], egress=[], types=BOTH))
    await world.enforce()
    assert await world.sources_of("x/b") == ALL - {"x/b"}
    assert await world.targets_of("x/b") == ALL - {"x/b"} | OUTSIDE


async def test_a_denial_can_be_a_reject_that_the_sender_sees_at_once(world: World) -> None:
    world.options = Options(deny=Deny.REJECT)
    await world.enforce(policy("x", B, ingress=[], egress=[], types=BOTH))
    for source, target in (("x/a", "x/b"), ("y/b", "x/b"), ("x/b", "x/a"), ("x/b", "y/b")):
        assert (await world.probe(source, target, 80)).outcome == "refused"
        assert (await world.probe(source, target, 80, "UDP")).outcome == "unreachable"


async def test_a_cluster_that_ignores_policies_enforces_nothing(world: World) -> None:
    world.options = Options(policies=False)
    await world.enforce(policy("x", B, ingress=[], egress=[], types=BOTH))
    assert await world.sources_of("x/b") == ALL - {"x/b"}
