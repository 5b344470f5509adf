"""LimitRange: defaults for containers that state nothing, and bounds (plugin/pkg/admission/limitranger)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from probe.sandbox.api.admission.usage import add, greatest
from probe.sandbox.api.errors import forbidden
from probe.sandbox.api.quantity import Quantity
from probe.sandbox.api.resources import BY_PLURAL
from probe.sandbox.store import Obj, Store

Amounts: TypeAlias = dict[str, Quantity]

_ANNOTATION: Final = "kubernetes.io/limit-ranger"


def set_limits(store: Store, pod: Obj) -> None:
    """Fill in what containers leave out, in place, and say so in an annotation."""
    said: list[str] = []
    for limits in store.list("limitranges", pod["metadata"]["namespace"]):
        for item in limits["spec"].get("limits") or ():
            if item["type"] == "Container":
                for kind in ("containers", "initContainers"):
                    for container in pod["spec"].get(kind, ()):
                        said += _fill(container, item, "container" if kind == "containers" else "init container")
    if said:
        notes = pod["metadata"].setdefault("annotations", {})
        notes[_ANNOTATION] = f"LimitRanger plugin set: {'; '.join(said)}"


def _fill(container: dict[str, Any], item: dict[str, Any], what: str) -> Iterator[str]:
    for field, source, word in (("requests", "defaultRequest", "request"), ("limits", "default", "limit")):
        stated = container.setdefault("resources", {}).get(field) or {}
        missing = {name: amount for name, amount in (item.get(source) or {}).items() if name not in stated}
        if missing:
            container["resources"][field] = {**stated, **missing}
            yield f"{', '.join(sorted(missing))} {word} for {what} {container['name']}"


def check_limits(store: Store, pod: Obj) -> None:
    """Raises ApiError 403 for a pod out of bounds."""
    for limits in store.list("limitranges", pod["metadata"]["namespace"]):
        errors = [error for item in limits["spec"].get("limits") or () for error in _violations(item, pod["spec"])]
        if errors:
            why = errors[0] if len(errors) == 1 else f"[{', '.join(dict.fromkeys(errors))}]"
            raise forbidden(BY_PLURAL["pods"], pod["metadata"]["name"], why)


def _violations(item: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    containers = [_amounts(container) for container in spec.get("containers", ())]
    first = [_amounts(container) for container in spec.get("initContainers", ())]
    if item["type"] == "Container":
        for requests, limits in (*containers, *first):
            yield from _bounds(item, requests, limits)
    elif item["type"] == "Pod":
        requests, limits = ({}, {})
        for one in containers:
            requests, limits = add(requests, one[0]), add(limits, one[1])
        for one in first:
            requests, limits = greatest(requests, one[0]), greatest(limits, one[1])
        yield from _bounds(item, requests, limits)


def _amounts(container: dict[str, Any]) -> tuple[Amounts, Amounts]:
    resources = container.get("resources") or {}
    requests, limits = (
        {name: Quantity.parse(amount) for name, amount in (resources.get(field) or {}).items()}
        for field in ("requests", "limits")
    )
    return requests, limits


def _bounds(item: dict[str, Any], requests: Amounts, limits: Amounts) -> Iterator[str]:
    for name, text in sorted((item.get("min") or {}).items()):
        least, head = Quantity.parse(text), f"minimum {name} usage per {item['type']} is {text}"
        if name not in requests:
            yield f"{head}.  No request is specified"
        elif requests[name].value < least.value:
            yield f"{head}, but request is {requests[name]}"
        elif name in limits and limits[name].value < least.value:
            yield f"{head}, but limit is {limits[name]}"
    for name, text in sorted((item.get("max") or {}).items()):
        most, head = Quantity.parse(text), f"maximum {name} usage per {item['type']} is {text}"
        if name not in limits:
            yield f"{head}.  No limit is specified"
        elif limits[name].value > most.value:
            yield f"{head}, but limit is {limits[name]}"
        elif name in requests and requests[name].value > most.value:
            yield f"{head}, but request is {requests[name]}"
    for name, text in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        yield from _ratio(item["type"], name, text, requests.get(name), limits.get(name))


def _ratio(kind: str, name: str, text: str, request: Quantity | None, limit: Quantity | None) -> Iterator[str]:
    head = f"{name} max limit to request ratio per {kind} is {text}, but"
    if request is None or not request.value:
        yield f"{head} no request is specified or request is 0"
    elif limit is None or not limit.value:
        yield f"{head} no limit is specified or limit is 0"
    elif (ratio := limit.value / request.value) > Quantity.parse(text).value:
        yield f"{head} provided ratio is {ratio:f}"
