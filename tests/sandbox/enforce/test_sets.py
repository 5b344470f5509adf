"""The arithmetic behind sets: ranges of ports, blocks and what they except."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from probe.model.cell import Family
from probe.sandbox.enforce.peers import united
from probe.sandbox.enforce.ports import merged
from probe.sandbox.enforce.view import BlockPeer


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([(80, None)], [(80, 80)]),
        ([(80, 90), (85, 95)], [(80, 95)]),
        ([(80, 90), (82, 84)], [(80, 90)]),
        ([(81, None), (80, None), (83, None)], [(80, 81), (83, 83)]),
        ([(1, 65535)], [(1, 65535)]),
        ([(1, 70000)], [(1, 65535)]),
        ([(90, 80)], []),
        ([(80, 80), (80, None)], [(80, 80)]),
    ],
    ids=str,
)
def test_ranges_of_ports_become_disjoint(ranges: list[tuple[int, int | None]], expected: list[tuple[int, int]]) -> None:
    assert merged(ranges) == expected


def blocks(*texts: str) -> tuple[BlockPeer, ...]:
    """``10.0.0.0/8 - 10.1.0.0/16`` is a block with an except."""
    parts = ([ip_network(part) for part in text.split(" - ")] for text in texts)
    return tuple(BlockPeer(first, tuple(rest)) for first, *rest in parts)


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        (blocks("10.0.0.0/8"), ["10.0.0.0/8"]),
        (blocks("10.0.0.0/30 - 10.0.0.1/32"), ["10.0.0.0/32", "10.0.0.2/31"]),
        (blocks("10.0.0.0/30 - 10.0.0.1/32 - 10.0.0.2/31"), ["10.0.0.0/32"]),
        (blocks("10.0.0.0/30 - 10.0.0.0/30"), []),
        (blocks("10.0.0.0/30 - 10.0.0.0/8"), []),
        (blocks("10.0.0.0/30 - 10.9.0.0/16"), ["10.0.0.0/30"]),
        (blocks("10.0.0.0/30 - 10.0.0.1/32", "10.0.0.1/32"), ["10.0.0.0/30"]),
        (blocks("10.0.0.0/8", "10.0.0.0/8 - 10.1.0.0/16"), ["10.0.0.0/8"]),
        (blocks("10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16"), ["10.0.0.0/8"]),
        (blocks("0.0.0.0/0"), ["0.0.0.0/0"]),
        (blocks("::/0", "fd00::/8"), []),
        (blocks("10.0.0.0/8 - fd00::/8"), ["10.0.0.0/8"]),
    ],
    ids=lambda value: ",".join(str(getattr(item, "block", item)) for item in value),
)
def test_blocks_are_united_after_each_has_lost_its_own_exceptions(
    peers: tuple[BlockPeer, ...], expected: list[str]
) -> None:
    assert [str(network) for network in united(peers, Family.IPV4)] == expected


def test_families_do_not_mix() -> None:
    assert united(blocks("0.0.0.0/0"), Family.IPV6) == ()
    assert united(blocks("0.0.0.0/0", "fd00::/8 - fd01::/16"), Family.IPV6)[0] == ip_network("fd00::/16")
