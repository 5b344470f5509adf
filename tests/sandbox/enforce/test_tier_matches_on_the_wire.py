"""What rules of cluster-scoped policies match: peers and ports, judged by packets."""

from __future__ import annotations

import asyncio

import pytest

from probe.model.cell import Family
from probe.model.clusterpolicy import validate_cluster_policy
from tests.sandbox.enforce.objects import (
    Obj,
    anp,
    banp,
    cnp,
    endpoints,
    labelled,
    namespaces,
    pods,
    policy,
    rule,
    service,
)
from tests.sandbox.enforce.world import TCP_PORTS, UDP_PORTS, World

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

B, ALL, X, Y = pods("x", pod="b"), namespaces(), namespaces(ns="x"), namespaces(ns="y")
EVERYBODY = {"x/a", "x/c", "y/a", "y/b", "z/bare"}
OUTSIDE = {"inner", "outer"}
NODES = {"node-1", "node-2"}

EVERY_TCP = {f"{number}/TCP" for number in TCP_PORTS}
EVERY_UDP = {f"{number}/UDP" for number in UDP_PORTS}


def tcp(number: int, end: int | None = None, transport: str = "tcp") -> Obj:
    """An item of ``protocols``."""
    return {transport: {"destinationPort": {"range": {"start": number, "end": end}} if end else {"number": number}}}


def old(number: int, end: int | None = None, **protocol: str) -> Obj:
    """An item of ``ports``."""
    if end:
        return {"portRange": {"start": number, "end": end, **protocol}}
    return {"portNumber": {"port": number, **protocol}}


async def closed(world: World, source: str, target: str) -> set[str]:
    """The ports of the target that the source does not reach."""
    ports = [(number, "TCP") for number in TCP_PORTS] + [(number, "UDP") for number in UDP_PORTS]
    answers = await asyncio.gather(*(world.probe(source, target, *port) for port in ports))
    pairs = zip(ports, answers, strict=True)
    return {f"{number}/{protocol}" for (number, protocol), answer in pairs if answer.outcome != "connected"}


PORTS = {
    "no ports: all traffic": ({}, EVERY_TCP | EVERY_UDP),
    "a number": ({"protocols": [tcp(80)]}, {"80/TCP"}),
    "a number of UDP": ({"protocols": [tcp(81, transport="udp")]}, {"81/UDP"}),
    "a range is inclusive at both ends": ({"protocols": [tcp(80, 90)]}, {"80/TCP", "81/TCP", "90/TCP"}),
    "the widest range": ({"protocols": [tcp(1, 65535)]}, EVERY_TCP),
    "several add up": ({"protocols": [tcp(80), tcp(5000, transport="udp")]}, {"80/TCP", "5000/UDP"}),
    "SCTP is neither": ({"protocols": [tcp(80, transport="sctp")]}, set()),
    "a name, whatever its protocol: TCP": ({"protocols": [{"destinationNamedPort": "http"}]}, {"80/TCP"}),
    "a name, whatever its protocol: UDP": ({"protocols": [{"destinationNamedPort": "dns"}]}, {"81/UDP"}),
    "an unserved name is no port": ({"protocols": [{"destinationNamedPort": "nobody"}]}, set()),
    "a name beside a number": ({"protocols": [{"destinationNamedPort": "dns"}, tcp(90)]}, {"81/UDP", "90/TCP"}),
    "old: a number is TCP": ({"ports": [old(80)]}, {"80/TCP"}),
    "old: a number of UDP": ({"ports": [old(81, protocol="UDP")]}, {"81/UDP"}),
    "old: a range": (
        {"ports": [old(80, 81), old(90, 5000, protocol="UDP")]},
        {"80/TCP", "81/TCP", "90/UDP", "5000/UDP"},
    ),
    "old: a name": ({"ports": [{"namedPort": "dns"}]}, {"81/UDP"}),
}


@pytest.mark.parametrize(("ports", "expected"), PORTS.values(), ids=PORTS.keys())
async def test_ports_of_a_denial(world: World, ports: dict[str, list[Obj]], expected: set[str]) -> None:
    make = anp if "ports" in ports else cnp
    entering = make(B, ingress=[rule("Deny", ALL, **ports)])
    leaving = make(pods("x", pod="c"), name="leaving", egress=[rule("Deny", B, **ports)])
    assert validate_cluster_policy(entering) == validate_cluster_policy(leaving) == []
    await world.enforce(entering)
    assert await closed(world, "y/a", "x/b") == expected
    await world.enforce(leaving)
    assert await closed(world, "x/c", "x/b") == expected


