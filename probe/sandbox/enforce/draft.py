"""A ruleset in the making, and how nftables spells families and protocols."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from probe.model.cell import Family, Protocol
from probe.sandbox.enforce.ruleset import Chain, Ruleset, Set, VerdictMap, digest, name_of

KEYWORD = {Family.IPV4: "ip", Family.IPV6: "ip6"}
ADDRESS_TYPE = {Family.IPV4: "ipv4_addr", Family.IPV6: "ipv6_addr"}
TRANSPORT = {Protocol.TCP: "tcp", Protocol.UDP: "udp", Protocol.SCTP: "sctp"}


def source(family: Family) -> str:
    """The address of whoever began the connection, for packets of both directions."""
    return f"ct original {KEYWORD[family]} saddr"


def destination(family: Family) -> str:
    """The address that really answers (after a service's translation), for packets of both directions."""
    return f"ct reply {KEYWORD[family]} saddr"


def suffixed(name: str, family: Family) -> str:
    """A name per family: ``egress4``, ``egress6``."""
    return f"{name}{4 if family is Family.IPV4 else 6}"


@dataclass(slots=True)
class Draft:
    """Sets, maps and chains collected so far."""

    sets: dict[str, Set] = field(default_factory=dict)
    maps: dict[str, VerdictMap] = field(default_factory=dict)
    chains: dict[str, Chain] = field(default_factory=dict)
    served: dict[tuple[str, Protocol, Family], str] = field(default_factory=dict)
    """Names of the sets of those who serve a named port: the same for all rules."""

    def add_set(self, kind: str, family: Family | None, kept: Set) -> str:
        """Keep a set under a name made of its content, which is returned: ``pods4/0123456789ab``."""
        name = name_of(kind if family is None else suffixed(kind, family), digest(kept.type, *sorted(kept.elements)))
        self.sets[name] = kept
        return name

    def add_map(self, kind: str, family: Family, mapping: VerdictMap) -> str:
        """Keep a map under a name made of its content, which is returned."""
        name = name_of(suffixed(kind, family), digest(mapping.type, *sorted(map(" : ".join, mapping.elements.items()))))
        self.maps[name] = mapping
        return name

    def add_chain(self, name: str, rules: Iterable[str]) -> str:
        """Keep a chain under a name made of its content, which is returned. Rules that say the same count once."""
        chain = Chain(tuple(dict.fromkeys(rules)))
        name = name_of(*name.split("/"), digest(*chain.rules))
        self.chains[name] = chain
        return name

    def ruleset(self) -> Ruleset:
        """The finished ruleset."""
        return Ruleset(self.sets, self.maps, self.chains)
