"""One pod's life on its node: network, volumes, containers, and a graceful end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from probe.sandbox.events import EventRecorder
from probe.sandbox.kubelet.cluster import ClusterFacts
from probe.sandbox.kubelet.container import Container, ContainerHost
from probe.sandbox.kubelet.facts import ConfigError, PodFacts
from probe.sandbox.kubelet.resolver import FILE, resolv_conf
from probe.sandbox.kubelet.spec import forbidden_sysctl, sysctls
from probe.sandbox.kubelet.status import PodState, with_status
from probe.sandbox.kubelet.volumes import Sources, VolumeNotReady, make_volumes
from probe.sandbox.net.node import NodeNetwork, PodNetwork
from probe.sandbox.store import Obj, Store, timestamp
from probe.sandbox.zygote.client import ZygoteClient

VOLUMES = Path("/run/cni-probe/volumes")
"""Below the sandbox's own /run, a tmpfs."""

ADDRESSES_ANNOTATION = "sandbox.cni-probe.dev/addresses"
"""The addresses that a pod wants to get, with commas between; it waits until they are free."""

Gate: TypeAlias = Callable[[Obj], Awaitable[None]]
"""Awaited between a pod's address and its first process: until what is said about the address is enforced."""

ATTACH_RETRY = 1.0
VOLUME_RETRY, LONGEST_VOLUME_RETRY = 0.1, 2.0
"""Seconds between attempts, doubling; a kubelet's 0.5 s to 2 min would only make a test wait."""


class Power:
    """Whether a node is on; nothing runs on one that is off."""

    def __init__(self) -> None:
        self._on = asyncio.Event()
        self._on.set()

    @property
    def is_on(self) -> bool:
        """Whether something can run there."""
        return self._on.is_set()

    def switch(self, on: bool) -> None:
        """Pull the plug, or put it back."""
        (self._on.set if on else self._on.clear)()

    async def back(self) -> None:
        """Wait until it is on."""
        await self._on.wait()


@dataclass(frozen=True, slots=True)
class Node:
    """What a node's pods share."""

    network: NodeNetwork
    zygote: ZygoteClient
    store: Store
    events: EventRecorder
    cluster: ClusterFacts
    gate: Gate | None = None
    power: Power = field(default_factory=Power)


