"""Who may have which address: pods of templates, nodes, strangers, ranges, and pods on their node's network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from probe.model.cell import Family
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle, Question, transposed
from probe.policy.universe import AddressRange, Stranger, Universe
from tests.policy.support import (
    ALLOW,
    DENY,
    UNDEFINED,
    V6,
    Object,
    answer,
    block,
    cluster,
    cluster_policy,
    egress,
    ingress,
    labels,
    network_policy,
    node,
    pod,
    to,
)

TARGET = pod("a/target", at=("10.0.0.1", "fd00::1"))
TEMPLATE = pod("b/template", app="x")
CLIENT = "b/template"


def into(*peers: Object, client: str = CLIENT, cidrs: tuple[str, ...] = (), family: Family = Family.IPV4) -> Answer:
    """The answer for a client of the target, whose ingress the peers make."""
    return answer(cluster(TARGET, TEMPLATE, ingress(*peers), pod_cidrs=cidrs), client, "a/target", family=family)


# --- pods without known addresses ----------------------------------------------------------------------------------


def test_labels_need_no_addresses() -> None:
    assert into({"namespaceSelector": {}}) is ALLOW
    assert into({"podSelector": {}}) is DENY


def test_a_pod_of_unknown_address_may_be_in_any_block_or_in_none() -> None:
    assert into(block("10.0.0.0/8")) is UNDEFINED
    assert into(block("0.0.0.0/0")) is ALLOW
    assert into(block("0.0.0.0/0", "10.0.0.0/8")) is UNDEFINED
    assert into(block("::/0")) is DENY
    assert into(block("::/0"), family=V6) is ALLOW


def test_blocks_may_cover_all_addresses_together() -> None:
    assert into(block("0.0.0.0/1"), block("128.0.0.0/1")) is ALLOW
    assert into(block("0.0.0.0/0", "10.0.0.0/8"), block("10.0.0.0/7")) is ALLOW
    assert into(block("0.0.0.0/0", "10.0.0.0/8"), block("10.0.0.0/9")) is UNDEFINED


def test_excepts_may_cover_a_block_together() -> None:
    halves = block("10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9")
    assert into(halves) is into(halves, cidrs=("10.64.0.0/10", "10.192.0.0/10")) is DENY


@pytest.mark.parametrize(
    ("cidr", "expected"),
    [
        ("10.244.0.0/16", ALLOW),
        ("10.0.0.0/8", ALLOW),
        ("10.244.0.0/24", UNDEFINED),
        ("192.168.0.0/16", DENY),
        ("0.0.0.0/0", ALLOW),
    ],
)
def test_pod_cidrs_bound_what_is_not_known(cidr: str, expected: Answer) -> None:
    assert into(block(cidr), cidrs=("10.244.0.0/16",)) is expected


def test_excepts_are_compared_with_pod_cidrs_as_well() -> None:
    assert into(block("10.0.0.0/8", "10.244.0.0/16"), cidrs=("10.244.0.0/16",)) is DENY
    assert into(block("10.0.0.0/8", "10.245.0.0/16"), cidrs=("10.244.0.0/16",)) is ALLOW
    assert into(block("10.0.0.0/8", "10.244.1.0/24"), cidrs=("10.244.0.0/16",)) is UNDEFINED


def test_with_several_pod_cidrs_all_of_them_count() -> None:
    cidrs = ("10.244.0.0/16", "10.32.0.0/16")
    assert into(block("10.244.0.0/16"), cidrs=cidrs) is UNDEFINED
    assert into(block("10.0.0.0/8"), cidrs=cidrs) is ALLOW
    assert into(block("10.244.0.0/16"), block("10.32.0.0/16"), cidrs=cidrs) is ALLOW


def test_without_a_pod_cidr_of_a_family_no_pod_has_an_address_of_it() -> None:
    assert into(block("::/0"), cidrs=("10.244.0.0/16",), family=V6) is DENY


def test_the_own_address_of_a_pod_that_is_known_is_all_that_counts() -> None:
    snapshot = cluster(
        TARGET, pod("b/known", at="10.9.9.9"), ingress(block("10.244.0.0/16")), pod_cidrs=["10.244.0.0/16"]
    )
    assert answer(snapshot, "b/known", "a/target") is DENY


def test_networks_of_the_cluster_scoped_policies_are_no_different() -> None:
    deny = cluster_policy(egress=[to("Deny", {"networks": ["10.0.0.0/8"]})])
    assert answer(cluster(TARGET, TEMPLATE, deny), "a/target", CLIENT) is UNDEFINED
    assert answer(cluster(TARGET, TEMPLATE, deny, pod_cidrs=["10.244.0.0/16"]), "a/target", CLIENT) is DENY
    halves = cluster_policy(egress=[to("Deny", {"networks": ["0.0.0.0/1", "128.0.0.0/1"]})])
    assert answer(cluster(TARGET, TEMPLATE, halves), "a/target", CLIENT) is DENY


# --- strangers -----------------------------------------------------------------------------------------------------


def test_a_stranger_may_be_meant_by_any_peer_but_by_everything_it_surely_is() -> None:
    assert into({"podSelector": {}}, client="?dns") is UNDEFINED
    assert into({"namespaceSelector": labels(a="b")}, client="?dns") is UNDEFINED
    assert into(block("10.0.0.0/8"), client="?dns") is UNDEFINED
    assert into(client="?dns") is ALLOW
    assert into(block("0.0.0.0/0"), client="?dns") is ALLOW


def test_a_stranger_may_serve_any_name() -> None:
    snapshot = cluster(TARGET, egress(ports=[{"port": "dns", "protocol": "UDP"}]))
    assert answer(snapshot, "a/target", "?dns", "53/UDP") is UNDEFINED
    assert answer(snapshot, "a/target", "?dns", "53/TCP") is DENY
    assert answer(cluster(TARGET, egress(ports=[{"port": 53}])), "a/target", "?dns", "53/TCP") is ALLOW


def test_no_policy_is_taken_to_select_a_stranger() -> None:
    assert answer(cluster(TARGET, network_policy("b")), "a/target", "?dns") is ALLOW


def test_a_denial_stands_whoever_the_other_end_is() -> None:
    assert answer(cluster(TARGET, network_policy()), "?dns", "a/target") is DENY


# --- ranges, nodes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ("192.0.2.0-192.0.2.255", ALLOW),
        ("192.0.2.7", ALLOW),
        ("192.0.1.255-192.0.2.0", UNDEFINED),
        ("192.0.2.255-192.0.3.0", UNDEFINED),
        ("0.0.0.0-255.255.255.255", UNDEFINED),
        ("192.0.3.0-192.0.3.255", DENY),
        ("2001:db8::1", DENY),
    ],
)
def test_a_range_of_addresses_is_inside_if_all_of_it_is(ends: str, expected: Answer) -> None:
    family = V6 if ":" in ends else Family.IPV4
    assert into(block("192.0.2.0/24"), client=ends, family=family) is expected


def test_a_range_that_excepts_touch() -> None:
    hole = block("192.0.2.0/24", "192.0.2.128/25")
    ends = ("192.0.2.0-192.0.2.127", "192.0.2.0-192.0.2.128", "192.0.2.128-192.0.2.255")
    assert [into(hole, client=each) for each in ends] == [ALLOW, UNDEFINED, DENY]


def test_a_range_has_addresses_of_its_own_family_alone() -> None:
    assert into(block("0.0.0.0/0"), client="192.0.2.1", family=V6) is DENY


def test_a_node_is_inside_if_all_its_addresses_are() -> None:
    both = cluster(TARGET, node("one", "172.18.0.1", "203.0.113.1"), ingress(block("172.18.0.0/16")))
    assert answer(both, "node:one", "a/target") is UNDEFINED
    alone = cluster(TARGET, node("one", "172.18.0.1", "fd00::9"), ingress(block("172.18.0.0/16")))
    assert answer(alone, "node:one", "a/target") is ALLOW


def test_names_of_ranges() -> None:
    assert AddressRange.of("192.0.2.1").id == "192.0.2.1"
    assert AddressRange.of("2001:db8:0::1").id == "2001:db8::1"
    assert AddressRange(Family.IPV4, 256, 511).id == "0.0.1.0-0.0.1.255"
    with pytest.raises(ValueError, match="example"):
        AddressRange.of("example.com")


# --- sets ----------------------------------------------------------------------------------------------------------


def test_endpoints_are_numbered_pods_first_then_nodes_then_others() -> None:
    universe = Universe(cluster(TARGET, TEMPLATE, node("one")), [AddressRange.of("192.0.2.1"), Stranger("?dns")])
    assert list(universe.index) == ["a/target", "b/template", "node:one", "192.0.2.1", "?dns"]
    assert (universe.pods, universe.nodes, universe.strangers, universe.everybody) == (0b11, 0b100, 0b10000, 0b11111)
    assert list(universe.members(0b10110)) == [1, 2, 4]


def test_a_namespace_that_the_snapshot_lacks_has_no_labels() -> None:
    by_name = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "b"}}}
    for peer, expected in ((by_name, DENY), ({"namespaceSelector": {}}, ALLOW)):
        snapshot = replace(cluster(TARGET, TEMPLATE, ingress(peer)), namespaces={})
        assert answer(snapshot, CLIENT, "a/target") is expected


def test_a_table_of_nobody() -> None:
    assert Oracle(cluster()).table(Question(80)).ids == ()


@pytest.mark.parametrize("rows", [[], [0b1], [0b01, 0b11], [0b100, 0b000, 0b111]])
def test_transposed_is_its_own_inverse_and_swaps_rows_and_columns(rows: list[int]) -> None:
    size = len(rows)
    columns = transposed(rows, size)
    assert all(columns[n] >> i & 1 == rows[i] >> n & 1 for i in range(size) for n in range(size))
    assert transposed(columns, size) == rows
