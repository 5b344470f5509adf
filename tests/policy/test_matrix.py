"""The whole truth in ranges says of every port and address what the oracle says of it by itself."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from probe.model.cell import Family, Protocol
from probe.model.fleet import Port
from probe.model.snapshot import NAME_LABEL, NodeState, PodState, Snapshot
from probe.policy.decision import Answer
from probe.policy.matrix import Ports, Truth, families_of
from probe.policy.oracle import Oracle, Question
from probe.policy.ports import PortRange
from probe.policy.rules import Direction
from probe.policy.universe import AddressRange
from tests.policy.generate.pick import Pick
from tests.policy.generate.sets import Kinds, make_policies
from tests.policy.generate.words import NUMBERS
from tests.policy.generate.worlds import World, make_world

INTERESTING = sorted({1, 65535, *(number + step for number in NUMBERS for step in (-1, 0, 1))})


def answer(ports: Ports, port: int, protocol: Protocol) -> Answer:
    """What ranges say of a port."""
    if any(each.covers(port, protocol) for each in ports.allowed):
        return Answer.ALLOW
    return Answer.UNDEFINED if any(each.covers(port, protocol) for each in ports.undefined) else Answer.DENY


def network_policy(name: str, **spec: Any) -> Mapping[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "a"},
        "spec": {"podSelector": {}, **spec},
    }


def snapshot(*pods: PodState, policies: Sequence[Mapping[str, Any]] = (), **others: Any) -> Snapshot:
    return Snapshot({"a": {NAME_LABEL: "a"}}, pods, policies=tuple(policies), **others)


def between(truth: Truth, source: int, destination: int) -> Ports:
    return list(truth.pairs(source))[destination].ports


# --- against the oracle, port by port ------------------------------------------------------------------------------


def random_worlds(kinds: Kinds) -> Iterator[Snapshot]:
    for seed in range(12):
        pick = Pick(random.Random(seed).randrange)
        world: World = make_world(pick)
        policies = make_policies(pick, world, world.made_up_addresses(), kinds=kinds, equal_priorities=True)
        yield world.snapshot(policies, world.made_up_addresses())


@pytest.mark.parametrize("kinds", Kinds)
def test_every_pair_has_the_oracles_answer_on_every_port(kinds: Kinds) -> None:
    for state in random_worlds(kinds):
        for family in Family:
            truth, oracle = Truth(state, family), Oracle(state)
            pairs = [list(truth.pairs(source)) for source in range(len(state.pods))]
            for protocol in Protocol:
                for port in INTERESTING:
                    table = oracle.table(Question(port, protocol, family))
                    for pair in (pair for row in pairs for pair in row):
                        expected = table.answer(pair.source, pair.destination)
                        assert answer(pair.ports, port, protocol) is expected, (pair, port, protocol, family)


@pytest.mark.parametrize("kinds", Kinds)
def test_every_address_outside_has_the_oracles_answer(kinds: Kinds) -> None:
    for state in random_worlds(kinds):
        for family in Family:
            truth = Truth(state, family)
            for pod, name in enumerate(pod.id for pod in state.pods):
                for direction in Direction:
                    groups = list(truth.outside(pod, direction))
                    networks = [ipaddress.ip_network(cidr) for group in groups for cidr in group.cidrs]
                    assert sum(network.num_addresses for network in networks) == 2 ** networks[0].max_prefixlen
                    for group in groups:
                        ends = [str(ipaddress.ip_network(cidr)[place]) for cidr in group.cidrs for place in (0, -1)]
                        others = {address: AddressRange.of(address) for address in ends[:6]}
                        oracle = Oracle(state, tuple(others.values()))
                        for address in others:
                            flow = (name, address) if direction is Direction.EGRESS else (address, name)
                            for port, protocol in ((80, Protocol.TCP), (8080, Protocol.TCP), (53, Protocol.UDP)):
                                expected = oracle.decide(*flow, Question(port, protocol, family)).answer
                                assert answer(group.ports, port, protocol) is expected, (group, address, port)


# --- by example ----------------------------------------------------------------------------------------------------


def test_without_policies_everything_is_allowed() -> None:
    truth = Truth(snapshot(PodState("a", "one"), PodState("a", "two")))
    everything = Ports(tuple(map(PortRange, Protocol)))
    assert [pair.ports for pair in truth.pairs(0)] == [everything, everything]
    for direction in Direction:
        (group,) = truth.outside(0, direction)
        assert (group.cidrs, group.ports) == (("0.0.0.0/0",), everything)


def test_a_name_is_another_number_for_each_destination() -> None:
    pods = [
        PodState("a", "one", ports=(Port(80, name="http"),)),
        PodState("a", "two", ports=(Port(8080, name="http"),)),
        PodState("a", "none"),
    ]
    truth = Truth(snapshot(*pods, policies=[network_policy("p", ingress=[{"ports": [{"port": "http"}]}])]))
    assert between(truth, 2, 0).allowed == (PortRange(Protocol.TCP, 80, 80),)
    assert between(truth, 2, 1).allowed == (PortRange(Protocol.TCP, 8080, 8080),)
    assert between(truth, 0, 2) == Ports(())


def test_neighbouring_rules_make_one_range() -> None:
    rules = [{"ports": [{"port": 80, "endPort": 89}]}, {"ports": [{"port": 90, "endPort": 99}]}]
    truth = Truth(snapshot(PodState("a", "one"), PodState("b", "two"), policies=[network_policy("p", ingress=rules)]))
    assert between(truth, 1, 0).allowed == (PortRange(Protocol.TCP, 80, 99),)


def test_what_is_undefined_is_neither_allowed_nor_denied_and_has_a_reason() -> None:
    rules = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443}]}]
    policies = [network_policy("p", policyTypes=["Egress"], egress=rules)]
    truth = Truth(snapshot(PodState("a", "one"), PodState("a", "two"), policies=policies))
    pair = list(truth.pairs(0))[1]
    assert pair.ports == Ports((), (PortRange(Protocol.TCP, 443, 443),))
    (doubt,) = truth.doubts_of_pair(pair)
    assert doubt.ports == pair.ports.undefined
    assert doubt.why.endswith("which address a/two has is not known")


def test_neighbouring_ports_have_reasons_of_their_own() -> None:
    rules = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": port}]} for port in (80, 81)]
    policies = [network_policy("p", policyTypes=["Egress"], egress=rules)]
    truth = Truth(snapshot(PodState("a", "one"), PodState("a", "two"), policies=policies))
    pair = list(truth.pairs(0))[1]
    assert pair.ports == Ports((), (PortRange(Protocol.TCP, 80, 81),))
    told = {doubt.ports: doubt.why.partition(" leaves ")[0] for doubt in truth.doubts_of_pair(pair)}
    assert told == {
        (PortRange(Protocol.TCP, 80, 80),): "a/p egress[0]",
        (PortRange(Protocol.TCP, 81, 81),): "a/p egress[1]",
    }


def test_known_ranges_of_pods_settle_what_is_undefined_without_them() -> None:
    rules = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 443}]}]
    policies = [network_policy("p", policyTypes=["Egress"], egress=rules)]
    pods = PodState("a", "one"), PodState("a", "two")
    inside = Truth(snapshot(*pods, policies=policies, pod_cidrs=("10.244.0.0/16",)))
    outside = Truth(snapshot(*pods, policies=policies, pod_cidrs=("172.16.0.0/16",)))
    assert between(inside, 0, 1) == Ports((PortRange(Protocol.TCP, 443, 443),))
    assert between(outside, 0, 1) == Ports(())


def test_a_pod_reaches_itself_but_a_workloads_pods_reach_each_other_only_as_policies_say() -> None:
    pods = PodState("a", "pod"), PodState("a", "workload", workload="Deployment/workload")
    truth = Truth(snapshot(*pods, policies=[network_policy("deny")]))
    assert between(truth, 0, 0).allowed == tuple(map(PortRange, Protocol))
    assert between(truth, 1, 1) == Ports(())


def test_addresses_outside_are_in_groups_that_fare_alike() -> None:
    block = {"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}}
    rules = [{"to": [block], "ports": [{"port": 443}]}]
    policies = [network_policy("p", policyTypes=["Ingress", "Egress"], egress=rules, ingress=[{"from": [block]}])]
    truth = Truth(snapshot(PodState("a", "one"), policies=policies))
    allowed = {group.cidrs: group.ports for group in truth.outside(0, Direction.EGRESS) if group.ports.allowed}
    assert allowed == {("203.0.113.0/25",): Ports((PortRange(Protocol.TCP, 443, 443),))}
    entering = {group.cidrs: group.ports for group in truth.outside(0, Direction.INGRESS) if group.ports.allowed}
    assert entering == {("203.0.113.0/25",): Ports(tuple(map(PortRange, Protocol)))}


def test_nodes_are_no_part_of_the_matrix_but_of_the_answers() -> None:
    node = NodeState("n1", addresses=("10.0.0.1",))
    truth = Truth(snapshot(PodState("a", "one"), PodState("a", "two"), nodes=(node,)))
    assert [pair.destination for pair in truth.pairs(0)] == [0, 1]
    assert len(list(truth.outside(1, Direction.INGRESS))) == 1


def test_families_are_those_of_known_addresses() -> None:
    assert families_of(snapshot(PodState("a", "one"))) == [Family.IPV4]
    assert families_of(snapshot(PodState("a", "one", addresses=("fd00::1",)))) == [Family.IPV6]
    both = snapshot(PodState("a", "one", addresses=("fd00::1",)), pod_cidrs=("10.0.0.0/8",))
    assert families_of(both) == [Family.IPV4, Family.IPV6]
