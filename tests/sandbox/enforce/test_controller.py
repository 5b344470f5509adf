"""Enforcement as it runs: from an object's change in the store to packets, on real nodes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from probe.model.errors import SandboxError
from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.controller import Enforcement, NodeRules, Stages
from probe.sandbox.enforce.nft import NftError
from probe.sandbox.enforce.ruleset import Chain, Ruleset
from probe.sandbox.enforce.view import ClusterView
from probe.sandbox.store import Store
from tests.sandbox.enforce.objects import anp, banp, cnp, labelled, namespaces, pods, policy, rule
from tests.sandbox.enforce.world import World, new_world

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module")]

SOURCES = {"x/a", "x/c", "y/a"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world() -> AsyncIterator[World]:
    async with new_world() as made:
        for name, node in (("x/a", "node-1"), ("x/b", "node-1"), ("x/c", "node-2"), ("y/a", "node-2")):
            await made.pod(name, node)
        yield made


@asynccontextmanager
async def enforcing(world: World, store: Store, stages: Stages | None = None) -> AsyncIterator[Enforcement]:
    enforcement = Enforcement(store, world.network.nodes, Options(), stages)
    task = asyncio.create_task(enforcement.run())
    try:
        yield enforcement
    finally:
        task.cancel()
        await asyncio.wait([task])


def filled(world: World) -> Store:
    """A store with the world's namespaces and pods."""
    store = Store()
    for name, labels in world.namespaces.items():
        store.create("namespaces", {"metadata": {"name": name, "labels": labels}})
    for pod in world.pods.values():
        store.create("pods", pod)
    return store


def revision(obj: dict[str, Any]) -> int:
    return int(obj["metadata"]["resourceVersion"])


async def test_what_exists_before_enforcement_begins_is_enforced_first(world: World) -> None:
    store = filled(world)
    made = store.create("networkpolicies", policy("x", labelled(pod="b")))
    async with enforcing(world, store) as enforcement:
        await enforcement.settled(revision(made))
        assert await world.sources_of("x/b") == set()


async def test_every_kind_of_change_is_followed(world: World) -> None:
    store = filled(world)
    rule = policy("x", labelled(pod="b"), ingress=[{"from": [{"namespaceSelector": labelled(team="shop")}]}])
    async with enforcing(world, store) as enforcement:

        async def sources_after(obj: dict[str, Any] | None) -> set[str]:
            assert obj is not None
            await enforcement.settled(obj["metadata"]["resourceVersion"])
            return await world.sources_of("x/b")

        def label(resource: str, namespace: str | None, name: str, **labels: str) -> dict[str, Any] | None:
            return store.modify(resource, namespace, name, lambda it: it["metadata"].update(labels=labels))

        assert await sources_after(store.create("networkpolicies", rule)) == set()
        assert await sources_after(label("namespaces", None, "y", team="shop")) == {"y/a"}
        assert await sources_after(label("namespaces", None, "y", team="other")) == set()
        peers = [{"podSelector": labelled(role="client")}]
        edited = store.modify("networkpolicies", "x", "policy", lambda it: it["spec"].update(ingress=[{"from": peers}]))
        assert await sources_after(edited) == set()
        assert await sources_after(label("pods", "x", "c", role="client")) == {"x/c"}
        assert await sources_after(label("pods", "x", "c", pod="c")) == set()
        assert await sources_after(label("pods", "x", "b", pod="no longer selected")) == SOURCES
        assert await sources_after(label("pods", "x", "b", pod="b")) == set()
        assert await sources_after(store.delete("networkpolicies", "x", "policy")) == SOURCES


async def test_a_new_pod_is_isolated_before_it_can_send(world: World) -> None:
    """What a kubelet does: addresses into the status, wait for enforcement, start."""
    store = filled(world)
    store.create("networkpolicies", policy("x", {}, types=["Ingress", "Egress"]))
    async with enforcing(world, store) as enforcement:
        await world.pod("x/new", "node-1")
        try:
            created = {**world.pods["x/new"], "status": {}}
            store.create("pods", created)
            status = world.pods["x/new"]["status"]
            ready = store.modify("pods", "x", "new", lambda pod: pod.update(status=status))
            assert ready is not None
            await enforcement.settled(revision(ready), "node-1")
            assert await world.targets_of("x/new") == set()
            assert (await world.probe("y/a", "x/new", 80)).outcome == "dropped"
        finally:
            await world.remove("x/new")


async def test_a_burst_of_changes_is_taken_together(world: World) -> None:
    store = filled(world)
    async with enforcing(world, store) as enforcement:
        await enforcement.settled(store.revision)
        before = enforcement.applied["node-1"].changes
        for number in range(200):
            last = store.create("networkpolicies", policy("x", labelled(pod="b"), name=f"p{number}"))
        await enforcement.settled(revision(last))
        assert enforcement.applied["node-1"].changes - before <= 3
        assert enforcement.applied["node-1"].revision == revision(last)


