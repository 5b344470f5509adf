"""What becomes of nodes that are not ready, and of the pods on them.

After Kubernetes' node lifecycle controller and taint manager: such a node is tainted, so that nothing is scheduled
there; its pods count as not ready at once, and are deleted when they have tolerated it for long enough (300 s, unless
they say otherwise). Who says that a node is not ready is whoever writes its status: kubelets here say it never.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

from probe.sandbox.controllers.conditions import condition, set_condition
from probe.sandbox.events import EventRecorder
from probe.sandbox.store import Obj, Store

_PREFIX: Final = "node.kubernetes.io"
_BY_STATUS: Final = {"True": None, "Unknown": "unreachable"}
_OURS: Final = tuple(f"{_PREFIX}/{name}" for name in ("not-ready", "unreachable", "unschedulable"))
_FOREVER: Final = float("inf")


async def run_nodes(store: Store) -> None:
    """Follow nodes and pods for ever."""
    keeper = _Keeper(store)
    async with store.subscribe("nodes", "pods") as changes:
        while True:
            left = keeper.look()
            try:
                async with asyncio.timeout(None if left == _FOREVER else max(left, 0)):
                    await changes.batch()
            except TimeoutError:
                continue  # somebody's patience is at its end


def is_ready(node: Obj) -> bool:
    """Whether the node says so; one that says nothing is."""
    ready = condition(node, "Ready")
    return ready is None or ready["status"] == "True"


def taints_of(node: Obj) -> list[dict[str, Any]]:
    """The taints that a node should have: those that others gave it, and what its own state means."""
    spec = node.get("spec") or {}
    others = [taint for taint in spec.get("taints") or () if taint["key"] not in _OURS]
    ready = condition(node, "Ready")
    ours = []
    if spec.get("unschedulable"):
        ours.append({"key": f"{_PREFIX}/unschedulable", "effect": "NoSchedule"})
    if ready is not None and (kind := _BY_STATUS.get(ready["status"], "not-ready")) is not None:
        ours += [{"key": f"{_PREFIX}/{kind}", "effect": effect} for effect in ("NoSchedule", "NoExecute")]
    return [*others, *ours]


def patience(pod: Obj, taints: Iterable[Mapping[str, Any]]) -> float:
    """Seconds for which a pod stays on a node with these taints, of effect NoExecute."""
    tolerations = pod["spec"].get("tolerations") or ()
    seconds = _FOREVER
    for taint in taints:
        matching = [toleration for toleration in tolerations if tolerates(toleration, taint)]
        if not matching:
            return 0.0
        limits = [float(it["tolerationSeconds"]) for it in matching if it.get("tolerationSeconds") is not None]
        seconds = min([seconds, *limits])
    return max(seconds, 0.0)


def _no_execute(node: Obj) -> list[dict[str, Any]]:
    return [taint for taint in taints_of(node) if taint.get("effect") == "NoExecute"]


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether this toleration is about this taint (core/v1 Toleration)."""
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    exists = toleration.get("operator") == "Exists"
    if not toleration.get("key"):
        return exists
    same = toleration.get("value", "") == taint.get("value", "")
    return toleration["key"] == taint["key"] and (exists or same)


class _Keeper:
    """What is known from one look to the next: who has been seen ready, and since when pods suffer a taint."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events = EventRecorder(store, "node-controller")
        self._unready: set[str] = set()
        self._since: dict[str, float] = {}

    def look(self) -> float:
        """Bring everything in line; seconds until somebody's patience ends."""
        nodes = {node["metadata"]["name"]: node for node in self._store.list("nodes")}
        for name, node in nodes.items():
            self._taint(node)
            if is_ready(node):
                self._unready.discard(name)
            elif name not in self._unready:
                self._unready.add(name)
                self._mark_pods(name)
        return self._evict(nodes)

    def _taint(self, node: Obj) -> None:
        wanted = taints_of(node)
        if wanted != ((node.get("spec") or {}).get("taints") or []):

            def change(draft: Obj) -> None:
                draft.setdefault("spec", {})["taints"] = wanted
                if not wanted:
                    del draft["spec"]["taints"]

            self._store.modify("nodes", None, node["metadata"]["name"], change)

    def _mark_pods(self, node: str) -> None:
        """A node that has fallen silent says nothing of its pods any more, so they count as not ready."""
        for pod in self._store.list("pods"):
            ready = condition(pod, "Ready")
            if pod["spec"].get("nodeName") == node and ready is not None and ready["status"] == "True":
                meta = pod["metadata"]
                self._store.modify("pods", meta["namespace"], meta["name"], _not_ready)
                self._events.record(pod, "NodeNotReady", "Node is not ready", warning=True)

    def _evict(self, nodes: Mapping[str, Obj]) -> float:
        harmful = {name: taints for name, node in nodes.items() if (taints := _no_execute(node))}
        now, nearest = asyncio.get_running_loop().time(), _FOREVER
        suffering: dict[str, float] = {}
        for pod in self._store.list("pods") if harmful else ():
            meta = pod["metadata"]
            seconds = patience(pod, harmful.get(pod["spec"].get("nodeName") or "", ()))
            if seconds == _FOREVER or "deletionTimestamp" in meta:
                continue
            since = suffering[meta["uid"]] = self._since.get(meta["uid"], now)
            if (left := since + seconds - now) <= 0:
                self._delete(pod)
            else:
                nearest = min(nearest, left)
        self._since = suffering
        return nearest

    def _delete(self, pod: Obj) -> None:
        meta = pod["metadata"]
        name = f"{meta['namespace']}/{meta['name']}"
        self._events.record(pod, "TaintManagerEviction", f"Marking for deletion Pod {name}")
        self._store.modify("pods", meta["namespace"], meta["name"], _disrupt)
        self._store.delete("pods", meta["namespace"], meta["name"])


def _not_ready(pod: Obj) -> None:
    set_condition(pod, "Ready", "False")


def _disrupt(pod: Obj) -> None:
    message = "Taint manager: deleting due to NoExecute taint"
    set_condition(pod, "DisruptionTarget", "True", "DeletionByTaintManager", message)
