"""The ways that a probe can take to an endpoint, and what ``path:`` and ``probe.paths`` mean by them.

A way is a path with its variant (``cluster-ip/other-port``). Scenarios call it so, by its path alone (all of its
variants), or by a glob of either.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeAlias

from probe.model.cell import WAYS, Path, Protocol, Via
from probe.model.fleet import CLUSTER_DNS, External, Pod, Port
from probe.scenario.suggest import near_miss


class Way(NamedTuple):
    """A path and its variant."""

    path: Path
    via: Via = Via.ONLY

    def __str__(self) -> str:
        return f"{self.path}/{self.via}" if self.via else str(self.path)

    @property
    def is_direct(self) -> bool:
        """Whether the address that is dialled is the endpoint's own: no service stands between."""
        return self.path not in (Path.CLUSTER_IP, Path.NODE_PORT)


ALL_WAYS = tuple(Way(path, via) for path, vias in WAYS.items() for via in vias)
"""Every way there is, in the order in which cells take them."""

UNASKED = (str(Path.POD_IP), str(Path.NODE_IP), str(Path.EXTERNAL))
"""The paths of a scenario that asks for none: what needs nothing but the fleet."""


class ClusterDns(NamedTuple):
    """The cluster's DNS service as a destination."""

    id: str = CLUSTER_DNS
    ports: tuple[Port, ...] = (Port(53, Protocol.UDP), Port(53, Protocol.TCP))


Endpoint: TypeAlias = Pod | External | ClusterDns


def is_glob(pattern: str) -> bool:
    """Whether a pattern has wildcards."""
    return any(character in pattern for character in "*?[")


def way_matches(patterns: Sequence[str], way: Way) -> bool:
    """Whether any of the patterns means the way: by its own name or its path's. No pattern means any."""
    return not patterns or any(fnmatchcase(name, each) for each in patterns for name in (str(way), str(way.path)))


def selected_ways(paths: Sequence[str]) -> tuple[Way, ...]:
    """The ways that a selection asks for."""
    return tuple(way for way in ALL_WAYS if way_matches(paths or UNASKED, way))


def ways_to(endpoint: Endpoint, ways: Sequence[Way]) -> Iterator[Way]:
    """Those of the ways that lead to the endpoint."""
    own: tuple[Path, ...]
    match endpoint:
        case External():
            own = (Path.EXTERNAL,)
        case ClusterDns():
            own = (Path.DNS,)
        case Pod(host_network=on_host):
            own = (Path.NODE_IP if on_host else Path.POD_IP, Path.CLUSTER_IP, Path.NODE_PORT)
    return (way for way in ways if way.path in own)


def pattern_mistake(pattern: str) -> tuple[str, str] | None:
    """Message and hint when a pattern means no way at all."""
    if any(way_matches([pattern], way) for way in ALL_WAYS):
        return None
    ways, paths = [str(way) for way in ALL_WAYS], [str(path) for path in Path]
    near = None if is_glob(pattern) else near_miss(pattern, {*ways, *paths} if "/" in pattern else paths)
    message = f'"{pattern}" matches no path' if is_glob(pattern) else f'"{pattern}" is not a known path'
    if near:
        return message, f'did you mean "{near}"?'
    path = pattern.partition("/")[0]
    variants = [way for way in ways if way.startswith(f"{path}/")]
    return message, f"known: {', '.join(variants or paths)}"