async def test_changes_that_do_not_matter_do_not_touch_the_kernel(world: World) -> None:
    store = filled(world)
    async with enforcing(world, store) as enforcement:
        await enforcement.settled(store.revision)
        before = enforcement.applied["node-1"]
        noted = store.modify("pods", "x", "a", lambda pod: pod["metadata"].update(annotations={"some": "note"}))
        assert noted is not None
        await enforcement.settled(revision(noted))
        after = enforcement.applied["node-1"]
        assert (after.revision, after.changes) == (revision(noted), before.changes)


async def test_a_pod_without_an_address_yet_holds_up_nothing(world: World) -> None:
    store = filled(world)
    pending = {
        "metadata": {"namespace": "x", "name": "pending", "labels": {"pod": "a"}},
        "spec": {"containers": []},
        "status": {"phase": "Pending"},
    }
    store.create("pods", pending)
    made = store.create("networkpolicies", policy("x", labelled(pod="b")))
    async with enforcing(world, store) as enforcement:
        await enforcement.settled(revision(made))
        assert await world.sources_of("x/b") == set()


async def test_a_ruleset_that_nft_refuses_ends_enforcement(world: World) -> None:
    class Broken(Stages):
        def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
            rules = compile_node(view, node, options)
            return Ruleset(rules.sets, rules.maps, {**rules.chains, "broken": Chain(("no such thing",))})

    with pytest.raises(NftError, match="syntax error"):
        await Enforcement(filled(world), world.network.nodes, stages=Broken()).run()


async def test_an_object_that_cannot_be_read_ends_enforcement_and_is_named(world: World) -> None:
    store = filled(world)
    store.create("networkpolicies", policy("x", {}, name="odd", ingress=[{"from": [{}]}]))
    with pytest.raises(SandboxError, match="NetworkPolicy/x/odd"):
        await Enforcement(store, world.network.nodes).run()


async def test_a_slow_node_does_not_hold_up_another(world: World) -> None:
    release = asyncio.Event()

    class Slow(Stages):
        async def install(self, node: str, kernel: NodeRules, ruleset: Ruleset) -> None:
            if node == "node-2":
                await release.wait()
            await super().install(node, kernel, ruleset)

    store = filled(world)
    async with enforcing(world, store, Slow()) as enforcement:
        made = store.create("networkpolicies", policy("x", labelled(pod="b")))
        await enforcement.settled(revision(made), "node-1")
        assert await world.sources_of("x/b") == set()
        assert enforcement.applied["node-2"].revision == 0
        release.set()
        await enforcement.settled(revision(made))


async def test_what_a_node_believes_can_be_altered(world: World) -> None:
    class Blind(Stages):
        def see(self, node: str, view: ClusterView) -> ClusterView:
            return ClusterView(view.pods, view.namespaces, (), view.services)

    store = filled(world)
    made = store.create("networkpolicies", policy("x", labelled(pod="b")))
    async with enforcing(world, store, Blind()) as enforcement:
        await enforcement.settled(revision(made))
        assert await world.sources_of("x/b") == SOURCES


async def test_changes_of_cluster_policies_are_followed(world: World) -> None:
    store = filled(world)
    shop = namespaces(team="shop")
    async with enforcing(world, store) as enforcement:

        async def sources_after(obj: dict[str, Any] | None) -> set[str]:
            assert obj is not None
            await enforcement.settled(obj["metadata"]["resourceVersion"])
            return await world.sources_of("x/b")

        def label(name: str, **labels: str) -> dict[str, Any] | None:
            return store.modify("namespaces", None, name, lambda it: it["metadata"].update(labels=labels))

        first = cnp(pods("x", pod="b"), ingress=[rule("Deny", shop)])
        assert await sources_after(store.create("clusternetworkpolicies", first)) == SOURCES
        assert await sources_after(label("y", team="shop")) == SOURCES - {"y/a"}
        earlier = anp(pods("x", pod="b"), priority=1, ingress=[rule("Allow", shop)])
        assert await sources_after(store.create("adminnetworkpolicies", earlier)) == SOURCES
        last = banp(namespaces(), ingress=[rule("Deny", namespaces())])
        assert await sources_after(store.create("baselineadminnetworkpolicies", last)) == {"y/a"}
        assert await sources_after(store.delete("adminnetworkpolicies", None, "p")) == set()
        assert await sources_after(store.delete("baselineadminnetworkpolicies", None, "default")) == SOURCES - {"y/a"}
        assert await sources_after(label("x")) == SOURCES, "the subject's namespace has lost its label"


async def test_a_cluster_policy_that_cannot_be_read_stops_enforcement(world: World) -> None:
    store = filled(world)
    store.create("clusternetworkpolicies", cnp({"planets": {}}))
    with pytest.raises(SandboxError, match="cannot read ClusterNetworkPolicy/p"):
        await Enforcement(store, world.network.nodes, Options()).run()
