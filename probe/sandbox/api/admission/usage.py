"""What an object uses of a quota (pkg/quota/v1/evaluator/core of Kubernetes)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from probe.sandbox.api.quantity import Quantity
from probe.sandbox.api.resources import Resource
from probe.sandbox.store import Obj

Usage: TypeAlias = dict[str, Quantity]

COMPUTE: Final = ("cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory")
"""What every container must state as soon as a quota counts it."""

_SHORT: Final = ("configmaps", "resourcequotas", "secrets", "services")
"""Resources that a quota may also name without ``count/``."""


def add(one: Usage, other: Usage) -> Usage:
    """The sum, name by name."""
    return {name: one.get(name, Quantity()) + other.get(name, Quantity()) for name in {**one, **other}}


def greatest(one: Usage, other: Usage) -> Usage:
    """The greater one, name by name."""
    found = dict(one)
    for name, amount in other.items():
        if name not in found or amount.value > found[name].value:
            found[name] = amount
    return found


def usage(resource: Resource, obj: Obj) -> Usage:
    """What the object counts for."""
    one = Quantity.parse(1)
    found = {f"count/{resource.qualified}": one}
    if resource.plural in _SHORT:
        found[resource.plural] = one
    if resource.plural == "pods":
        found |= _pod(obj)
    if resource.plural == "services":
        found |= _service(obj)
    return found


def _pod(pod: Obj) -> Usage:
    # A pod that is done uses nothing but the place of its object.
    if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return {}
    spec = pod["spec"]
    total: Usage = {}
    for container in spec.get("containers", ()):
        total = add(total, container_usage(container))
    for container in spec.get("initContainers", ()):
        total = greatest(total, container_usage(container))
    overhead = spec.get("overhead") or {}
    return {**add(total, _named({"requests": overhead, "limits": overhead})), "pods": Quantity.parse(1)}


def container_usage(container: dict[str, Any]) -> Usage:
    """By the names of quotas: ``requests.cpu`` (and ``cpu``, which means the same), ``limits.memory``."""
    return _named(container.get("resources") or {})


def _named(resources: Mapping[str, Any]) -> Usage:
    found: Usage = {}
    for name, amount in (resources.get("requests") or {}).items():
        found[f"requests.{name}"] = Quantity.parse(amount)
        if name in ("cpu", "memory", "ephemeral-storage"):
            found[name] = Quantity.parse(amount)
    for name, amount in (resources.get("limits") or {}).items():
        found[f"limits.{name}"] = Quantity.parse(amount)
    return found


def _service(service: Obj) -> Usage:
    spec = service["spec"]
    ports = Quantity.parse(len(spec.get("ports") or ()))
    match spec.get("type"):
        case "NodePort":
            return {"services.nodeports": ports}
        case "LoadBalancer":
            allocated = spec.get("allocateLoadBalancerNodePorts") is not False
            return {
                "services.loadbalancers": Quantity.parse(1),
                "services.nodeports": ports if allocated else Quantity(),
            }
        case _:
            return {}


def in_scope(quota: Obj, obj: Obj) -> bool:
    """Whether a quota with scopes counts the pod; one without counts everything."""
    spec = quota["spec"]
    wanted = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    wanted += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if not wanted:
        return True
    return obj["kind"] == "Pod" and all(_matches(item, obj) for item in wanted)


def _matches(item: Mapping[str, Any], pod: Obj) -> bool:
    if item["scopeName"] == "PriorityClass":
        name, values = pod["spec"].get("priorityClassName") or "", item.get("values") or ()
        found = {"Exists": bool(name), "DoesNotExist": not name, "In": name in values, "NotIn": name not in values}
        return found[item["operator"]]
    test = _SCOPES.get(item["scopeName"])
    return test is not None and test(pod)


def _best_effort(pod: Obj) -> bool:
    return bool((pod.get("status") or {}).get("qosClass") == "BestEffort")


def _terminating(pod: Obj) -> bool:
    return pod["spec"].get("activeDeadlineSeconds") is not None


_SCOPES: Final[Mapping[str, Callable[[Obj], bool]]] = MappingProxyType(
    {
        "BestEffort": _best_effort,
        "NotBestEffort": lambda pod: not _best_effort(pod),
        "Terminating": _terminating,
        "NotTerminating": lambda pod: not _terminating(pod),
    }
)


def missing_amounts(pod: Obj, hard: Iterable[str]) -> str:
    """``must specify limits.cpu for: agent`` when a quota counts what a container does not state; else nothing."""
    required = set(hard) & set(COMPUTE)
    missing: dict[str, set[str]] = {}
    for container in [*pod["spec"].get("containers", ()), *pod["spec"].get("initContainers", ())]:
        for name in required - set(container_usage(container)):
            missing.setdefault(name, set()).add(container["name"])
    said = [f"{name} for: {','.join(sorted(names))}" for name, names in sorted(missing.items())]
    return f"must specify {'; '.join(said)}" if said else ""
