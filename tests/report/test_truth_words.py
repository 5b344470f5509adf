"""Ports and addresses in few words."""

from __future__ import annotations

import pytest

from probe.model.cell import Family, Protocol
from probe.policy.matrix import Ports
from probe.policy.ports import PortRange
from probe.policy.universe import AddressRange
from probe.report.truth_words import address_words, ports_words
from probe.report.views import listed

TCP, UDP, SCTP = Protocol
EVERYTHING = tuple(map(PortRange, Protocol))


def one(number: int, protocol: Protocol = TCP) -> PortRange:
    return PortRange(protocol, number, number)


@pytest.mark.parametrize(
    ("allowed", "undefined", "words"),
    [
        ((), (), "-"),
        (EVERYTHING, (), "all"),
        ((), EVERYTHING, "?"),
        ((one(80),), (), "80/TCP"),
        ((one(80), one(443)), (), "80,443/TCP"),
        ((PortRange(TCP, 80, 90),), (), "80-90/TCP"),
        ((one(80), one(53, UDP)), (), "80/TCP 53/UDP"),
        ((one(53), one(53, UDP)), (), "53/TCP+UDP"),
        ((PortRange(TCP),), (), "all/TCP"),
        ((PortRange(TCP, 1, 24), PortRange(TCP, 26), PortRange(UDP), PortRange(SCTP)), (), "all but 25/TCP"),
        ((PortRange(TCP, 1, 24), PortRange(UDP), PortRange(SCTP)), (), "all but 25-65535/TCP"),
        ((one(80),), (one(443),), "80/TCP 443/TCP?"),
        ((), (one(443),), "443/TCP?"),
    ],
)
def test_ports(allowed: tuple[PortRange, ...], undefined: tuple[PortRange, ...], words: str) -> None:
    assert ports_words(Ports(allowed, undefined)) == words


def addresses(*texts: str) -> list[AddressRange]:
    ends = (AddressRange.of(text) for text in texts)
    return [AddressRange(first.family, first.first, last.first) for first, last in zip(ends, ends, strict=True)]


def test_addresses_are_blocks_or_what_is_missing_where_that_is_less() -> None:
    below, inside, above = addresses(
        "0.0.0.0", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "255.255.255.255"
    )
    everything = [below, inside, above]
    assert address_words(everything, everything, listed) == "0.0.0.0/0"
    assert address_words([inside], everything, listed) == "10.0.0.0/8"
    assert address_words([below, above], everything, listed) == "0.0.0.0/0 but 10.0.0.0/8"
    assert below.family is Family.IPV4
