"""A fleet brought back to how it was deployed, so that the next scenario can use the same pods.

Undone is what the scenario is known to have done. Then the API server is asked for everything that could matter, and
whatever is not as it was right after the deployment makes the fleet one that nobody may use again: so does what cannot
be made undone, such as the deletion of a namespace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote

from probe.cluster.api import ApiError, Json
from probe.cluster.deployment import Deployment
from probe.cluster.failures import raise_failures
from probe.cluster.resources import collection_path, object_path
from probe.cluster.running import RunningPod
from probe.model.actions import Delete
from probe.model.errors import ClusterError
from probe.model.fleet import Pod
from probe.model.manifest import ObjectRef

Seen: TypeAlias = tuple[str, Mapping[str, str]]
"""UID and labels of an object."""


class NotRestored(ClusterError):
    """The fleet is not as it was deployed, and cannot be used again; the message says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The fleet's objects as the API server had them at one moment, by kind, actual namespace and name."""

    objects: Mapping[tuple[str, str, str], Seen] = field(default_factory=dict)

    @classmethod
    async def of(cls, deployment: Deployment) -> Picture:
        """Namespaces, pods and NetworkPolicies: the latter of whomever they are. Raises ClusterError."""
        api, selector = deployment.api, deployment.owner.selector
        namespaces, pods = await asyncio.gather(
            api.get(collection_path("namespace"), labelSelector=selector),
            api.get(collection_path("pod"), labelSelector=selector),
        )
        names = [item["metadata"]["name"] for item in namespaces["items"]]
        policies = await asyncio.gather(*(_policies(deployment, name) for name in names))
        found: dict[tuple[str, str, str], Seen] = {}
        for kind, items in (
            ("namespace", namespaces["items"]),
            ("pod", pods["items"]),
            ("networkpolicy", [item for listed in policies for item in listed]),
        ):
            found |= {_key(kind, item["metadata"]): _seen(item["metadata"]) for item in items}
        return cls(found)

    def differences(self, now: Picture, renewed: Sequence[RunningPod]) -> Iterator[str]:
        """What is not in ``now`` as it is here, in words. ``renewed`` pods have other UIDs, and nothing else."""
        for key in sorted(self.objects.keys() | now.objects.keys()):
            name = "/".join(filter(None, key))
            old, new = self.objects.get(key), now.objects.get(key)
            if old is None:
                yield f"{name} should not be there"
            elif new is None:
                yield f"{name} is gone"
            elif new[1] != old[1]:
                yield f"{name} has other labels"
            elif new[0] != old[0] and new[0] not in {pod.uid for pod in renewed}:
                yield f"{name} is another one"

    def labels(self, kind: str, namespace: str, name: str) -> Mapping[str, str]:
        """The labels that an object had; none if it was not there."""
        return self.objects.get((kind, namespace, name), ("", {}))[1]

    def uid(self, running: RunningPod) -> str:
        """The UID of the pod that had this one's name; empty if there was none."""
        return self.objects.get(("pod", running.namespace, running.name), ("", {}))[0]


def _key(kind: str, metadata: Json) -> tuple[str, str, str]:
    return kind, metadata.get("namespace", ""), metadata["name"]


def _seen(metadata: Json) -> Seen:
    ending = " (ending)" if "deletionTimestamp" in metadata else ""
    return metadata["uid"] + ending, metadata.get("labels", {})


async def _policies(deployment: Deployment, namespace: str) -> list[Json]:
    path = f"/apis/networking.k8s.io/v1/namespaces/{quote(namespace)}/networkpolicies"
    try:
        items: list[Json] = (await deployment.api.get(path))["items"]
    except ApiError as error:
        if error.code == 403:  # runs that apply none have no right to list them
            return []
        raise
    return items


@dataclass(frozen=True, slots=True)
class Restoration:
    """What it takes to restore a deployment to ``before``, when it had the pods of the ``fleet``.

    ``part``: called with the ids of pods that are about to be deleted; ``timeout``: seconds for new pods to start.
    """

    deployment: Deployment
    fleet: Sequence[Pod]
    before: Picture
    part: Callable[[Sequence[str]], Awaitable[None]]
    timeout: float

    async def run(self) -> tuple[RunningPod, ...]:
        """Undo everything, and look whether it is undone. Returns the pods that had to be made again.

        Raises NotRestored, or ClusterError when the cluster cannot be asked.
        """
        deployment = self.deployment
        if lost := [name for name in sorted(deployment.alterations.namespaces_deleted) if self._is_of_fleet(name)]:
            raise NotRestored(f"the namespace {lost[0]} was deleted")
        await deployment.lift_policies()
        await self._remove_objects()
        await self._remove_pods()
        await self._remove_namespaces()
        await self._restore_labels()
        missing = [pod for pod in self.fleet if pod.id not in deployment.running]
        made = await deployment.create_pods(missing, self.timeout) if missing else ()
        if differences := [*self.before.differences(await Picture.of(deployment), made)]:
            raise NotRestored(differences[0])
        deployment.forget_alterations()
        return made

    async def _remove_objects(self) -> None:
        """Objects that the scenario applied and did not delete; its policies are gone already."""
        refs = [ref for ref in self.deployment.alterations.applied if ref.namespace is not None]
        results = await asyncio.gather(*map(self._remove, refs), return_exceptions=True)
        raise_failures(list(map(str, refs)), results, "objects were not removed", ClusterError)

    async def _remove(self, ref: ObjectRef) -> None:
        try:
            await self.deployment.delete(Delete(ref))
        except ApiError as error:
            if error.code != 404:
                raise

    async def _remove_pods(self) -> None:
        """Pods that are none of the fleet's first ones, or have been told to end."""
        ended = self.deployment.alterations.ended
        running = self.deployment.running
        alien = [id for id, pod in running.items() if id in ended or pod.uid != self.before.uid(pod)]
        await self.part(alien)
        refs = [ObjectRef("pod", namespace, name) for namespace, _, name in (id.partition("/") for id in alien)]
        results = await asyncio.gather(*map(self._remove, refs), return_exceptions=True)
        raise_failures(alien, results, "pods were not removed", ClusterError)

    async def _remove_namespaces(self) -> None:
        for name in sorted(self.deployment.alterations.namespaces_made):
            await self._remove(ObjectRef("namespace", None, name))

    def _is_of_fleet(self, namespace: str) -> bool:
        return ("namespace", "", self.deployment.namespaces[namespace]) in self.before.objects

    async def _restore_labels(self) -> None:
        deployment = self.deployment
        for ref, keys in deployment.alterations.labelled.items():
            if ref.kind == "pod" and f"{ref.namespace}/{ref.name}" not in deployment.running:
                continue  # a new one is made
            namespace = deployment.namespaces[ref.namespace] if ref.namespace else ""
            name = deployment.namespaces[ref.name] if ref.kind == "namespace" else ref.name
            if (ref.kind, namespace, name) not in self.before.objects:
                continue  # gone by now
            had = self.before.labels(ref.kind, namespace, name)
            labels = {key: had.get(key) for key in sorted(keys)}
            await deployment.api.merge(object_path(ref, deployment.namespaces), {"metadata": {"labels": labels}})
