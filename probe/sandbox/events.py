"""Events: what controllers and kubelets have to say about an object, for ``kubectl describe`` and the curious."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from probe.sandbox.controllers.namespaces import is_active
from probe.sandbox.store import Obj, Store, timestamp

_KEPT: Final = 2_000


@dataclass(frozen=True, slots=True)
class EventRecorder:
    """Writes core/v1 Events for one component. ``host`` is its node, where it has one."""

    store: Store
    component: str
    host: str = ""

    def record(
        self, obj: Obj, reason: str, message: str, *, warning: bool = False, container: str | None = None
    ) -> None:
        """Say something about ``obj`` (or one container of it); the same words again only count."""
        namespace = obj["metadata"].get("namespace") or "default"
        if not is_active(self.store, namespace):
            return
        event = self._event(obj, reason, message, warning, container)
        if self.store.modify("events", namespace, event["metadata"]["name"], _again) is None:
            self.store.create("events", event)
            _forget(self.store, namespace)

    def _event(self, obj: Obj, reason: str, message: str, warning: bool, container: str | None) -> Obj:
        meta = obj["metadata"]
        words = (meta["uid"], reason, message, self.component, container or "")
        digest = hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]
        involved = {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in meta}
        involved |= {"apiVersion": obj["apiVersion"], "kind": obj["kind"]}
        if container is not None:
            involved["fieldPath"] = f"spec.containers{{{container}}}"
        now = timestamp()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{digest}", "namespace": meta.get("namespace") or "default"},
            "involvedObject": involved,
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message,
            "source": {"component": self.component, **({"host": self.host} if self.host else {})},
            "reportingComponent": self.component,
            "reportingInstance": self.host,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


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