@pytest.mark.parametrize("kind", ["cnp", "anp", "banp"])
async def test_a_name_may_be_another_number_on_each_destination(world: World, kind: str) -> None:
    """http is 80 on x/a and y/a, and 81 on x/c and y/b; nothing of that name is on z/bare."""
    named = {"protocols": [{"destinationNamedPort": "http"}]} if kind == "cnp" else {"ports": [{"namedPort": "http"}]}
    rules = [rule("Deny", ALL, **named)]
    await world.enforce({"cnp": cnp, "anp": anp, "banp": banp}[kind](B, egress=rules))
    assert await world.targets_of("x/b", 80) == {"x/c", "y/b", "z/bare", *OUTSIDE}
    assert await world.targets_of("x/b", 81) == {"x/a", "y/a", "z/bare", *OUTSIDE}


async def test_a_name_of_an_ingress_rule_is_its_own_pods(world: World) -> None:
    await world.enforce(cnp(X, ingress=[rule("Deny", Y, protocols=[{"destinationNamedPort": "http"}])]))
    assert (await closed(world, "y/a", "x/a"), await closed(world, "y/a", "x/c")) == ({"80/TCP"}, {"81/TCP"})


PEERS = {
    "all namespaces are all pods, and nothing outside": ([ALL], EVERYBODY),
    "a namespace": ([Y], {"y/a", "y/b"}),
    "pods of a namespace": ([pods("y", pod="a")], {"y/a"}),
    "pods of all namespaces": ([{"pods": {"namespaceSelector": {}, "podSelector": labelled(pod="a")}}], {"x/a", "y/a"}),
    "several peers add up": ([pods("y", pod="a"), namespaces(ns="z")], {"y/a", "z/bare"}),
    "networks are what is outside and pods as well": (
        [{"networks": ["0.0.0.0/0", "::/0"]}],
        EVERYBODY | OUTSIDE | NODES,
    ),
    "a network outside": ([{"networks": ["10.0.12.0/24", "2001:db8:0:1::/64"]}], {"inner"}),
    "bits beyond the prefix count for nothing": ([{"networks": ["10.0.12.99/24", "2001:db8:0:1::9/64"]}], {"inner"}),
    "networks may overlap": ([{"networks": ["203.0.113.0/24", "203.0.113.7/32", "2001:db8:ffff::/48"]}], {"outer"}),
    "nodes are their addresses": ([{"nodes": {}}], NODES),
    "a node by its label": ([{"nodes": labelled(node="node-2")}], {"node-2"}),
    "no node of that label": ([{"nodes": labelled(node="node-3")}], set()),
    "a domain is nobody the sandbox knows": ([{"domainNames": ["example.com"]}], set()),
    "a domain beside a network": (
        [{"domainNames": ["example.com"]}, {"networks": ["203.0.113.7/32", "2001:db8:ffff::7/128"]}],
        {"outer"},
    ),
}


@pytest.mark.parametrize(("peers", "expected"), PEERS.values(), ids=PEERS.keys())
async def test_peers_of_an_acceptance(world: World, peers: list[Obj], expected: set[str]) -> None:
    """What Admin accepts is allowed although the rest is denied, by Baseline for want of another default."""
    everything = [{"networks": ["0.0.0.0/0", "::/0"]}]
    accept = cnp(B, egress=[rule("Accept", *peers)])
    await world.enforce(accept, cnp(B, name="deny", tier="Baseline", egress=[rule("Deny", *everything)]))
    assert validate_cluster_policy(accept) == []
    nodes = {name for name in NODES if (await world.probe("x/b", name, 80)).outcome == "connected"}
    assert await world.targets_of("x/b") | nodes == expected


async def test_families_never_mix(world: World) -> None:
    await world.enforce(cnp(B, egress=[rule("Deny", {"networks": ["0.0.0.0/0"]})]))
    four, six = (world.hosts["x/a"].addresses[family] for family in Family)
    assert (await world.dial("x/b", four, 80)).outcome == "dropped"
    assert (await world.dial("x/b", six, 80)).outcome == "connected"


