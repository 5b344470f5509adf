"""What happens to a cluster's pods, nodes and DaemonSets while it is watched, as far as we may see it.

Changes that a person would look for next to an outage: a pod comes, goes, is ready or not, restarts; a node is ready or
cordoned; how far a DaemonSet's rollout has come. The instants are those at which the change was told to us, which is
after it happened, and after an API server was away maybe long after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from probe.cluster.api import Api, ApiError, Json, WatchExpired
from probe.cluster.permissions import WATCHED_RESOURCES
from probe.model.errors import ClusterError

_PAUSE = 1.0
_REFUSALS = (401, 403, 404)


@dataclass(slots=True)
class Follower:
    """Follows all of it in ``run``, until cancelled. ``see`` gets kind, name and what happened.

    ``unseen`` says what may not be seen, and why.
    """

    api: Api
    see: Callable[[str, str, str], None]
    unseen: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind, path in WATCHED_RESOURCES.items():
                group.create_task(self._follow(kind, path))

    async def _follow(self, kind: str, path: str) -> None:
        known: dict[str, Mapping[str, str]] = {}
        first = True
        while True:
            try:
                listed = await self.api.get(path)
                self._compare(kind, known, {_name(each): facts(kind, each) for each in listed["items"]}, silent=first)
                first = False
                async with aclosing(self.api.watch(path, listed["metadata"]["resourceVersion"])) as events:
                    async for event, obj in events:
                        self._change(kind, known, event, obj)
            except WatchExpired:
                continue
            except ClusterError as error:
                if isinstance(error, ApiError) and error.code in _REFUSALS:
                    self.unseen.append(f"{kind}s: {error}")
                    return
            await asyncio.sleep(_PAUSE)

    def _compare(
        self, kind: str, known: dict[str, Mapping[str, str]], found: dict[str, Mapping[str, str]], *, silent: bool
    ) -> None:
        """What has changed since we last saw all of them."""
        for name in [*known.keys() - found.keys()]:
            del known[name]
            self.see(kind, name, "gone")
        for name, new in found.items():
            if not silent:
                self._tell(kind, name, known.get(name), new)
            known[name] = new

    def _change(self, kind: str, known: dict[str, Mapping[str, str]], event: str, obj: Json) -> None:
        name = _name(obj)
        if event == "DELETED":
            if known.pop(name, None) is not None:
                self.see(kind, name, "gone")
            return
        new = facts(kind, obj)
        self._tell(kind, name, known.get(name), new)
        known[name] = new

    def _tell(self, kind: str, name: str, old: Mapping[str, str] | None, new: Mapping[str, str]) -> None:
        if text := described(old, new):
            self.see(kind, name, text)


def facts(kind: str, obj: Json) -> dict[str, str]:
    """What of an object is worth telling when it changes."""
    status, spec, metadata = obj.get("status") or {}, obj.get("spec") or {}, obj["metadata"]
    match kind:
        case "Pod":
            containers = status.get("containerStatuses") or []
            return {
                "uid": metadata.get("uid", ""),
                "node": spec.get("nodeName", ""),
                "phase": status.get("phase", ""),
                "ready": _condition(status, "Ready"),
                "restarts": str(sum(each.get("restartCount", 0) for each in containers)),
                "terminating": "yes" if metadata.get("deletionTimestamp") else "",
            }
        case "Node":
            info = status.get("nodeInfo") or {}
            return {
                "ready": _condition(status, "Ready"),
                "schedulable": "no" if spec.get("unschedulable") else "yes",
                "kubelet": info.get("kubeletVersion", ""),
                "kernel": info.get("kernelVersion", ""),
            }
        case _:
            wanted = status.get("desiredNumberScheduled", 0)
            return {
                "generation": str(metadata.get("generation", "")),
                "updated": f"{status.get('updatedNumberScheduled', 0)} of {wanted}",
                "ready": f"{status.get('numberReady', 0)} of {wanted}",
            }


def described(old: Mapping[str, str] | None, new: Mapping[str, str]) -> str:
    """What has changed, in words; empty when nothing of it has. ``old`` is None for what is new."""
    if old is None or old.get("uid") != new.get("uid"):
        on = f" on {new['node']}" if new.get("node") else ""
        return ("created" if old is None else "another of that name") + on
    changes = [(key, old.get(key, ""), value) for key, value in new.items() if value != old.get(key, "")]
    return ", ".join(
        f"{key} {value}" if not before else f"{key} {before} -> {value or 'none'}" for key, before, value in changes
    )


def _condition(status: Mapping[str, Any], kind: str) -> str:
    found = (each.get("status", "") for each in status.get("conditions") or () if each.get("type") == kind)
    return str(next(found, ""))


def _name(obj: Json) -> str:
    metadata = obj["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else str(metadata["name"])
