"""Sets of ports and of addresses in few words: ``80,443/TCP 53/UDP``, ``all but 25/TCP``, ``0.0.0.0/0``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from probe.model.cell import Protocol
from probe.policy.atoms import as_cidrs, by_protocol
from probe.policy.matrix import Ports
from probe.policy.ports import FIRST_PORT, LAST_PORT, PortRange
from probe.policy.universe import AddressRange

ALL, NOTHING, UNDEFINED = "all", "-", "?"

_EVERY_PORT = tuple(map(PortRange, Protocol))


def ports_words(ports: Ports) -> str:
    """What is allowed, and with ``?`` what is undefined: ``80/TCP 443/TCP?``."""
    if not ports.undefined:
        return _ranges_words(ports.allowed)
    left_open = UNDEFINED if ports.undefined == _EVERY_PORT else _plain(ports.undefined, UNDEFINED)
    return f"{_plain(ports.allowed)} {left_open}" if ports.allowed else left_open


def _ranges_words(ranges: Sequence[PortRange]) -> str:
    """The ranges, or what is missing from all ports if that is shorter to say."""
    if not ranges:
        return NOTHING
    missing = _complement(ranges)
    if not missing:
        return ALL
    return min(_plain(ranges), f"{ALL} but {_plain(missing)}", key=len)


def _complement(ranges: Sequence[PortRange]) -> tuple[PortRange, ...]:
    found: list[PortRange] = []
    for protocol in Protocol:
        start = FIRST_PORT
        for each in by_protocol(ranges).get(protocol, ()):
            if start < each.first:
                found.append(PortRange(protocol, start, each.first - 1))
            start = each.last + 1
        if start <= LAST_PORT:
            found.append(PortRange(protocol, start, LAST_PORT))
    return tuple(found)


def _plain(ranges: Iterable[PortRange], mark: str = "") -> str:
    """Ranges with their protocols, those of protocols with the same ones once: ``53/TCP+UDP``."""
    alike: dict[str, list[str]] = {}
    for protocol, group in by_protocol(ranges).items():
        alike.setdefault(",".join(map(_numbers, group)), []).append(protocol)
    return " ".join(f"{numbers}/{'+'.join(protocols)}{mark}" for numbers, protocols in alike.items())


def _numbers(ports: PortRange) -> str:
    if (ports.first, ports.last) == (FIRST_PORT, LAST_PORT):
        return ALL
    return str(ports.first) if ports.first == ports.last else f"{ports.first}-{ports.last}"


def address_words(
    ranges: Sequence[AddressRange],
    everything: Sequence[AddressRange],
    listed: Callable[[Sequence[str]], str],
) -> str:
    """The blocks, or all but the missing ones if these are fewer: ``0.0.0.0/0 but 10.0.0.0/8``."""
    own = as_cidrs(ranges)
    chosen = set(ranges)
    missing = as_cidrs(each for each in everything if each not in chosen)
    if missing and len(missing) < len(own):
        return f"{as_cidrs(everything)[0]} but {listed(missing)}"
    return listed(own)