async def test_its_own_node_is_a_node_to_cluster_policies_alone(world: World) -> None:
    """x/b is on node-1. What its node sends it is never in question, nor is what NetworkPolicies say of the node."""
    nodes = cnp(B, egress=[rule("Deny", {"nodes": {}}, protocols=[tcp(80)])])
    isolated = policy("x", {}, types=["Ingress", "Egress"])
    await world.enforce(nodes, isolated)
    for node in NODES:
        assert (await world.probe("x/b", node, 80)).outcome == "dropped", node
    assert (await world.probe("x/b", "node-1", 81)).outcome == "connected"
    assert (await world.probe("x/b", "node-2", 81)).outcome == "dropped", "which the NetworkPolicy denies"
    assert (await world.probe("node-1", "x/b", 80)).outcome == "connected"
    await world.enforce(isolated)
    assert (await world.probe("x/b", "node-1", 80)).outcome == "connected"


async def test_host_network_pods_are_neither_subjects_nor_peers(world: World) -> None:
    """A pod that shares node-2's network, of a namespace that every rule names."""
    obj = {**world.pods["y/b"], "metadata": {**world.pods["y/b"]["metadata"], "name": "host", "uid": "host"}}
    obj["spec"] = {**obj["spec"], "hostNetwork": True}
    obj["status"] = {"phase": "Running", "podIPs": [{"ip": it} for it in world.hosts["node-2"].addresses.values()]}
    world.pods["y/host"] = obj
    try:
        b = cnp(B, egress=[rule("Deny", Y)], ingress=[rule("Deny", Y)])
        await world.enforce(b, cnp(Y, name="y", egress=[rule("Deny", B)]))
        assert (await world.probe("x/b", "node-2", 80)).outcome == "connected"
        assert (await world.probe("node-2", "x/b", 80)).outcome == "connected"
        assert await closed(world, "x/b", "y/b") == EVERY_TCP | EVERY_UDP
    finally:
        del world.pods["y/host"]


@pytest.mark.parametrize(
    ("action", "reached"), [("Accept", EVERYBODY - {"y/a", "y/b"}), ("Deny", set()), ("Pass", set())]
)
async def test_a_peer_of_a_later_version_fails_closed(world: World, action: str, reached: set[str]) -> None:
    """An acceptance matches nothing then; a denial, and what would pass, denies everything."""
    await world.enforce(cnp(B, egress=[rule(action, ALL, {"galaxies": {}}), rule("Deny", Y)]))
    assert await world.targets_of("x/b") - OUTSIDE == reached
    assert bool(await world.targets_of("x/b") & OUTSIDE) == (action == "Accept")


ADDRESSES = ("10.96.0.20", "fd00:10:96::20")


async def test_through_its_service_a_pod_is_a_peer_of_itself(world: World) -> None:
    """By its own address it never is; and NetworkPolicies, which leave it open, do not apply here."""
    number = [{"port": 80, "protocol": "TCP"}]
    world.services = [service("web", ADDRESSES, number)]
    world.slices = [endpoints("web", {world.hosts["x/b"].addresses[family]: True}, number) for family in Family]
    itself = cnp(B, ingress=[rule("Deny", B)])
    isolated = policy("x", {}, types=["Ingress", "Egress"])

    async def through_the_service() -> set[str]:
        return {(await world.dial("x/b", address, 80)).outcome for address in ADDRESSES}

    for policies, expected in (
        ([isolated], "connected"),
        ([itself], "dropped"),
        ([cnp(B, egress=[rule("Deny", B)])], "dropped"),
        ([cnp(B, egress=[rule("Pass", ALL), rule("Deny", ALL)]), isolated], "connected"),
        ([cnp(B, tier="Baseline", ingress=[rule("Deny", B)])], "dropped"),
        ([cnp(B, tier="Baseline", ingress=[rule("Deny", B)]), isolated], "connected"),
        ([cnp(B, ingress=[rule("Deny", Y)]), isolated], "connected"),
    ):
        await world.enforce(*policies)
        assert await through_the_service() == {expected}, policies
    await world.enforce(itself)
    assert (await world.probe("x/b", "x/b", 80)).outcome == "connected"
