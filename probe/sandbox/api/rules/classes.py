"""PriorityClasses and RuntimeClasses, which belong to the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from probe.model.syntax import dns_label_error
from probe.sandbox.api.errors import FieldError, forbidden_field, invalid, required, unsupported
from probe.sandbox.store import Obj, Store

HIGHEST_PRIORITY: Final = 1_000_000_000
SYSTEM_PRIORITIES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}

_PREEMPTION: Final = ("Never", "PreemptLowerPriority")


def create_first_classes(store: Store) -> None:
    """The priority classes that every cluster has, if they are missing."""
    for name, value in SYSTEM_PRIORITIES.items():
        if store.find("priorityclasses", None, name) is None:
            obj = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
            store.create("priorityclasses", {**obj, "value": value, "preemptionPolicy": "PreemptLowerPriority"})


def default_priority(obj: Obj) -> None:
    """In place."""
    obj.setdefault("value", 0)
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


def validate_priority(obj: Obj) -> Iterator[FieldError]:
    """Users' classes stay below the system's."""
    name = obj["metadata"].get("name") or ""
    if name.startswith("system-"):
        if SYSTEM_PRIORITIES.get(name) != obj["value"]:
            why = "priority class names with 'system-' prefix are reserved for system use only"
            yield forbidden_field("metadata.name", why)
    elif obj["value"] > HIGHEST_PRIORITY:
        yield forbidden_field("value", f"maximum allowed value of a user defined priority is {HIGHEST_PRIORITY}")
    if obj["preemptionPolicy"] not in _PREEMPTION:
        yield unsupported("preemptionPolicy", obj["preemptionPolicy"], _PREEMPTION)


def keep_priority(new: Obj, old: Obj) -> Iterator[FieldError]:
    """Pods carry the number: it may not mean something else later."""
    if new["value"] != old["value"]:
        yield forbidden_field("value", "may not be changed in an update.")
    if new["preemptionPolicy"] != old["preemptionPolicy"]:
        yield forbidden_field("preemptionPolicy", "may not be changed in an update.")


def validate_runtime(obj: Obj) -> Iterator[FieldError]:
    """The handler is a name that the container runtime knows."""
    handler = obj.get("handler")
    if not handler:
        yield required("handler")
    elif error := dns_label_error(handler):
        yield invalid("handler", handler, error)


def keep_handler(new: Obj, old: Obj) -> Iterator[FieldError]:
    """Pods run with it."""
    if new.get("handler") != old.get("handler"):
        yield invalid("handler", new.get("handler") or "", "field is immutable")
