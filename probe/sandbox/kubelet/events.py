"""Event objects: what the kubelet did to a pod, for ``kubectl describe`` and for whoever waits for a pod."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

from probe.sandbox.store import Obj, Store, timestamp


@dataclass(frozen=True, slots=True)
class EventRecorder:
    """Writes core/v1 Events. Equal events in a row are counted in one object, as a kubelet does."""

    store: Store
    component: str
    host: str
    _latest: dict[str, tuple[tuple[str, str, str], str]]
    _serial: itertools.count[int]

    @classmethod
    def on(cls, store: Store, host: str, component: str = "kubelet") -> EventRecorder:
        """A recorder that speaks for a node."""
        return cls(store, component, host, {}, itertools.count(time.time_ns()))

    def record(
        self,
        obj: Obj,
        reason: str,
        message: str,
        *,
        warning: bool = False,
        container: str | None = None,
    ) -> None:
        """Something happened to ``obj`` (or to one container of it)."""
        uid = obj["metadata"]["uid"]
        same, name = self._latest.get(uid, (("", "", ""), ""))
        what = (reason, message, container or "")
        if same == what and self.store.modify("events", obj["metadata"]["namespace"], name, _count_again) is not None:
            return
        event = self._event(obj, reason, message, "Warning" if warning else "Normal", container)
        if self._namespace_exists(obj):
            self.store.create("events", event)
            self._latest[uid] = (what, event["metadata"]["name"])

    def forget(self, obj: Obj) -> None:
        """No more events about this object."""
        self._latest.pop(obj["metadata"]["uid"], None)

    def _namespace_exists(self, obj: Obj) -> bool:
        namespace = self.store.find("namespaces", None, obj["metadata"]["namespace"])
        return namespace is not None and "deletionTimestamp" not in namespace["metadata"]

    def _event(self, obj: Obj, reason: str, message: str, kind: str, container: str | None) -> Obj:
        meta = obj["metadata"]
        involved = {
            "kind": obj.get("kind", "Pod"),
            "apiVersion": obj.get("apiVersion", "v1"),
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        }
        if container is not None:
            involved["fieldPath"] = f"spec.containers{{{container}}}"
        now = timestamp()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{next(self._serial):x}", "namespace": meta["namespace"]},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": kind,
            "count": 1,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "eventTime": None,
            "source": {"component": self.component, "host": self.host},
            "reportingComponent": self.component,
            "reportingInstance": self.host,
        }


def _count_again(event: Obj) -> None:
    event["count"] += 1
    event["lastTimestamp"] = timestamp()
