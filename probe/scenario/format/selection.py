"""Which of the fleet's cells a part of a document is about, and which connections."""

from __future__ import annotations

from pydantic import Field

from probe.scenario.format.strict import Item, Strict
from probe.scenario.format.values import FamilyName, Globs, PortPatterns, ProtocolName, WayPatterns


class ProbeSpec(Strict):
    """Which cells are tried. Globs as in rules; what is absent does not restrict."""

    from_: Globs | None = Field(
        default=None, alias="from", description="Sources to try: namespace/pod, globs and lists."
    )
    to: Globs | None = Field(
        default=None, description="Destinations to try: namespace/pod, external/name, cluster/dns, globs and lists."
    )
    ports: PortPatterns | None = Field(
        default=None, description="Ports to try: 80/TCP, 80, UDP, a port's name, globs and lists."
    )
    protocols: list[Item[ProtocolName]] | None = Field(default=None, description="Protocols to try.")
    families: list[Item[FamilyName]] | None = Field(
        default=None, description="Address families to try, of those the cluster has."
    )
    self_: bool | None = Field(
        default=None, alias="self", description="Whether pods also try themselves (default true)."
    )
    paths: WayPatterns | None = Field(
        default=None,
        description="Ways to try: pod-ip, node-ip (to pods with hostNetwork), external, cluster-ip/same-port, "
        "cluster-ip/other-port, node-port/cluster, node-port/other-node, node-port/local, dns; a path alone means all "
        "its ways; globs and lists. Default: pod-ip, node-ip and external.",
    )


class ConnectionsSpec(Strict):
    """Connections that are opened and held: those that all of this matches; what is absent does not restrict."""

    from_: Globs = Field(
        default=[], alias="from", description="Sources: namespace/pod, a group of replicas, globs and lists."
    )
    to: Globs = Field(default=[], description="Destinations: namespace/pod, external/name, globs and lists.")
    port: PortPatterns = Field(default=[], description="Ports: 80/TCP, 80, UDP, a port's name, globs and lists.")
