"""The ports of a rule as nftables matches on the connection's real destination.

Ports are read from conntrack's reply tuple, that is after a service's translation, which is what policy sees.
"""

from __future__ import annotations

from collections.abc import Iterable

from probe.model.cell import Family, Protocol
from probe.sandbox.enforce.draft import ADDRESS_TYPE, TRANSPORT, Draft, destination
from probe.sandbox.enforce.ruleset import Set
from probe.sandbox.enforce.view import ClusterView, PortMatch

MAX_PORT = 65535


def port_matches(draft: Draft, view: ClusterView, ports: Iterable[PortMatch] | None, family: Family) -> list[str]:
    """nft matches, one of which must hold; ``[""]`` when a rule names no ports: all traffic, ICMP too."""
    if ports is None:
        return [""]
    entries = list(ports)
    matches = []
    for protocol in Protocol:
        mine = [entry for entry in entries if entry.protocol is protocol]
        transport = f"meta l4proto {TRANSPORT[protocol]}"
        if any(entry.port is None for entry in mine):
            matches.append(transport)
            continue
        if ranges := merged((entry.port, entry.end) for entry in mine if isinstance(entry.port, int)):
            matches.append(f"{transport} ct reply proto-src @{_number_set(draft, ranges)}")
        for name in sorted({entry.port for entry in mine if isinstance(entry.port, str)}):
            served = _served_set(draft, view, name, protocol, family)
            matches.append(f"{transport} {destination(family)} . ct reply proto-src @{served}")
    return matches


def merged(ranges: Iterable[tuple[int, int | None]]) -> list[tuple[int, int]]:
    """Disjoint ranges, ascending; overlapping and adjacent ones become one. An end of None means a single port."""
    found: list[tuple[int, int]] = []
    for first, last in sorted((first, first if end is None else min(end, MAX_PORT)) for first, end in ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        elif last >= first:
            found.append((first, last))
    return found


def _number_set(draft: Draft, ranges: list[tuple[int, int]]) -> str:
    texts = (str(first) if first == last else f"{first}-{last}" for first, last in ranges)
    return draft.add_set("ports", None, Set("inet_service", frozenset(texts), interval=True))


def _served_set(draft: Draft, view: ClusterView, port_name: str, protocol: Protocol, family: Family) -> str:
    """(address . port) of every pod that serves a port of that name and protocol: the name's number is the destination
    pod's own, for ingress (its own containers) as for egress (each destination's), so one set does for all rules."""
    asked = port_name, protocol, family
    if asked not in draft.served:
        elements = frozenset(f"{it.address} . {it.port}" for it in view.serving(port_name, protocol)[family])
        draft.served[asked] = draft.add_set("named", family, Set(f"{ADDRESS_TYPE[family]} . inet_service", elements))
    return draft.served[asked]
