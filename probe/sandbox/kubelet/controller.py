"""The kubelets of all nodes: one worker for each pod that is bound to one of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from probe.sandbox.controllers.conditions import set_condition
from probe.sandbox.controllers.nodes import is_ready
from probe.sandbox.kubelet.container import Container
from probe.sandbox.kubelet.nodes import READY_MESSAGE
from probe.sandbox.kubelet.pod import Node, PodWorker
from probe.sandbox.kubelet.session import Session
from probe.sandbox.runtime import ContainerNotRunning, LogStream
from probe.sandbox.store import Event, Obj, Store


class Kubelets:
    """Follows the store's pods; what the API server knows as its `Runtime`."""

    def __init__(self, store: Store, nodes: Mapping[str, Node]) -> None:
        self._store = store
        self._nodes = nodes
        self._workers: dict[str, PodWorker] = {}

    async def run(self) -> None:
        """For ever. A bug in one worker ends all of them: a sandbox that is half alive would report nonsense."""
        async with self._store.subscribe("pods", "nodes") as events, asyncio.TaskGroup() as group:
            async for event in events:
                if event.resource == "pods":
                    self._handle(event, group)
                elif event.previous is not None and is_ready(event.obj) and not is_ready(event.previous):
                    self._post_again(event.obj["metadata"]["name"])

    def _handle(self, event: Event, group: asyncio.TaskGroup) -> None:
        pod = event.obj
        uid = pod["metadata"]["uid"]
        worker = self._workers.get(uid)
        if event.type == "DELETED":
            if worker is not None:
                worker.end(0)
        elif worker is not None:
            worker.update(pod)
        elif _is_done(pod):
            return
        elif (node := self._nodes.get(pod["spec"].get("nodeName") or "")) is not None:
            worker = self._workers[uid] = PodWorker(node, pod)
            worker.update(pod)
            group.create_task(self._work(worker), name=f"pod {pod['metadata']['namespace']}/{pod['metadata']['name']}")

    def cut_power(self, node: str) -> list[str]:
        """Everything on the node ends at once; returns the pods' namespaces and names."""
        self._nodes[node].power.switch(False)
        self._set_ready(node, "False", "KubeletNotReady", "the node was switched off")
        halted = [it for it in self._workers.values() if it.pod["spec"].get("nodeName") == node]
        for worker in halted:
            worker.halt()
        return sorted(f"{it.pod['metadata']['namespace']}/{it.pod['metadata']['name']}" for it in halted)

    def restore_power(self, node: str) -> None:
        """The node's pods are started again."""
        self._nodes[node].power.switch(True)
        self._set_ready(node, "True", "KubeletReady", READY_MESSAGE)

    def _set_ready(self, node: str, status: str, reason: str, message: str) -> None:
        self._store.modify("nodes", None, node, lambda obj: set_condition(obj, "Ready", status, reason, message))

    def _post_again(self, node: str) -> None:
        """The node is back: its kubelet says again how its pods are, which others have doubted meanwhile."""
        for worker in self._workers.values():
            if worker.pod["spec"].get("nodeName") == node:
                worker.publish()

    async def _work(self, worker: PodWorker) -> None:
        await worker.run()
        del self._workers[worker.uid]

    async def exec(self, pod_uid: str, container: str, argv: Sequence[str], *, stdin: bool, tty: bool) -> Session:
        """A process in a running container. Raises ContainerNotRunning."""
        return await self._container(pod_uid, container).exec(argv, stdin=stdin, tty=tty)

    def logs(self, pod_uid: str, container: str, *, previous: bool = False) -> LogStream:
        """A container's output. Raises ContainerNotRunning."""
        return self._container(pod_uid, container).logs(previous)

    def _container(self, pod_uid: str, name: str) -> Container:
        worker = self._workers.get(pod_uid)
        for container in worker.containers if worker else ():
            if container.name == name:
                return container
        raise ContainerNotRunning(f'container "{name}" is not running: its pod has not been started on a node')


def _is_done(pod: Obj) -> bool:
    """Whether all that is left of a pod is an object with finalizers."""
    meta = pod["metadata"]
    return "deletionTimestamp" in meta and not meta.get("deletionGracePeriodSeconds") and bool(meta.get("finalizers"))
