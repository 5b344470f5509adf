"""A pod's priority and runtime by the names of their classes (plugins Priority and RuntimeClass)."""

from __future__ import annotations

from typing import Any

from probe.sandbox.api.errors import ApiError, forbidden
from probe.sandbox.api.resources import BY_PLURAL
from probe.sandbox.store import Obj, Store, clone


def set_priority(store: Store, pod: Obj) -> None:
    """The number for the class's name, or for the cluster's default class, in place. Raises ApiError 403."""
    spec = pod["spec"]
    name = spec.get("priorityClassName") or ""
    if name:
        found = store.find("priorityclasses", None, name)
        if found is None:
            raise _refused(pod, f"no PriorityClass with name {name} was found")
    else:
        defaults = [item for item in store.list("priorityclasses") if item.get("globalDefault")]
        found = min(defaults, key=lambda item: int(item["value"]), default=None)
    computed = found["value"] if found is not None else 0
    if spec.get("priority") not in (None, 0, computed):
        raise _refused(
            pod,
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {computed} from the given PriorityClass name",
        )
    spec["priority"] = computed
    if found is not None:
        spec["priorityClassName"] = found["metadata"]["name"]
        spec["preemptionPolicy"] = found["preemptionPolicy"]


def set_runtime(store: Store, pod: Obj) -> None:
    """Where pods of the runtime class may run, and what it costs, in place. Raises ApiError 403."""
    spec = pod["spec"]
    name = spec.get("runtimeClassName")
    if not name:
        return
    found = store.find("runtimeclasses", None, name)
    if found is None:
        raise _refused(pod, f'pod rejected: RuntimeClass "{name}" not found')
    scheduling: dict[str, Any] = found.get("scheduling") or {}
    selector = spec.get("nodeSelector") or {}
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            why = f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = "
            raise _refused(pod, why + selector[key])
        selector = {**selector, key: value}
    if selector:
        spec["nodeSelector"] = selector
    wanted = [item for item in scheduling.get("tolerations") or () if item not in spec.get("tolerations", ())]
    spec["tolerations"] = [*spec.get("tolerations", ()), *clone(wanted)]
    if overhead := (found.get("overhead") or {}).get("podFixed"):
        spec["overhead"] = clone(overhead)


def _refused(pod: Obj, why: str) -> ApiError:
    return forbidden(BY_PLURAL["pods"], pod["metadata"].get("name") or "", why)