class PodWorker:
    """Runs one pod; ``run`` ends when the pod is gone."""

    def __init__(self, node: Node, pod: Obj) -> None:
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self._node = node
        self._network: PodNetwork | None = None
        self._pod_addresses: tuple[str, ...] = ()
        self._started = timestamp()
        self._failed = ("", "")
        self._resolver = resolv_conf(pod, node.cluster)
        self._ending = asyncio.Event()
        self._hurried = asyncio.Event()
        self._deadline = float("inf")
        self._since = asyncio.get_running_loop().time()
        self._limit: asyncio.TimerHandle | None = None
        host = ContainerHost(node.zygote, node.events, lambda: self.pod, self._facts, lambda: self._netns, self.publish)
        policy = pod["spec"].get("restartPolicy") or "Always"
        self.containers = [Container(spec, policy, host) for spec in pod["spec"]["containers"]]

    @property
    def _host_network(self) -> bool:
        return bool(self.pod["spec"].get("hostNetwork"))

    @property
    def _addresses(self) -> tuple[str, ...]:
        if self._host_network:
            return self._host_addresses
        return self._pod_addresses

    @property
    def _host_addresses(self) -> tuple[str, ...]:
        return tuple(map(str, self._node.network.plan.addresses))

    @property
    def _netns(self) -> int:
        if self._host_network:
            return self._node.network.netns
        assert self._network is not None
        return self._network.netns

    @property
    def _volumes(self) -> Path:
        return VOLUMES / self.uid

    def _facts(self) -> PodFacts:
        files = {str(self._volumes / FILE): "/etc/resolv.conf"} if self._resolver is not None else {}
        environment = self._node.cluster.environment
        return PodFacts(self._addresses, self._host_addresses, str(self._volumes), environment, files, self._lookup)

    def _lookup(self, resource: str, name: str) -> Obj | None:
        return self._node.store.find(resource, self.pod["metadata"]["namespace"], name)

    def _token(self, seconds: int | None, audiences: tuple[str, ...]) -> str:
        account = self.pod["spec"].get("serviceAccountName") or "default"
        lasting = {} if seconds is None else {"seconds": seconds}
        namespace = self.pod["metadata"]["namespace"]
        return self._node.cluster.issue(namespace, account, self.pod, audiences=audiences, **lasting)

    def update(self, pod: Obj) -> None:
        """The pod has changed in the store."""
        self.pod = pod
        seconds = pod["spec"].get("activeDeadlineSeconds")
        if seconds is not None and self._limit is None and not self._ending.is_set():
            self._limit = asyncio.get_running_loop().call_at(self._since + seconds, self._exceed)
        if "deletionTimestamp" in pod["metadata"]:
            self.end(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0))

    def _exceed(self) -> None:
        """Its time is over (PodSpec.activeDeadlineSeconds): its containers end, its object stays."""
        if not self._ending.is_set():
            self._failed = ("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
            grace = self.pod["spec"]["terminationGracePeriodSeconds"]
            for container in self.containers:
                container.terminate()
                asyncio.get_running_loop().call_later(grace, container.kill)

    def end(self, grace: float) -> None:
        """End the pod within ``grace`` seconds; a later call can only hurry it."""
        deadline = asyncio.get_running_loop().time() + grace
        if deadline < self._deadline:
            self._deadline = deadline
            self._hurried.set()
        self._ending.set()

    async def run(self) -> None:
        """From the pod's binding to its removal from the store."""
        self.publish()
        async with asyncio.TaskGroup() as group:
            life = group.create_task(self._live())
            await self._ending.wait()
            await self._end_containers(life)
        await self._tear_down()
        meta = self.pod["metadata"]
        self._node.store.finalize("pods", meta["namespace"], meta["name"], self.uid)

    def halt(self) -> None:
        """The node's power is gone, and what ran there with it. ``run`` goes on when there is power again."""
        for container in self.containers:
            container.halt()

    async def _live(self) -> None:
        while await self._set_up():
            async with asyncio.TaskGroup() as group:
                for container in self.containers if self._node.power.is_on else ():
                    group.create_task(container.run())
            if self._ending.is_set():
                return
            if self._node.power.is_on:  # completed: its address is free, its logs stay
                await self._tear_down()
                return
            await self._sleep_through_power_cut()

    async def _sleep_through_power_cut(self) -> None:
        """As with a real node: containers and network are gone, emptyDirs are not; what comes after has another
        address and is the same pod."""
        await self._detach()
        self._pod_addresses = ()
        self.publish()
        await self._unless_ending(self._node.power.back())
        for container in self.containers:
            container.revive()

    async def _set_up(self) -> bool:
        if forbidden := forbidden_sysctl(self.pod):
            self._failed = ("SysctlForbidden", f"forbidden sysctl: {forbidden}")
            self.publish()
            return False
        await self._make_volumes()
        if not self._host_network:
            await self._attach()
        self.publish()
        if self._node.gate is not None and not self._ending.is_set():
            await self._unless_ending(self._node.gate(self.pod))
        return not self._ending.is_set()

    async def _make_volumes(self) -> None:
        """Until all that volumes are made of is there."""
        pause = VOLUME_RETRY
        while not self._ending.is_set():
            try:
                make_volumes(self.pod, self._volumes, Sources(self._lookup, self._token))
                if self._resolver is not None:
                    (self._volumes / FILE).write_text(self._resolver)
                return
            except (VolumeNotReady, ConfigError) as error:
                self._node.events.record(self.pod, "FailedMount", str(error), warning=True)
            await self._unless_ending(asyncio.sleep(pause))
            pause = min(pause * 2, LONGEST_VOLUME_RETRY)

    async def _attach(self) -> None:
        while not self._ending.is_set():
            try:
                wanted = (self.pod["metadata"].get("annotations") or {}).get(ADDRESSES_ANNOTATION, "")
                self._network = await self._node.network.attach(sysctls(self.pod), wanted)
                self._pod_addresses = tuple(map(str, self._network.addresses))
                return
            except (LookupError, OSError) as error:
                message = f"Failed to create pod sandbox: {error}"
                self._node.events.record(self.pod, "FailedCreatePodSandBox", message, warning=True)
            await self._unless_ending(asyncio.sleep(ATTACH_RETRY))

    async def _unless_ending(self, work: Awaitable[None]) -> None:
        tasks = {asyncio.ensure_future(work), asyncio.ensure_future(self._ending.wait())}
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        for task in done:
            task.result()

    async def _end_containers(self, life: asyncio.Task[None]) -> None:
        for container in self.containers:
            if container.state.running:
                self._node.events.record(
                    self.pod, "Killing", f"Stopping container {container.name}", container=container.name
                )
            container.terminate()
        while not life.done():
            self._hurried.clear()
            remaining = self._deadline - asyncio.get_running_loop().time()
            if remaining <= 0:
                break
            hurried = asyncio.ensure_future(self._hurried.wait())
            await asyncio.wait({life, hurried}, timeout=remaining, return_when=asyncio.FIRST_COMPLETED)
            hurried.cancel()
        for container in self.containers:
            container.kill()
        await asyncio.wait({life})

    async def _detach(self) -> None:
        network, self._network = self._network, None
        if network is not None:
            await self._node.network.detach(network)

    async def _tear_down(self) -> None:
        await self._detach()
        shutil.rmtree(self._volumes, ignore_errors=True)

    def publish(self) -> None:
        """Write the pod's status as it is now."""
        reason, message = self._failed
        state = PodState(
            self._started,
            self._host_addresses,
            self._addresses,
            [container.state for container in self.containers],
            reason,
            message,
            failed=bool(reason),
        )

        def change(obj: Obj) -> None:
            if obj["metadata"]["uid"] == self.uid:
                with_status(obj, state)

        meta = self.pod["metadata"]
        changed = self._node.store.modify("pods", meta["namespace"], meta["name"], change)
        if changed is not None and changed["metadata"]["uid"] == self.uid:
            self.pod = changed
