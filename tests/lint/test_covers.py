"""When all that one says another one says too: only if it is so in every cluster."""

from __future__ import annotations

import ipaddress
from itertools import product
from typing import Any

import pytest

from probe.lint.covers import peer_covers, port_covers, selector_covers, subjects_may_meet
from probe.model.cell import Protocol
from probe.policy.ports import NamedPort, PortRange
from probe.policy.rules import BlockPeer, PodPeer
from probe.policy.selectors import Selector, read_selector

REQUIREMENTS: list[dict[str, Any]] = [
    {"key": "a", "operator": "In", "values": ["1"]},
    {"key": "a", "operator": "In", "values": ["1", "2"]},
    {"key": "a", "operator": "NotIn", "values": ["1"]},
    {"key": "a", "operator": "NotIn", "values": ["1", "2"]},
    {"key": "a", "operator": "Exists"},
    {"key": "a", "operator": "DoesNotExist"},
    {"key": "b", "operator": "Exists"},
]
SELECTORS: list[Selector] = [
    read_selector({"matchExpressions": [one, other]}) for one, other in product(REQUIREMENTS, repeat=2)
] + [Selector()]
LABELS = [
    {key: value for key, value in (("a", a), ("b", b)) if value is not None}
    for a, b in product((None, "1", "2", "3"), (None, "1"))
]


def test_selectors_cover_only_what_labels_bear_out() -> None:
    found = 0
    for wide, narrow in product(SELECTORS, repeat=2):
        truly = all(wide.selects(labels) for labels in LABELS if narrow.selects(labels))
        found += selector_covers(wide, narrow)
        assert truly or not selector_covers(wide, narrow), (str(wide), str(narrow))
    assert found > len(SELECTORS)


def test_subjects_that_exclude_each_other_have_no_labels_in_common() -> None:
    for one, other in product(SELECTORS, repeat=2):
        if not subjects_may_meet(PodPeer(one), PodPeer(other)):
            assert not any(one.selects(labels) and other.selects(labels) for labels in LABELS)


def block(cidr: str, *excepts: str) -> BlockPeer:
    return BlockPeer(ipaddress.ip_network(cidr), tuple(map(ipaddress.ip_network, excepts)))


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        (block("10.0.0.0/8"), block("10.1.0.0/16"), True),
        (block("10.0.0.0/8"), block("10.0.0.0/8"), True),
        (block("10.1.0.0/16"), block("10.0.0.0/8"), False),
        (block("10.0.0.0/8", "10.1.0.0/16"), block("10.1.2.0/24"), False),
        (block("10.0.0.0/8", "10.1.0.0/16"), block("10.0.0.0/8"), False),
        (block("10.0.0.0/8", "10.1.0.0/16"), block("10.0.0.0/8", "10.1.0.0/16"), True),
        (block("10.0.0.0/8", "10.1.0.0/24"), block("10.0.0.0/8", "10.1.0.0/16"), True),
        (block("10.0.0.0/8", "10.1.0.0/16"), block("10.2.0.0/16"), True),
        (block("0.0.0.0/0"), block("2001:db8::/32"), False),
        (block("0.0.0.0/0"), PodPeer(), False),
    ],
)
def test_blocks(wide: BlockPeer, narrow: BlockPeer, covered: bool) -> None:
    assert peer_covers(wide, narrow) == covered


TCP, UDP = Protocol.TCP, Protocol.UDP


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        (PortRange(TCP), PortRange(TCP, 80, 80), True),
        (PortRange(TCP), PortRange(UDP, 80, 80), False),
        (PortRange(TCP, 80, 90), PortRange(TCP, 85, 95), False),
        (PortRange(TCP), NamedPort("http", TCP), True),
        (PortRange(TCP), NamedPort("http"), False),
        (PortRange(TCP, 80, 80), NamedPort("http", TCP), False),
        (NamedPort("http"), NamedPort("http", TCP), True),
        (NamedPort("http", TCP), NamedPort("http"), False),
    ],
)
def test_ports(wide: PortRange, narrow: PortRange, covered: bool) -> None:
    assert port_covers(wide, narrow) == covered
