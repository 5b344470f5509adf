"""The smallest case that still shows a disagreement: policies, rules, labels, ports and pods are left out one by one.

Greedy, and by the structure of the objects: whatever can go, goes, as long as the API would take what is left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from probe.model.clusterpolicy import validate_cluster_policy
from probe.model.networkpolicy import validate_network_policy
from tests.policy.generate.words import Object
from tests.policy.generate.worlds import PodSpec, World
from tests.sandbox.differential.cells import Case
from tests.sandbox.differential.fleet import Disagreement


async def shrunk(
    found: Disagreement, compare: Callable[[Case], Awaitable[Sequence[Disagreement]]], most: int = 2000
) -> Disagreement:
    """The last of ever smaller cases that disagrees; ``most`` bounds how many are tried."""
    progress = True
    while progress:
        progress = False
        for smaller in _smaller(found):
            most -= 1
            if most < 0:
                return found
            if wrong := await compare(smaller):
                found, progress = wrong[0], True
                break
    return found


def _smaller(found: Disagreement) -> Iterator[Case]:
    """Cases with one thing less; what saves most comes first."""
    case, cell = found.case, found.cell
    if len(case.ports) > 1:
        yield replace(case, ports=((cell.port, cell.protocol),))
    for number in range(len(case.policies)):
        yield replace(case, policies=_without(case.policies, number))
    ends = cell.source, cell.destination
    for number, pod in enumerate(case.world.pods):
        if pod.id not in ends:
            slots = {name: slot for name, slot in case.slots.items() if name != pod.id}
            yield replace(case, world=replace(case.world, pods=_without(case.world.pods, number)), slots=slots)
    for number, policy in enumerate(case.policies):
        for spec in _parts(policy["spec"]):
            smaller = {**policy, "spec": spec}
            if _is_valid(smaller):
                yield replace(case, policies=(*case.policies[:number], smaller, *case.policies[number + 1 :]))
    for world in _smaller_worlds(case.world, {policy["metadata"].get("namespace") for policy in case.policies}):
        yield replace(case, world=world)


def _is_valid(policy: Object) -> bool:
    validate = validate_network_policy if policy["kind"] == "NetworkPolicy" else validate_cluster_policy
    return not validate(policy)


def _without(items: tuple[Any, ...], number: int) -> tuple[Any, ...]:
    return (*items[:number], *items[number + 1 :])


def _parts(value: Any) -> Iterator[Any]:
    """The value with one item of a list, or one field, left out somewhere in it."""
    if isinstance(value, Mapping):
        for key in value:
            yield {other: kept for other, kept in value.items() if other != key}
        for key, inside in value.items():
            yield from ({**value, key: smaller} for smaller in _parts(inside))
    elif isinstance(value, list):
        for number in range(len(value)):
            yield [*value[:number], *value[number + 1 :]]
        for number, inside in enumerate(value):
            yield from ([*value[:number], smaller, *value[number + 1 :]] for smaller in _parts(inside))


def _smaller_worlds(world: World, used: set[str | None]) -> Iterator[World]:
    for name, labels in world.namespaces.items():
        others = {other: kept for other, kept in world.namespaces.items() if other != name}
        if name not in used and all(pod.namespace != name for pod in world.pods):
            yield replace(world, namespaces=others)
        for smaller in _parts(labels):
            yield replace(world, namespaces={**world.namespaces, name: smaller})
    for number, pod in enumerate(world.pods):
        for less in _smaller_pods(pod):
            yield replace(world, pods=(*world.pods[:number], less, *world.pods[number + 1 :]))


def _smaller_pods(pod: PodSpec) -> Iterator[PodSpec]:
    for labels in _parts(pod.labels):
        yield replace(pod, labels=labels)
    for number in range(len(pod.ports)):
        yield replace(pod, ports=_without(pod.ports, number))
