"""A cluster's state as far as policies are concerned, read with nothing but ``list``.

What may not be looked at must never pass for "there is none": a kind that cannot be listed is an error where answers
would be wrong without it (namespaces, pods, NetworkPolicies), and else a warning. Somebody who may only look into some
namespaces gets these, and is told which were left out.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import quote

from probe.cluster.api import Api, ApiError, Json, WatchExpired
from probe.cluster.failures import some
from probe.model.clusterpolicy import API_VERSIONS, GROUP, PLURALS, validate_cluster_policy
from probe.model.errors import ClusterError
from probe.model.fields import UNKNOWN_FIELD, FieldError, value_at
from probe.model.manifest import Manifest
from probe.model.networkpolicy import API_VERSION, validate_network_policy
from probe.model.objects import namespace_labels, node_state, pod_state, service_state
from probe.model.snapshot import NAME_LABEL, Snapshot

_PAGE: Final = 500

_State = TypeVar("_State")


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen, and sentences about what was not."""

    snapshot: Snapshot
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Resource:
    """A namespaced resource: the prefix of its API group, and its plural."""

    prefix: str
    plural: str

    def path(self, namespace: str = "") -> str:
        """The collection, of all namespaces or of one."""
        return f"{self.prefix}{f'/namespaces/{quote(namespace)}' if namespace else ''}/{self.plural}"


_PODS: Final = _Resource("/api/v1", "pods")
_SERVICES: Final = _Resource("/api/v1", "services")
_POLICIES: Final = _Resource(f"/apis/{API_VERSION}", "networkpolicies")


async def look_at_cluster(api: Api, namespaces: Sequence[str] = ()) -> Sight:
    """The cluster, or some of its namespaces (then policies and pods of others are as if they were not there).

    Raises ClusterError when what answers depend on may not be listed anywhere, ApiError for other refusals.
    """
    return await _Look(api, tuple(dict.fromkeys(namespaces))).look()


