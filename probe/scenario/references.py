"""Checks of the names in rules, tables and ``probe``: each must mean something that exists at its step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from probe.model.cell import Path
from probe.model.errors import Problem
from probe.model.fleet import CLUSTER_DNS, EXTERNAL
from probe.scenario.document import Place
from probe.scenario.matching import Directory, names_of, port_matches
from probe.scenario.suggest import suggest, suggest_id
from probe.scenario.ways import ALL_WAYS, UNASKED, Endpoint, is_glob, way_matches, ways_to
from probe.scenario.world import World

_NOWHERE = {
    Path.NODE_IP: ("no pod has hostNetwork", f"pods with addresses of their own are reached by {Path.POD_IP}"),
    Path.POD_IP: ("every pod has hostNetwork", f"such pods are reached by {Path.NODE_IP}"),
    Path.EXTERNAL: ("no endpoint is outside the cluster", "declare it in spec.fleet.external"),
}
_CLUSTER = CLUSTER_DNS.removesuffix("dns")


def name_mistake(pattern: str, world: World, among: Directory, *, destination: bool) -> tuple[str, str] | None:
    """Message and hint when a pattern means nothing ``among`` what may stand at this end of a cell."""
    if among.match([pattern]):
        return None
    if pattern.startswith(_CLUSTER) and fnmatchcase(CLUSTER_DNS, pattern):
        return _dns_mistake(destination)
    outside = pattern.startswith(f"{EXTERNAL}/") or Directory(world.externals).match([pattern])
    if not destination and is_glob(pattern) and outside:
        return f'"{pattern}" means endpoints outside the cluster; only pods can be sources', ""
    wrong_however = not is_glob(pattern) and ("/" not in pattern or (outside and not destination))
    if world.doubts.about(pattern) and not wrong_however:
        return None
    if is_glob(pattern):
        hint = "write namespace/pod" if "/" not in pattern else _near(pattern.partition("/")[0], world)
        return f'"{pattern}" matches no pod', hint
    return _literal_mistake(
        pattern, world, destination, [name for item in among.endpoints.values() for name in names_of(item)]
    )


def _dns_mistake(destination: bool) -> tuple[str, str]:
    if not destination:
        return f'"{CLUSTER_DNS}" is the cluster\'s DNS service; only pods can be sources', ""
    hint = f"add it there; absent, the paths are {', '.join(UNASKED)}"
    return f'"{CLUSTER_DNS}" is only tried where probe.paths asks for {Path.DNS}', hint


def _literal_mistake(name: str, world: World, destination: bool, known: list[str]) -> tuple[str, str]:
    namespace, slash, pod = name.partition("/")
    if not slash:
        if name in world.namespaces:
            return f'"{name}" is a namespace, not a pod', f'write "{name}/*" for all its pods'
        same = [other for other in known if other.partition("/")[2] == name]
        return f'"{name}" is not a pod', f'write "{same[0]}"' if same else "write namespace/pod"
    if namespace == EXTERNAL:
        if not destination:
            return f'"{name}" is outside the cluster; only pods can be sources', ""
        names = [external.name for external in world.externals]
        return f'unknown external endpoint "{pod}"', suggest(pod, names) or "none is declared in spec.fleet.external"
    if name.startswith(_CLUSTER):
        return f'unknown destination "{name}"', f'the cluster has only "{CLUSTER_DNS}"'
    if namespace not in world.namespaces:
        gone = world.was_deleted("namespace", namespace)
        return f'unknown namespace "{namespace}"', gone or suggest(namespace, world.namespaces)
    gone = world.was_deleted("pod", name)
    if not gone and name in world.ever:
        gone = "it does not exist yet at this step"
    return f'unknown pod "{name}"', gone or suggest_id(name, known)


def _near(namespace: str, world: World) -> str:
    return "" if is_glob(namespace) or namespace in world.namespaces else suggest(namespace, world.namespaces)


def check_names(
    patterns: Sequence[tuple[int, str]], place: Place, world: World, among: Directory, *, destination: bool
) -> Iterator[Problem]:
    """Problems of a list of patterns, given with their indices in the file."""
    for index, pattern in patterns:
        mistake = name_mistake(pattern, world, among, destination=destination)
        if mistake:
            yield item_place(place, index).problem(*mistake)


def item_place(place: Place, index: int) -> Place:
    """An item's place, or the whole's where a single value stands instead of a list."""
    item = place.child(index)
    return item if item.path in item.document.values else place


def check_ports(
    patterns: Sequence[tuple[int, str]], place: Place, destinations: Sequence[Endpoint]
) -> Iterator[Problem]:
    """Problems of port patterns that none of the destinations serves."""
    for index, pattern in patterns:
        if not any(port_matches([pattern], port) for endpoint in destinations for port in endpoint.ports):
            message = f'no port "{pattern}" is served' if is_glob(pattern) else f"nobody serves {pattern}"
            yield item_place(place, index).problem(message, served(destinations))


def check_paths(
    patterns: Sequence[tuple[int, str]], place: Place, destinations: Sequence[Endpoint]
) -> Iterator[Problem]:
    """Problems of ways that lead nowhere; what a glob means may well not all be there."""
    for index, pattern in patterns:
        meant = [way for way in ALL_WAYS if way_matches([pattern], way)]
        if is_glob(pattern) or any(True for endpoint in destinations for _ in ways_to(endpoint, meant)):
            continue
        why, hint = _NOWHERE.get(meant[0].path, ("there is no pod", ""))
        yield item_place(place, index).problem(f'"{pattern}" leads nowhere: {why}', hint)


def served(destinations: Sequence[Endpoint]) -> str:
    """What the destinations serve, for a hint."""
    if len(destinations) == 1:
        return f"{destinations[0].id} serves {', '.join(map(str, destinations[0].ports)) or 'no port'}"
    ports = sorted({str(port) for endpoint in destinations for port in endpoint.ports})
    return f"served there: {', '.join(ports[:8]) or 'no port'}"
