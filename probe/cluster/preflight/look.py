"""Looking around: every question at once, and what may not be seen is left open instead of failing.

Only the API server's own refusals are taken so; one that cannot be reached is an error (``ClusterError``) as ever.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote, urlencode

from probe.cluster.api import Api, ApiError, Json
from probe.cluster.clusterpolicies import foreign_baseline, served_kinds
from probe.cluster.objects import CONTAINER
from probe.cluster.permissions import Permission
from probe.cluster.transport import HandshakeRefused
from probe.model.errors import ClusterError

ABSENT_POD = "cni-probe-doctor-asks-for-a-pod-that-is-not-there"
EXEC_NAMESPACE = "default"
_PAGE = 500
_SUBPROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that could not be looked at, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was refused: HTTP status and message."""

    code: int
    message: str


Listing: TypeAlias = Sequence[Json] | Unseen


@dataclass(frozen=True, slots=True)
class Answer:
    """How a WebSocket upgrade was answered: 101 when it was opened. ``text`` is the body of a refusal."""

    status: int
    text: str = ""


Denied: TypeAlias = tuple[Permission, ...] | Unseen


@dataclass(frozen=True, slots=True)
class ClusterPolicies:
    """The kinds of cluster-scoped policies that the cluster serves, as far as they were asked for.

    ``in_the_way``: why no BaselineAdminNetworkPolicy can be applied although one is wanted.
    """

    served: frozenset[str] = frozenset()
    in_the_way: str = ""


@dataclass(frozen=True, slots=True)
class Quick:
    """What a run looks at before it begins. ``pods`` counts pods that are not over by node (None: too many to count).

    ``denied`` are the permissions that are missing, or why they may not be asked for; ``exec_answer`` None: nobody
    answered.
    """

    denied: Denied
    nodes: Listing
    pods: Mapping[str, int] | None
    daemonsets: Listing
    exec_answer: Answer | None
    policies: ClusterPolicies = field(default_factory=lambda: ClusterPolicies())


@dataclass(frozen=True, slots=True)
class Full:
    """What ``doctor`` sees besides. ``dry_namespace`` and ``dry_pod``: None where a dry run was accepted."""

    version: str
    user: str
    kubernetes_service: Json | Unseen
    quotas: Listing
    limits: Listing
    webhooks: Listing
    namespaces: Listing
    dry_namespace: Refused | None
    dry_pod: Refused | None = field(default=None)


async def look_quickly(
    api: Api, permissions: Iterable[Permission], pages: int = 4, policies: Collection[str] = ()
) -> Quick:
    """What a run can look at in a moment; pods are counted over at most ``pages`` pages. Raises ClusterError.

    ``policies``: the kinds of cluster-scoped policies that are going to be applied.
    """
    denied, nodes, pods, daemonsets, answer, cluster_policies = await asyncio.gather(
        denied_of(api, permissions),
        list_seen(api, "/api/v1/nodes"),
        _pods_by_node(api, pages),
        list_seen(api, "/apis/apps/v1/daemonsets"),
        ask_to_exec(api, EXEC_NAMESPACE, ABSENT_POD),
        _cluster_policies(api, policies),
    )
    return Quick(denied, nodes, pods, daemonsets, answer, cluster_policies)


async def _cluster_policies(api: Api, wanted: Collection[str]) -> ClusterPolicies:
    if not wanted:
        return ClusterPolicies()
    served = await served_kinds(api)
    return ClusterPolicies(served, await foreign_baseline(api, served & frozenset(wanted)))


