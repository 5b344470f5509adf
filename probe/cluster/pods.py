"""Following a run's pods through one watch, and saying why one does not start, or what became of one that did.

A pod that cannot start is an error with its cause, as soon as the cause is known, not a timeout. The watch outlives
an API server that is away: what is known then may be old, and nobody concludes anything from silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager

from probe.cluster.api import Api, ApiError, Json, WatchExpired
from probe.model.errors import ClusterError

_HOPELESS = {
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
}
"""Waiting reasons that do not go away by waiting (ContainerStateWaiting.reason)."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_REFUSALS = (401, 403)
"""Answers that waiting does not change: who we are, and what we may do."""


class PodWatch:
    """The state of the pods that match a label selector, in all namespaces, kept current by one watch."""

    def __init__(self, api: Api, selector: str) -> None:
        self._api = api
        self._selector = selector
        self._pods: dict[tuple[str, str], Json] = {}
        self._gone: dict[str, Json] = {}  # by UID, as last seen
        self._changed = asyncio.Condition()
        self._failure: BaseException | None = None
        self._trouble = ""

    @classmethod
    @asynccontextmanager
    async def follow(cls, api: Api, selector: str) -> AsyncIterator[PodWatch]:
        """Follow the pods until the block ends."""
        watch = cls(api, selector)
        task = asyncio.create_task(watch._run())
        try:
            yield watch
        finally:
            task.cancel()
            await asyncio.wait((task,))  # ``await task`` could not tell a cancellation of ours from its own

    async def until(self, keys: Iterable[tuple[str, str]], done: Callable[[Json | None], bool], timeout: float) -> None:
        """Wait until ``done`` holds for each pod (None: does not exist). Raises TimeoutError, ClusterError."""
        waiting = set(keys)
        async with asyncio.timeout(timeout), self._changed:
            while waiting := {key for key in waiting if not done(self._pods.get(key))}:
                if self._failure is not None:
                    raise ClusterError(f"cannot follow the pods: {self._failure}") from self._failure
                await self._changed.wait()

    def pod(self, namespace: str, name: str) -> Json | None:
        """The pod as last seen."""
        return self._pods.get((namespace, name))

    @property
    def trouble(self) -> str:
        """What keeps the watch from being current; empty when it is."""
        return self._trouble

    def fate(self, namespace: str, name: str, uid: str, container: str) -> str:
        """What became of a pod, or of its container with this ID; empty while nothing is known to be wrong."""
        pod = self._pods.get((namespace, name))
        if pod is None or pod["metadata"]["uid"] != uid:
            last = self._gone.get(uid)
            return (_eviction(last) or "the pod was deleted") if last else ""
        return _eviction(pod) or _end(pod, container)

    async def until_fate(self, namespace: str, name: str, uid: str, container: str, seconds: float) -> str:
        """The fate, for which news is waited at most ``seconds``."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                while not (fate := self.fate(namespace, name, uid, container)) and self._failure is None:
                    await self._changed.wait()
        except TimeoutError:
            return ""
        return fate

    async def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._list_and_watch()
            except WatchExpired:
                pause = _FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - handed to whoever waits
                if not isinstance(error, ClusterError) or _is_final(error):
                    async with self._changed:
                        self._failure = error
                        self._changed.notify_all()
                    return
                pause = min(2 * pause, _LONGEST_PAUSE) if self._trouble else _FIRST_PAUSE
                self._trouble = str(error)
            await asyncio.sleep(pause)

    async def _list_and_watch(self) -> None:
        listed = await self._api.get("/api/v1/pods", labelSelector=self._selector)
        async with self._changed:
            self._trouble = ""
            pods = {_key(pod): pod for pod in listed["items"]}
            present = {pod["metadata"]["uid"] for pod in pods.values()}
            for pod in self._pods.values():
                if pod["metadata"]["uid"] not in present:
                    self._gone[pod["metadata"]["uid"]] = pod
            self._pods = pods
            self._changed.notify_all()
        version = listed["metadata"]["resourceVersion"]
        async with aclosing(self._api.watch("/api/v1/pods", version, labelSelector=self._selector)) as events:
            async for kind, pod in events:
                async with self._changed:
                    if kind == "DELETED":
                        self._pods.pop(_key(pod), None)
                        self._gone[pod["metadata"]["uid"]] = pod
                    else:
                        self._pods[_key(pod)] = pod
                    self._changed.notify_all()


def is_running(pod: Json | None) -> bool:
    """Whether all containers run and the pod has an address. Whether the agent answers is for its hello to say."""
    if pod is None or "deletionTimestamp" in pod["metadata"]:
        return False
    status = pod.get("status", {})
    containers = status.get("containerStatuses", [])
    running = bool(containers) and all("running" in entry.get("state", {}) for entry in containers)
    return running and bool(status.get("podIP"))


def is_over(pod: Json) -> bool:
    """Whether its containers have ended for good (PodStatus.phase)."""
    return pod.get("status", {}).get("phase") in ("Failed", "Succeeded")


def hopeless_cause(pod: Json | None) -> str:
    """Why the pod will not start by itself; empty while there is hope."""
    if pod is None:
        return ""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return f"failed: {status.get('reason', '')} {status.get('message', '')}".rstrip(": ")
    for entry in status.get("containerStatuses", []):
        waiting = entry.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _HOPELESS:
            return _waiting_text(entry)
    return ""


def pending_cause(pod: Json | None) -> str:
    """What the pod is waiting for, in the cluster's words."""
    if pod is None:
        return "it is not there"
    status = pod.get("status", {})
    for entry in status.get("containerStatuses", []):
        if "waiting" in entry.get("state", {}):
            return _waiting_text(entry)
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{condition.get('reason', 'Unscheduled')}: {condition.get('message', '')}"
    return f"phase {status.get('phase', 'unknown')}"