@dataclass(slots=True)
class _Look:
    api: Api
    only: tuple[str, ...]
    warnings: list[str] = field(default_factory=list)

    async def look(self) -> Sight:
        """Everything at once but for namespaces, which say where to look."""
        spaces = await self._namespaces()
        names = tuple(spaces)
        pods, policies, services, nodes, wide = await asyncio.gather(
            self._in_namespaces(_PODS, names),
            self._in_namespaces(_POLICIES, names),
            self._in_namespaces(_SERVICES, names),
            self._nodes(),
            self._cluster_policies(),
        )
        blind = set(names) - set(pods) | set(names) - set(policies)
        if names and blind == set(names):
            what = "NetworkPolicies" if not policies else "pods"
            raise ClusterError(f"you may not list {what} in {some(names)}: nothing can be said without them")
        for missing, what in ((set(names) - set(policies), "NetworkPolicies"), (set(names) - set(pods), "pods")):
            if missing:
                self.warnings.append(f"you may not list {what} in {some(sorted(missing))}: left out altogether")
        if unseen := set(names) - set(services) - blind:
            self.warnings.append(f"you may not list services in {some(sorted(unseen))}: there are none in what follows")
        seen = {name: labels for name, labels in spaces.items() if name not in blind}
        snapshot = Snapshot(
            namespaces=seen,
            pods=tuple(_converted(pod_state, pods, seen)),
            nodes=tuple(map(node_state, nodes)),
            services=tuple(_converted(service_state, services, seen)),
            policies=(*self._sound(_items(policies, seen), "NetworkPolicy"), *wide),
        )
        return Sight(snapshot, tuple(self.warnings))

    # --- where to look ----------------------------------------------------------------------------------------------

    async def _namespaces(self) -> dict[str, Mapping[str, str]]:
        """Names and labels of the namespaces to look at."""
        found = await self._permitted(self._list("/api/v1/namespaces"))
        if found is None:
            if not self.only:
                raise ClusterError("you may not list namespaces: name those that you may look into")
            message = f"you may not list namespaces: of {some(self.only)} no label but the name is known"
            self.warnings.append(message)
            return {name: {NAME_LABEL: name} for name in self.only}
        labels = {str(each["metadata"]["name"]): namespace_labels(each) for each in found}
        if missing := [name for name in self.only if name not in labels]:
            raise ClusterError(f"there is no namespace {some(missing)}")
        return {name: labels[name] for name in self.only} if self.only else dict(labels)

    async def _in_namespaces(self, resource: _Resource, names: Sequence[str]) -> dict[str, list[Json]]:
        """The objects by namespace, without the namespaces in which they may not be listed."""
        if not self.only:
            found = await self._permitted(self._list(resource.path()))
            if found is not None:
                by_name: dict[str, list[Json]] = {name: [] for name in names}
                for each in found:
                    by_name.setdefault(each["metadata"]["namespace"], []).append(each)
                return by_name
        lists = await asyncio.gather(*(self._permitted(self._list(resource.path(name))) for name in names))
        return {name: found for name, found in zip(names, lists, strict=True) if found is not None}

    # --- what is not in namespaces ----------------------------------------------------------------------------------

    async def _nodes(self) -> list[Json]:
        found = await self._permitted(self._list("/api/v1/nodes"))
        if found is None:
            self.warnings.append("you may not list nodes: nothing is known of their labels and addresses")
        return found or []

    async def _cluster_policies(self) -> list[Manifest]:
        """Policies of the cluster-scoped kinds, as far as the API server has these."""
        served, absent = await self._served(), []
        found: list[Manifest] = []
        for kind, version in API_VERSIONS.items():
            versions = [each for each, plurals in served.items() if PLURALS[kind] in plurals]
            if version in versions:
                found += await self._cluster_policies_of(kind, version)
            elif versions:
                self.warnings.append(f"{kind} is served as {', '.join(versions)}, which is not known here: left out")
            else:
                absent.append(kind)
        if absent:
            self.warnings.append(f"not served by this cluster: {', '.join(absent)}")
        return found

    async def _cluster_policies_of(self, kind: str, version: str) -> Sequence[Manifest]:
        items = await self._permitted(self._list(f"/apis/{version}/{PLURALS[kind]}"))
        if items is None:
            self.warnings.append(f"you may not list {PLURALS[kind]}: they may decide otherwise than is said here")
        return list(self._sound(items or (), kind))

    async def _served(self) -> dict[str, set[str]]:
        """The resources of the policy group by version, as discovery has them."""
        try:
            group = await self.api.get(f"/apis/{GROUP}")
        except ApiError as error:
            if error.code != 404:
                raise
            return {}
        versions = [str(each["groupVersion"]) for each in group.get("versions") or ()]
        lists = await asyncio.gather(*(self.api.get(f"/apis/{version}") for version in versions))
        return {
            version: {str(each["name"]) for each in found.get("resources") or ()}
            for version, found in zip(versions, lists, strict=True)
        }

    # --- requests ---------------------------------------------------------------------------------------------------

    async def _list(self, path: str) -> list[Json]:
        """All items, a page at a time; all over again without pages when they took too long (410 Gone)."""
        items: list[Json] = []
        query = {"limit": str(_PAGE)}
        while True:
            try:
                page = await self.api.get(path, **query)
            except WatchExpired:
                return list((await self.api.get(path)).get("items") or ())
            items += page.get("items") or ()
            query["continue"] = (page.get("metadata") or {}).get("continue") or ""
            if not query["continue"]:
                return items

    async def _permitted(self, listing: Awaitable[list[Json]]) -> list[Json] | None:
        try:
            return await listing
        except ApiError as error:
            if error.code == 403:
                return None
            raise

    def _sound(self, policies: Iterable[Json], kind: str) -> Iterator[Manifest]:
        """Policies as they can be evaluated. What is in them that is not known here is told."""
        validate = validate_network_policy if kind == "NetworkPolicy" else validate_cluster_policy
        for each in policies:
            # Items of lists do not say what they are; and status decides nothing.
            policy: Json = {"apiVersion": API_VERSIONS.get(kind, API_VERSION), "kind": kind} | each
            policy.pop("status", None)
            errors = [error for error in validate(policy) if not _is_loose_block(error, policy)]
            readable = all(error.reason == UNKNOWN_FIELD for error in errors)
            if errors:
                metadata, said = policy["metadata"], "; ".join(map(str, errors))
                name = "/".join(part for part in (metadata.get("namespace"), metadata["name"]) if part)
                what = "evaluated without it" if readable else "left out"
                self.warnings.append(f"{kind} {name} has what is not known here, {what}: {said}")
            if readable:
                yield policy


def _is_loose_block(error: FieldError, policy: Manifest) -> bool:
    """A block of addresses that is not in canonical form, which API servers have let pass for long."""
    value = value_at(policy, error.parts)
    try:
        ipaddress.ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        return False
    return True


def _items(by_namespace: Mapping[str, Sequence[Json]], seen: Iterable[str]) -> Iterator[Json]:
    for name in seen:
        yield from by_namespace.get(name, ())


def _converted(
    convert: Callable[[Manifest], _State | None], by_namespace: Mapping[str, Sequence[Json]], seen: Iterable[str]
) -> Iterator[_State]:
    for each in _items(by_namespace, seen):
        if (state := convert(each)) is not None:
            yield state