async def look_around(api: Api, namespace: Json, pod: Json) -> Full:
    """The rest, for ``doctor``; ``namespace`` and ``pod`` are created as a dry run. Raises ClusterError."""
    said = asyncio.gather(
        api.get("/version"), _user(api), _seen(api.get("/api/v1/namespaces/default/services/kubernetes"))
    )
    listed = asyncio.gather(
        list_seen(api, "/api/v1/resourcequotas"),
        list_seen(api, "/api/v1/limitranges"),
        list_seen(api, f"{_ADMISSION}/mutatingwebhookconfigurations"),
        list_seen(api, f"{_ADMISSION}/validatingwebhookconfigurations"),
        list_seen(api, "/api/v1/namespaces"),
    )
    tried = asyncio.gather(
        _dry_run(api, "/api/v1/namespaces", namespace),
        _dry_run(api, f"/api/v1/namespaces/{EXEC_NAMESPACE}/pods", pod),
    )
    (
        (version, user, service),
        (quotas, limits, mutating, validating, namespaces),
        (dry_namespace, dry_pod),
    ) = await asyncio.gather(said, listed, tried)
    webhooks = mutating if isinstance(mutating, Unseen) else validating
    if not isinstance(mutating, Unseen) and not isinstance(validating, Unseen):
        webhooks = [*mutating, *validating]
    return Full(
        version=str(version.get("gitVersion", "")),
        user=user,
        kubernetes_service=service,
        quotas=quotas,
        limits=limits,
        webhooks=webhooks,
        namespaces=namespaces,
        dry_namespace=dry_namespace,
        dry_pod=dry_pod,
    )


async def denied_of(api: Api, permissions: Iterable[Permission]) -> Denied:
    """The permissions that the API server says we lack; everybody with working credentials may ask that."""
    asked = tuple(permissions)
    try:
        answers = await asyncio.gather(*(_may(api, permission) for permission in asked))
    except ApiError as error:
        if error.code in (403, 404):
            return Unseen(error.message)
        raise
    return tuple(permission for permission, granted in zip(asked, answers, strict=True) if not granted)


async def _may(api: Api, permission: Permission) -> bool:
    review = await api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", permission.review)
    return bool(review.get("status", {}).get("allowed"))


async def ask_to_exec(api: Api, namespace: str, pod: str) -> Answer | None:
    """Ask for an exec that cannot happen. Kubernetes says so; a proxy that does not pass WebSockets on says else."""
    query = [("container", CONTAINER), ("stdout", "true"), ("command", "python3")]
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/exec?{urlencode(query)}"
    try:
        socket = await api.websocket(path, _SUBPROTOCOLS)
    except HandshakeRefused as refusal:
        return Answer(refusal.status, refusal.text)
    except ClusterError:
        return None
    await socket.close()
    return Answer(101)


async def _pods_by_node(api: Api, pages: int) -> Mapping[str, int] | None:
    """Pods that take a slot, by node: those that are not over. A page at a time, so that memory stays small."""
    counted: Counter[str] = Counter()
    query = {"limit": str(_PAGE), "fieldSelector": "status.phase!=Succeeded,status.phase!=Failed"}
    for _ in range(pages):
        try:
            page = await api.get("/api/v1/pods", **query)
        except ApiError as error:
            if error.code in (403, 404):
                return None
            raise
        counted.update(node for pod in page["items"] if (node := pod.get("spec", {}).get("nodeName")))
        query["continue"] = page.get("metadata", {}).get("continue", "")
        if not query["continue"]:
            return counted
    return None


async def list_seen(api: Api, path: str) -> Listing:
    """The items of a list, or why they may not be seen; a kind that the cluster does not have has none."""
    try:
        items: Sequence[Json] = (await api.get(path)).get("items") or []
    except ApiError as error:
        if error.code == 404:
            return []
        if error.code == 403:
            return Unseen(error.message)
        raise
    return items


async def _seen(request: Awaitable[Json]) -> Json | Unseen:
    try:
        return await request
    except ApiError as error:
        if error.code in (403, 404):
            return Unseen(error.message)
        raise


async def _user(api: Api) -> str:
    """Who the API server takes us for (Kubernetes 1.28 and newer); empty where it does not say."""
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    try:
        review = await api.create("/apis/authentication.k8s.io/v1/selfsubjectreviews", body)
    except ApiError:
        return ""
    return str(review.get("status", {}).get("userInfo", {}).get("username", ""))


async def _dry_run(api: Api, path: str, body: Json) -> Refused | None:
    """Go through admission without creating anything (dryRun=All)."""
    try:
        await api.once("POST", path, {"dryRun": "All", "fieldManager": "cni-probe"}, body)
    except ApiError as error:
        return Refused(error.code, error.message or error.reason)
    return None