def container_id(pod: Json) -> str:
    """The ID of the pod's only container, which is another after a restart (ContainerStatus.containerID)."""
    return next((str(entry.get("containerID", "")) for entry in pod["status"].get("containerStatuses", [])), "")


def _eviction(pod: Json) -> str:
    """How the pod as a whole came to its end, or is about to."""
    status = pod.get("status", {})
    disruptions = (each for each in status.get("conditions", []) if each["type"] == "DisruptionTarget")
    disruption = next((each for each in disruptions if each["status"] == "True"), None)
    if disruption is not None or status.get("reason") == "Evicted":
        said = disruption or {}
        cause = f"{said.get('reason', '')}: {status.get('message') or said.get('message', '')}".strip(": ")
        return f"the pod was evicted ({cause})" if cause else "the pod was evicted"
    if is_over(pod):
        return f"the pod {hopeless_cause(pod) or 'has ended'}"
    return "the pod was deleted" if "deletionTimestamp" in pod["metadata"] else ""


def _end(pod: Json, container: str) -> str:
    """How the container with this ID ended, if it has."""
    for entry in pod.get("status", {}).get("containerStatuses", []):
        for state in (entry.get("state", {}), entry.get("lastState", {})):
            ended = state.get("terminated", {})
            if ended.get("containerID") == container != "":
                return f"its container ended (exit code {ended.get('exitCode')}, {ended.get('reason', '')})"
        if container and entry.get("containerID") not in (container, "", None):
            return "its container was restarted"
    return ""


def _is_final(error: ClusterError) -> bool:
    return isinstance(error, ApiError) and error.code in _REFUSALS


def _waiting_text(entry: Json) -> str:
    waiting = entry["state"]["waiting"]
    text = f"{waiting.get('reason', 'waiting')}: {waiting.get('message', '')}".removesuffix(": ")
    last = entry.get("lastState", {}).get("terminated")
    return f"{text} (last exit code {last.get('exitCode')}, {last.get('reason', '')})" if last else text


def _key(pod: Json) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]
