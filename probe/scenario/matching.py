"""Which pods, endpoints and ports the patterns of rules mean.

Patterns are shell-style globs over ids (``production/*``); a pod answers to its group's name as well. A plan has
tens of thousands of cells, so patterns are resolved to sets once per rule, never per cell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from probe.model.cell import Protocol
from probe.model.fleet import Pod, Port
from probe.scenario.ways import Endpoint, is_glob


def names_of(endpoint: Endpoint) -> tuple[str, ...]:
    """What rules may call an endpoint: its id, and its group's."""
    if not isinstance(endpoint, Pod) or endpoint.group == endpoint.name:
        return (endpoint.id,)
    return endpoint.id, f"{endpoint.namespace}/{endpoint.group}"


class Directory:
    """Endpoints by what rules may call them. Answers are kept: tables ask for the same names again and again."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self.endpoints = {endpoint.id: endpoint for endpoint in endpoints}
        self._by_name: dict[str, list[str]] = {}
        for endpoint in self.endpoints.values():
            for name in names_of(endpoint):
                self._by_name.setdefault(name, []).append(endpoint.id)
        self._answers: dict[tuple[str, ...], frozenset[str]] = {(): frozenset(self.endpoints)}

    def match(self, patterns: Sequence[str]) -> frozenset[str]:
        """Ids of the endpoints that any of the patterns means; no pattern means all."""
        key = tuple(patterns)
        if key not in self._answers:
            self._answers[key] = frozenset(id for pattern in key for id in self._match_one(pattern))
        return self._answers[key]

    def named(self, patterns: Sequence[str]) -> list[Endpoint]:
        """The endpoints that any of the patterns means, in their own order."""
        ids = self.match(patterns)
        return [endpoint for endpoint in self.endpoints.values() if endpoint.id in ids]

    def _match_one(self, pattern: str) -> Iterable[str]:
        if not is_glob(pattern):
            return self._by_name.get(pattern, ())
        return (id for name, ids in self._by_name.items() if fnmatchcase(name, pattern) for id in ids)


def port_matches(patterns: Collection[str], port: Port) -> bool:
    """Whether any of the patterns means the port: by ``80/TCP``, ``80``, ``TCP`` or its name. No pattern: any port."""
    if not patterns:
        return True
    names = [str(port), str(port.number), str(port.protocol), *([port.name] if port.name else [])]
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def matching_ports(patterns: Collection[str], protocols: Sequence[Protocol], endpoint: Endpoint) -> tuple[Port, ...]:
    """The endpoint's ports that the patterns mean, of the protocols given (none: all)."""
    return tuple(
        port
        for port in endpoint.ports
        if (not protocols or port.protocol in protocols) and port_matches(patterns, port)
    )
