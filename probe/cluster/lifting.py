"""Policies of a scenario taken away for a while: the closing control lifts them, and whoever keeps the fleet gets them
back."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from probe.cluster.api import Api, ApiError, Json
from probe.cluster.deletion import until_gone
from probe.cluster.resources import cluster_policy_path, collection_path, policy_path

_KEPT = ("name", "namespace", "labels", "annotations")


@dataclass(frozen=True, slots=True)
class Lifted:
    """A policy that is there, and as it can be made again."""

    path: str
    uid: str
    body: Json


async def find_policies(api: Api, kinds: Collection[str], selector: str) -> list[Lifted]:
    """All policies of these kinds (as in `ObjectRef`) with these labels. Raises ApiError."""
    found = []
    for kind in kinds:
        listed = await api.get(collection_path(kind), labelSelector=selector)
        head = {"apiVersion": listed["apiVersion"], "kind": listed["kind"].removesuffix("List")}
        for policy in listed["items"]:
            meta = {key: policy["metadata"][key] for key in _KEPT if key in policy["metadata"]}
            if "namespace" in meta:
                path = policy_path(meta["namespace"], meta["name"])
            else:
                path = cluster_policy_path(kind, meta["name"])
            body = {**head, "metadata": meta, "spec": policy["spec"]}
            found.append(Lifted(path, policy["metadata"]["uid"], body))
    return found


async def lift(api: Api, policy: Lifted, requests: asyncio.Semaphore) -> None:
    """Delete a policy and wait until it is gone. Raises ClusterError."""
    async with requests:
        try:
            await api.delete(policy.path, uid=policy.uid)
        except ApiError as error:
            if error.code != 404:
                raise
        await until_gone(api, policy.path, policy.uid)
