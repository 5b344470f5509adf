"""Amounts of CPU and memory, in pods and in what limits them: one way of writing, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from probe.sandbox.api.errors import FieldError, bad_request, invalid, required
from probe.sandbox.api.quantity import Quantity, canonical
from probe.sandbox.store import Obj


def normalise_pod(pod: Obj) -> None:
    """Write the containers' amounts as Kubernetes does, in place. Raises ApiError 400 for what is no quantity."""
    spec = pod.get("spec") or {}
    for container in [*spec.get("containers", ()), *spec.get("initContainers", ())]:
        for amounts in (container.get("resources") or {}).values():
            if isinstance(amounts, dict):
                _normalise(pod, amounts)


def _normalise(obj: Obj, amounts: dict[str, Any]) -> None:
    for name, amount in amounts.items():
        try:
            amounts[name] = canonical(amount)
        except ValueError as error:
            kind, version = obj.get("kind", ""), str(obj.get("apiVersion", "")).rpartition("/")[2]
            raise bad_request(
                f'{kind} in version "{version}" cannot be handled as a {kind}: {error}: {amount!r}'
            ) from None


def validate_pod_resources(pod: Obj) -> Iterator[FieldError]:
    """A request may not be more than its limit."""
    for field in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(field, ())):
            resources = container.get("resources") or {}
            limits = resources.get("limits") or {}
            for name, amount in (resources.get("requests") or {}).items():
                if name in limits and Quantity.parse(amount).value > Quantity.parse(limits[name]).value:
                    path = f"spec.{field}[{index}].resources.requests"
                    yield invalid(path, amount, f"must be less than or equal to {name} limit of {limits[name]}")


def default_quota(quota: Obj) -> None:
    """Amounts as Kubernetes writes them, in place. Raises ApiError 400."""
    _normalise(quota, quota.setdefault("spec", {}).get("hard") or {})


def default_limits(limits: Obj) -> None:
    """A container's missing defaults follow from its other limits, in place. Raises ApiError 400."""
    for item in limits.setdefault("spec", {}).get("limits") or ():
        for field in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
            _normalise(limits, item.get(field) or {})
        if item.get("type") == "Container":
            item["default"] = {**(item.get("max") or {}), **(item.get("default") or {})}
            requests = {**(item.get("min") or {}), **item["default"], **(item.get("defaultRequest") or {})}
            item["defaultRequest"] = requests
            for field in ("default", "defaultRequest"):
                if not item[field]:
                    del item[field]


def validate_limits(limits: Obj) -> Iterator[FieldError]:
    """The limits must leave something that is allowed."""
    for index, item in enumerate(limits["spec"].get("limits") or ()):
        path = f"spec.limits[{index}]"
        if not item.get("type"):
            yield required(f"{path}.type")
        most = item.get("max") or {}
        for field, word in (("min", "min"), ("default", "default"), ("defaultRequest", "default request")):
            for name, amount in (item.get(field) or {}).items():
                if name in most and Quantity.parse(amount).value > Quantity.parse(most[name]).value:
                    why = f"{word} value {amount} is greater than max value {most[name]}"
                    yield invalid(f"{path}.{field}[{name}]", amount, why)
