"""The same comparison with objects that come the long way: created at an API server, which completes them, and watched.

What packets do must be what the oracle says of the manifests as they were written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from probe.model.snapshot import NAME_LABEL
from probe.sandbox.enforce.controller import Enforcement
from tests.policy.generate.sets import Kinds
from tests.policy.generate.words import NAMESPACES, NODE_LABELS, Object
from tests.sandbox.api.server import Server, api_server, until
from tests.sandbox.differential.cells import PLAN, Case, cells_of
from tests.sandbox.differential.documents import dump
from tests.sandbox.differential.fleet import Fleet, Objects, new_fleet
from tests.sandbox.differential.search import case_of

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

SEED = 2
CORE, POLICIES = "/api/v1", "/apis/policy.networking.k8s.io"
PATHS = {
    "Pod": f"{CORE}/namespaces/{{}}/pods",
    "Service": f"{CORE}/namespaces/{{}}/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "ClusterNetworkPolicy": f"{POLICIES}/v1alpha2/clusternetworkpolicies",
    "AdminNetworkPolicy": f"{POLICIES}/v1alpha1/adminnetworkpolicies",
    "BaselineAdminNetworkPolicy": f"{POLICIES}/v1alpha1/baselineadminnetworkpolicies",
}


@dataclass(slots=True)
class Api:
    """A user of the server: makes a case's objects, and takes them away again."""

    server: Server
    made: list[str] = field(default_factory=list)

    async def request(self, method: str, path: str, body: Object | None = None, **query: str) -> Object:
        """One that succeeds."""
        reply = await self.server.client.request(method, path, body, **query)
        assert reply.code in (200, 201), f"{method} {path}: {reply.body}"
        answer: Object = reply.body
        return answer

    async def prepare(self) -> None:
        """Nodes and namespaces, which stay."""
        for plan in PLAN.node_plans:
            node = {"metadata": {"name": plan.name, "labels": NODE_LABELS}}
            await self.request("POST", f"{CORE}/nodes", node)
            addresses = [{"type": "InternalIP", "address": str(address)} for address in plan.addresses]
            await self.request("PUT", f"{CORE}/nodes/{plan.name}/status", {**node, "status": {"addresses": addresses}})
        store = self.server.store
        for name in NAMESPACES:
            await self.request("POST", f"{CORE}/namespaces", {"metadata": {"name": name}})
            await until(store, "serviceaccounts", lambda name=name: store.find("serviceaccounts", name, "default"))

    async def create(self, obj: Object) -> Object:
        """An object of any kind but those that stay, completed by the server."""
        meta = obj["metadata"]
        path = PATHS[obj["kind"]].format(meta.get("namespace"))
        created = await self.request("POST", path, obj)
        self.made.append(f"{path}/{meta['name']}")
        return created

    async def replace_all(self, case: Case) -> None:
        """Make the case's objects the only ones."""
        for path in reversed(self.made):
            await self.request("DELETE", path, gracePeriodSeconds="0")
        self.made.clear()
        objects = Objects.of(case)
        for name, labels in case.world.namespaces.items():
            assert NAME_LABEL not in labels
            await self.request("PUT", f"{CORE}/namespaces/{name}", {"metadata": {"name": name, "labels": dict(labels)}})
        for pod in objects.pods.values():
            meta = {key: pod["metadata"][key] for key in ("name", "namespace", "labels")}
            containers = [{**each, "image": "cni-probe-agent:1"} for each in pod["spec"]["containers"]]
            created = await self.create({**pod, "metadata": meta, "spec": {**pod["spec"], "containers": containers}})
            await self.request("PUT", f"{self.made[-1]}/status", {**created, "status": pod["status"]})
        for obj in (*objects.services, *objects.slices, *case.policies):
            await self.create(obj)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster() -> AsyncIterator[tuple[Api, Enforcement, Fleet]]:
    """A fleet whose kernels follow an API server."""
    async with new_fleet() as fleet, api_server() as server:
        api = Api(server)
        await api.prepare()
        enforcement = Enforcement(server.store, fleet.kernel.network.nodes)
        task = asyncio.create_task(enforcement.run())
        yield api, enforcement, fleet
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize(
    ("kinds", "numbers"),
    [(Kinds.NETWORK_POLICY, range(10)), (Kinds.MIXED, range(5)), (Kinds.MIXED_ADMIN, range(5))],
)
async def test_what_the_api_server_makes_of_policies_is_what_they_mean(
    cluster: tuple[Api, Enforcement, Fleet], kinds: Kinds, numbers: Sequence[int]
) -> None:
    api, enforcement, fleet = cluster
    for number in numbers:
        case = case_of(SEED, number, kinds)
        await api.replace_all(case)
        await enforcement.settled(api.server.store.revision)
        found = fleet.judge(case, [*cells_of(case)])
        assert not found, dump(found[0])
    assert min(fleet.tally.allowed, fleet.tally.denied) > 500
