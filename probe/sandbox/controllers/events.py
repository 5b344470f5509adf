"""Events: what controllers and kubelets have to say about an object, for ``kubectl describe`` and the curious."""

from __future__ import annotations

import hashlib
from typing import Final

from probe.sandbox.controllers.namespaces import is_active
from probe.sandbox.store import Obj, Store, timestamp

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
_KEPT: Final = 2_000


def record(store: Store, obj: Obj, kind: str, reason: str, message: str, *, component: str, host: str = "") -> None:
    """Say something about ``obj``; the same words again only count. ``kind`` is Normal or Warning."""
    meta = obj["metadata"]
    namespace = meta.get("namespace") or "default"
    if not is_active(store, namespace):
        return
    digest = hashlib.sha256("\0".join((meta["uid"], reason, message, component)).encode()).hexdigest()[:16]
    name = f"{meta['name']}.{digest}"
    known = store.modify("events", namespace, name, _again)
    if known is not None:
        return
    now = timestamp()
    involved = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"], "uid": meta["uid"]}
    if "namespace" in meta:
        involved["namespace"] = namespace
    source = {"component": component, **({"host": host} if host else {})}
    store.create(
        "events",
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {**involved, "resourceVersion": meta["resourceVersion"]},
            "type": kind,
            "reason": reason,
            "message": message,
            "source": source,
            "reportingComponent": component,
            "reportingInstance": host,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        },
    )
    _forget(store, namespace)


def _again(event: Obj) -> None:
    event["count"] += 1
    event["lastTimestamp"] = timestamp()


def _forget(store: Store, namespace: str) -> None:
    """Events are news, not records: a namespace keeps the latest ones."""
    events = store.list("events", namespace)
    if len(events) > _KEPT:
        events.sort(key=lambda event: int(event["metadata"]["resourceVersion"]))
        for event in events[: _KEPT // 4]:
            store.delete("events", namespace, event["metadata"]["name"])
