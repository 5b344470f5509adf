"""Which addresses a sandbox uses."""

from __future__ import annotations

import ipaddress

import pytest

from probe.model.cell import Family
from probe.sandbox.net.plan import AddressPlan, AddressPool

DUAL = AddressPlan((Family.IPV4, Family.IPV6), 3)


def pool() -> AddressPool:
    return AddressPool(DUAL.node_plans[0].pod_cidrs)


def test_nodes_have_addresses_and_pod_ranges_in_each_family() -> None:
    first, _, third = DUAL.node_plans
    assert first.name == "node-1"
    assert list(map(str, first.addresses)) == ["172.18.0.2", "fd00:172:18::2"]
    assert list(map(str, first.pod_cidrs)) == ["10.244.1.0/24", "fd00:10:244:1::/64"]
    assert list(map(str, third.pod_cidrs)) == ["10.244.3.0/24", "fd00:10:244:3::/64"]


def test_pod_ranges_do_not_overlap_and_lie_in_the_clusters() -> None:
    plan = AddressPlan((Family.IPV4, Family.IPV6), 50)
    for family in (0, 1):
        ranges = [node.pod_cidrs[family] for node in plan.node_plans]
        assert len(set(ranges)) == 50
        assert all(cidr.subnet_of(plan.pod_cidrs[family]) for cidr in ranges)  # type: ignore[arg-type]


def test_hardware_addresses_differ() -> None:
    nodes = AddressPlan((Family.IPV4,), 50).node_plans
    assert len({node.mac for node in nodes}) == 50


@pytest.mark.parametrize("address", ["10.0.0.1", "192.0.2.1", "8.8.8.8", "10.245.0.1", "2001:db8::1", "fd00::1"])
def test_an_endpoint_outside_can_have_any_other_address(address: str) -> None:
    assert DUAL.refusal(ipaddress.ip_address(address)) == ""


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("10.244.200.1", "pod range 10.244.0.0/16"),
        ("10.96.0.1", "service range 10.96.0.0/16"),
        ("172.18.255.1", "node range 172.18.0.0/16"),
        ("fd00:10:244:7::1", "pod range fd00:10:244::/48"),
        ("fd00:10:96::1", "service range"),
        ("127.0.0.1", "not an address that a remote host can have"),
        ("224.0.0.1", "not an address"),
        ("255.255.255.255", "not an address"),
        ("fe80::1", "not an address"),
        ("::1", "not an address"),
    ],
)
def test_an_endpoint_outside_cannot_have_the_clusters_own_addresses(address: str, why: str) -> None:
    assert why in DUAL.refusal(ipaddress.ip_address(address))


def test_an_endpoint_outside_cannot_have_a_family_that_the_cluster_lacks() -> None:
    refusal = AddressPlan((Family.IPV4,), 1).refusal(ipaddress.ip_address("2001:db8::1"))
    assert refusal == "2001:db8::1 is IPv6, and this cluster has IPv4 only"


def test_a_pod_has_the_same_number_in_both_families() -> None:
    assert list(map(str, pool().allocate())) == ["10.244.1.2", "fd00:10:244:1::2"]


def test_a_released_address_comes_back_only_when_all_others_have_had_their_turn() -> None:
    addresses = pool()
    first = addresses.allocate()
    addresses.release(first)
    rest = [addresses.allocate() for _ in range(252)]
    assert first not in rest
    assert addresses.allocate() == first


def test_an_address_that_is_asked_for_is_had_as_soon_as_it_is_free() -> None:
    addresses = pool()
    first = addresses.allocate()
    wanted = ",".join(map(str, first))
    with pytest.raises(LookupError, match="is not free"):
        addresses.allocate(wanted)
    addresses.release(first)
    assert addresses.allocate(wanted) == first
    with pytest.raises(LookupError, match=r"10\.244\.2\.2 is not free"):
        addresses.allocate("10.244.2.2")


def test_there_is_room_for_250_pods_and_then_it_says_so() -> None:
    addresses = pool()
    allocated = {addresses.allocate() for _ in range(253)}
    assert len(allocated) == 253
    with pytest.raises(LookupError, match=r"no address is left in 10\.244\.1\.0/24"):
        addresses.allocate()


def test_addresses_of_other_ranges_are_not_released_here() -> None:
    addresses = pool()
    addresses.allocate()
    addresses.release([ipaddress.ip_address("10.244.2.2"), ipaddress.ip_address("192.0.2.1")])
    rest = [addresses.allocate() for _ in range(252)]
    assert len(rest) == 252
