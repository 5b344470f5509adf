"""The vocabulary of what is made at random.

It is tiny, so that chance alone makes selectors meet labels, names meet ports and blocks meet addresses; and it is
weighted to the traps: empty values, one port name for two numbers, ranges that end at a port.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from probe.model.cell import Protocol

Object: TypeAlias = dict[str, Any]
"""A part of a manifest."""
PortSpec: TypeAlias = tuple[int, str, str | None]
"""Number, protocol, and name or None."""
NAMESPACES = ("east", "west", "north")
LABELS: Mapping[str, tuple[str, ...]] = {"app": ("web", "db", ""), "role": ("front", "back")}
NAMESPACE_LABELS: Mapping[str, tuple[str, ...]] = {"team": ("red", "blue", ""), "env": ("prod", "dev")}
NODE_LABELS = {"kubernetes.io/os": "linux"}
SERVED: tuple[PortSpec, ...] = (
    (80, "TCP", None),
    (80, "TCP", "http"),
    (8080, "TCP", "http"),
    (80, "UDP", "http"),
    (81, "TCP", "admin"),
    (53, "UDP", "dns"),
    (53, "TCP", "dns"),
    (5000, "SCTP", "sig"),
)
NAMES = ("http", "http", "admin", "dns", "sig", "unserved")
NUMBERS = (80, 81, 8080, 53, 5000)
PROTOCOLS = ("TCP", "UDP", "SCTP")
RANGES = ((80, 81), (79, 80), (80, 80), (81, 8080), (1, 65535), (54, 79), (8081, 65535))
PROBED = tuple((number, Protocol(protocol)) for number in NUMBERS for protocol in PROTOCOLS)
"""What is worth asking about: every number of the vocabulary over every protocol."""
OUTSIDE = ("192.0.2.1", "198.51.100.7", "2001:db8::1")
"""Made-up addresses outside the cluster."""
