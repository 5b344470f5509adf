"""ResourceQuota: how much of a namespace is used, and whether there is room for more.

Counted from the store at the moment of the request, so that two requests never take the same place. A quota's status
is what its controller last counted, for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from probe.sandbox.api.admission.usage import Usage, add, in_scope, missing_amounts, usage
from probe.sandbox.api.errors import ApiError, forbidden
from probe.sandbox.api.quantity import Quantity
from probe.sandbox.api.resources import NAMESPACED, Resource
from probe.sandbox.store import Obj, Store

_COUNTED_AGAIN: Final = ("services",)
"""Resources of which an update can take more."""


def check_quota(store: Store, resource: Resource, obj: Obj, current: Obj | None = None) -> None:
    """Raises ApiError 403 when a quota of the namespace leaves no room for a new object, or for its change."""
    if current is not None and resource.plural not in _COUNTED_AGAIN:
        return
    for quota in store.list("resourcequotas", obj["metadata"]["namespace"]):
        if in_scope(quota, obj):
            _check(store, quota, resource, obj, current)


def _check(store: Store, quota: Obj, resource: Resource, obj: Obj, current: Obj | None) -> None:
    hard = _hard(quota)
    wanted = usage(resource, obj)
    if current is not None:
        wanted = {name: wanted[name] - amount for name, amount in _padded(usage(resource, current), wanted).items()}
    wanted = {name: amount for name, amount in wanted.items() if name in hard and amount.value > 0}
    if resource.plural == "pods" and (missing := missing_amounts(obj, hard)):
        raise _refused(resource, obj, f"failed quota: {quota['metadata']['name']}: {missing}")
    used = used_of(store, quota)
    over = [name for name in sorted(wanted) if (used[name] + wanted[name]).value > hard[name].value]
    if over:
        requested, before, limited = (_shown(amounts, over) for amounts in (wanted, used, hard))
        words = f"requested: {requested}, used: {before}, limited: {limited}"
        raise _refused(resource, obj, f"exceeded quota: {quota['metadata']['name']}, {words}")


def _padded(amounts: Usage, like: Usage) -> Usage:
    return {name: amounts.get(name, Quantity()) for name in like}


def _hard(quota: Obj) -> Usage:
    return {name: Quantity.parse(amount) for name, amount in (quota["spec"].get("hard") or {}).items()}


def used_of(store: Store, quota: Obj) -> Usage:
    """What the namespace uses of everything that the quota limits."""
    hard = quota["spec"].get("hard") or {}
    total: Usage = dict.fromkeys(hard, Quantity())
    for resource in NAMESPACED:
        if _counts(resource, hard):
            for obj in store.list(resource.plural, quota["metadata"]["namespace"]):
                if in_scope(quota, obj):
                    total = add(total, {name: amount for name, amount in usage(resource, obj).items() if name in hard})
    return total


def _counts(resource: Resource, hard: Mapping[str, object]) -> bool:
    if resource.plural in ("pods", "services"):
        return True
    return f"count/{resource.qualified}" in hard or resource.plural in hard


def _shown(amounts: Usage, names: list[str]) -> str:
    return ",".join(f"{name}={amounts[name]}" for name in names)


def _refused(resource: Resource, obj: Obj, why: str) -> ApiError:
    return forbidden(resource, obj["metadata"]["name"], why)
