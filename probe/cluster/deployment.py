"""A fleet's presence in a cluster: its namespaces, its pods, and the changes that scenarios make to it.

Touches only what it made: every object carries the run's labels, names are mapped to namespaces of its own,
and a deletion names the UID that was created.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from probe.cluster import objects
from probe.cluster.alterations import Alterations
from probe.cluster.api import Api, ApiError, Json
from probe.cluster.clusterpolicies import actual_name, apply_confined, confined
from probe.cluster.deletion import GONE_SECONDS, until_gone
from probe.cluster.failures import raise_failures
from probe.cluster.firstpods import PodCreator
from probe.cluster.lifting import Lifted, find_policies, lift
from probe.cluster.nodes import Node, not_ready_cause
from probe.cluster.objects import Owner
from probe.cluster.outfit import Outfit
from probe.cluster.placement import Placer
from probe.cluster.pods import PodWatch, container_id, hopeless_cause, is_over, is_running, pending_cause
from probe.cluster.resources import CLUSTER_POLICIES, POLICIES, cluster_policy_path, object_path
from probe.cluster.running import RunningPod
from probe.model.actions import Apply, Delete, Label, Replace
from probe.model.cell import Family
from probe.model.errors import ClusterError, DeployError
from probe.model.fleet import Namespace, Pod
from probe.model.manifest import Manifest, ObjectRef

EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
_PARALLEL_REQUESTS = 24
_RESTART_SECONDS = 10.0
_NEWS_SECONDS = 2.0
"""How long it may take until the API tells what has just happened to a pod."""


@dataclass(slots=True)
class Deployment:
    """What a fleet has in the cluster. ``namespaces`` maps logical to actual names, those of later steps included.

    ``prefix`` begins the actual names of what is in no namespace. ``apart``: logical namespaces that cluster-scoped
    policies are not about. ``alterations``: what was done since the fleet was deployed, or restored.
    """

    api: Api
    owner: Owner
    namespaces: Mapping[str, str]
    placer: Placer
    outfit: Outfit
    watch: PodWatch
    map_manifest: Callable[[Manifest, Mapping[str, str]], Json]
    prefix: str = ""
    apart: Collection[str] = ()
    running: dict[str, RunningPod] = field(default_factory=dict)
    alterations: Alterations = field(default_factory=Alterations)
    _policy_kinds: set[str] = field(default_factory=set)
    _addresses: dict[str, Mapping[Family, str]] = field(default_factory=dict)  # of pods that may be gone
    _requests: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PARALLEL_REQUESTS))
    _creator: PodCreator = field(init=False)

    def __post_init__(self) -> None:
        self._creator = PodCreator(self.api, self._requests)

    async def create_namespaces(self, namespaces: Sequence[Namespace]) -> None:
        """Create namespaces; one that exists already is refused, never adopted. Raises ClusterError."""
        results = await asyncio.gather(*map(self._create_namespace, namespaces), return_exceptions=True)
        raise_failures([each.name for each in namespaces], results, "namespaces were not created", ClusterError)

    async def _create_namespace(self, namespace: Namespace) -> None:
        actual = self.namespaces[namespace.name]
        self.alterations.namespaces_made.add(namespace.name)
        body = self.outfit.namespace(actual, namespace, self.owner)
        try:
            await self.api.create("/api/v1/namespaces", body)
        except ApiError as error:
            if error.code == 409:
                raise ClusterError(
                    f"namespace {actual} exists already; a run only uses namespaces of its own"
                ) from None
            raise
        for path, supply in self.outfit.supplies(actual, self.owner):
            await self.api.create(path, supply)

    async def create_pods(
        self, pods: Sequence[Pod], timeout: float, environment: Mapping[str, Mapping[str, str]] = EMPTY
    ) -> tuple[RunningPod, ...]:
        """Create pods in parallel and wait until all run. Raises DeployError with the cause for each that does not.

        Where some are refused nobody waits for the others. ``environment``: variables of agents, by pod id.
        """
        placed, ids = self.placer.place(pods), [pod.id for pod in pods]
        creations = (self._create_pod(pod, placed[pod.id], environment.get(pod.id, EMPTY), timeout) for pod in pods)
        created = await asyncio.gather(*creations, return_exceptions=True)
        raise_failures(ids, created, "pods were not created", DeployError)
        starts = (self._until_running(pod, str(uid), timeout) for pod, uid in zip(pods, created, strict=True))
        started = await asyncio.gather(*starts, return_exceptions=True)
        raise_failures(ids, started, "pods did not start", DeployError)
        running = tuple(result for result in started if isinstance(result, RunningPod))
        running = tuple(self._checked(each) for each in running)
        self.running |= {each.pod.id: each for each in running}
        self._addresses |= {each.pod.id: each.addresses for each in running}
        return running

    def _checked(self, running: RunningPod) -> RunningPod:
        """With the reason, if it has not got the addresses of the pod that it was to follow."""
        other = running.pod.address_of
        if other is None or running.addresses == self._addresses[other]:
            return running
        given, wanted = (", ".join(addresses.values()) for addresses in (running.addresses, self._addresses[other]))
        return replace(
            running, strayed=f"{running.pod.id} got {given} of the cluster, not {wanted}, which was {other}'s"
        )

    async def _create_pod(self, pod: Pod, node: Node, environment: Mapping[str, str], timeout: float) -> str:
        """Returns its UID."""
        namespace = self.namespaces[pod.namespace]
        wanted = tuple(self._addresses[pod.address_of].values()) if pod.address_of is not None else ()
        agent, hostname = self.outfit.agent, node.hostname or None
        body = objects.agent_pod(pod, namespace, hostname, agent, self.owner, environment, wanted)
        created = await self._creator.create(namespace, body, timeout)
        return str(created["metadata"]["uid"])

    async def _until_running(self, pod: Pod, uid: str, timeout: float) -> RunningPod:
        namespace = self.namespaces[pod.namespace]

        def settled(seen: Json | None) -> bool:
            return (
                seen is not None and seen["metadata"]["uid"] == uid and (is_running(seen) or bool(hopeless_cause(seen)))
            )

        try:
            await self.watch.until([(namespace, pod.name)], settled, timeout)
        except TimeoutError:
            cause = self.watch.trouble or pending_cause(self.watch.pod(namespace, pod.name))
            raise DeployError(f"not running after {timeout:g} s: {cause}") from None
        seen = self.watch.pod(namespace, pod.name)
        if seen is None or not is_running(seen):
            raise DeployError(hopeless_cause(seen) or "deleted while it was starting")
        return RunningPod.of(pod, seen)

    def fate(self, running: RunningPod) -> str:
        """What is known to have become of a pod or its container; empty while nothing is known to be wrong."""
        return self.watch.fate(running.namespace, running.name, running.uid, running.container)

    async def renewed(self, running: RunningPod) -> RunningPod:
        """The pod with the container that it has now; one that is just being restarted is waited for a little."""

        def settled(seen: Json | None) -> bool:
            return seen is None or seen["metadata"]["uid"] != running.uid or is_running(seen)

        with suppress(TimeoutError):
            await self.watch.until([(running.namespace, running.name)], settled, _RESTART_SECONDS)
        seen = self.watch.pod(running.namespace, running.name)
        if seen is None or seen["metadata"]["uid"] != running.uid or not is_running(seen):
            return running
        return replace(running, container=container_id(seen))

    async def explain(self, running: RunningPod) -> str:
        """Why an agent does not answer, in the cluster's words: what became of its pod, container or node.

        Empty when the cluster does not know, or cannot be asked.
        """
        fate = await self.watch.until_fate(
            running.namespace, running.name, running.uid, running.container, _NEWS_SECONDS
        )
        return fate or await self.node_trouble(running)

    async def node_trouble(self, running: RunningPod) -> str:
        """What is wrong with a pod's node; empty when it is well, or nobody can tell."""
        try:
            async with asyncio.timeout(_NEWS_SECONDS):
                return not_ready_cause(await self.api.get(f"/api/v1/nodes/{running.node}"))
        except (ClusterError, TimeoutError):
            return ""

    async def delete_pod(self, ref: ObjectRef) -> None:
        """Delete a pod of the fleet, whose end may have begun, and wait until it is gone."""
        running = self.running.pop(f"{ref.namespace}/{ref.name}")
        hurry = None if running.pod.grace_seconds is None else 1
        try:
            await self.api.delete(running.path, uid=running.uid, grace_seconds=hurry)
        except ApiError as error:
            if error.code != 404 or hurry is None:  # its time may just have run out
                raise

        def gone(seen: Json | None) -> bool:
            return seen is None or seen["metadata"]["uid"] != running.uid

        try:
            await self.watch.until([(running.namespace, running.name)], gone, GONE_SECONDS)
        except TimeoutError:
            raise ClusterError(f"{ref} is still there {GONE_SECONDS:g} s after its deletion") from None

    async def complete_pod(self, ref: ObjectRef) -> None:
        """End the containers of a pod of the fleet, by its deadline, and wait until it is over (Failed, Succeeded)."""
        running = self._told_to_end(ref)
        await self.api.merge(running.path, {"spec": {"activeDeadlineSeconds": 1}})

        def over(seen: Json | None) -> bool:
            return seen is None or seen["metadata"]["uid"] != running.uid or is_over(seen)

        try:
            await self.watch.until([(running.namespace, running.name)], over, GONE_SECONDS)
        except TimeoutError:
            raise ClusterError(f"{ref} still runs {GONE_SECONDS:g} s after its deadline") from None

    async def terminate(self, ref: ObjectRef) -> None:
        """Begin to delete a pod of the fleet, or a namespace."""
        if ref.kind == "namespace":
            path = object_path(ref, self.namespaces)
            self.alterations.namespaces_deleted.add(ref.name)
            await self.api.delete(path, uid=(await self.api.get(path))["metadata"]["uid"])
            return
        running = self._told_to_end(ref)
        await self.api.delete(running.path, uid=running.uid)

    def _told_to_end(self, ref: ObjectRef) -> RunningPod:
        running = self.running[f"{ref.namespace}/{ref.name}"]
        self.alterations.ended.add(running.pod.id)
        return running

    async def replace(self, action: Replace) -> None:
        """Delete an object of a namespace and create it again as soon as the API server lets it."""
        path = object_path(action.ref, self.namespaces)
        uid = (await self.api.get(path))["metadata"]["uid"]
        await self.api.delete(path, uid=uid)
        await self.apply(action)

    async def apply(self, action: Apply) -> None:
        """Create or update the object, mapped to the run's namespaces (server-side apply)."""
        self.alterations.applied[action.ref] = None
        manifest = self.map_manifest(action.manifest, self.namespaces)
        metadata = manifest.setdefault("metadata", {})
        metadata["labels"] = metadata.get("labels", {}) | self.owner.labels
        if action.ref.kind in POLICIES:
            self._policy_kinds.add(action.ref.kind)
        if action.ref.namespace is not None:
            await self.api.apply(object_path(action.ref, self.namespaces), manifest)
            return
        policy = confined(manifest, actual_name(action.ref, self.prefix), self.owner, self.apart)
        await apply_confined(self.api, action.ref, policy, self.owner)

    async def delete(self, action: Delete) -> None:
        """Delete an object and wait until it is gone. Pods and namespaces included."""
        ref = action.ref
        if ref.kind == "pod":
            await self.delete_pod(ref)
            return
        if ref.kind in CLUSTER_POLICIES:
            path = cluster_policy_path(ref.kind, actual_name(ref, self.prefix))
        else:
            path = object_path(ref, self.namespaces)
        uid = (await self.api.get(path))["metadata"]["uid"]
        if ref.kind == "namespace":
            self.alterations.namespaces_deleted.add(ref.name)
        await self.api.delete(path, uid=uid)
        if ref.kind == "namespace":
            for pod_id in [pod_id for pod_id in self.running if pod_id.startswith(f"{ref.name}/")]:
                del self.running[pod_id]
        await until_gone(self.api, path, uid)
        self.alterations.applied.pop(ref, None)

    def forget_alterations(self) -> None:
        """The fleet is as it should be: from now on is noted what is done to it."""
        self.alterations = Alterations()

    async def lift_policies(self) -> list[Lifted]:
        """Delete every policy of the scenario, of whatever kind, and wait until they are gone. Returns them."""
        found = await find_policies(self.api, sorted(self._policy_kinds), self.owner.selector)
        policies = [policy for policy in found if self._is_own(policy)]
        lifts = [lift(self.api, policy, self._requests) for policy in policies]
        results = await asyncio.gather(*lifts, return_exceptions=True)
        names = ["/".join(filter(None, map(it.body["metadata"].get, ("namespace", "name")))) for it in policies]
        raise_failures(names, results, "policies could not be lifted", ClusterError)
        return policies

    def _is_own(self, policy: Lifted) -> bool:
        """Whether a policy of the run is this scenario's."""
        metadata = policy.body["metadata"]
        if "namespace" in metadata:
            return metadata["namespace"] in self.namespaces.values()
        return bool(self.owner.labels.items() <= metadata["labels"].items())

    async def restore_policies(self, policies: Iterable[Lifted]) -> None:
        """Create lifted policies again."""
        for policy in policies:
            await self.api.apply(policy.path, policy.body)

    async def label(self, action: Label) -> None:
        """Set or remove labels of a pod or a namespace of the fleet."""
        self.alterations.labelled.setdefault(action.ref, set()).update(action.labels)
        await self.api.merge(object_path(action.ref, self.namespaces), {"metadata": {"labels": dict(action.labels)}})
