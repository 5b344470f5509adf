"""The store: identity, revisions, graceful deletion, and one ordered stream of changes."""

from __future__ import annotations

import pytest

from probe.sandbox.store import AlreadyExists, Conflict, Event, Expired, NotFound, Obj, Store


def pod(name: str = "a", *, node: str | None = "node-1", **meta: object) -> Obj:
    spec = {"nodeName": node} if node else {}
    return {"metadata": {"name": name, "namespace": "default", **meta}, "spec": spec}


def names(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.type, event.obj["metadata"]["name"]) for event in events]


def test_create_gives_identity_and_copies() -> None:
    store, mine = Store(), pod()
    created = store.create("pods", mine)
    mine["spec"]["nodeName"] = "elsewhere"
    assert created["spec"] == {"nodeName": "node-1"}
    assert created["metadata"].keys() >= {"uid", "creationTimestamp", "resourceVersion"}
    assert store.get("pods", "default", "a") is created


def test_a_taken_name_is_refused() -> None:
    store = Store()
    store.create("pods", pod())
    with pytest.raises(AlreadyExists, match='pods "a" already exists'):
        store.create("pods", pod())


def test_modify_bumps_the_revision_only_for_a_difference() -> None:
    store = Store()
    created = store.create("pods", pod())
    assert store.modify("pods", "default", "a", lambda obj: None) is created
    changed = store.modify("pods", "default", "a", lambda obj: obj.update(status={"phase": "Running"}))
    assert changed is not None
    assert int(changed["metadata"]["resourceVersion"]) == int(created["metadata"]["resourceVersion"]) + 1
    assert "status" not in created
    assert store.modify("pods", "default", "gone", lambda obj: None) is None


def test_replace_keeps_identity_and_refuses_a_stale_version() -> None:
    store = Store()
    created = store.create("pods", pod())
    replaced = store.replace("pods", pod(labels={"app": "x"}, uid=created["metadata"]["uid"]))
    assert replaced["metadata"]["uid"] == created["metadata"]["uid"]
    with pytest.raises(Conflict, match="the object has been modified"):
        store.replace("pods", pod(resourceVersion=created["metadata"]["resourceVersion"]))
    with pytest.raises(Conflict, match="UID in precondition"):
        store.delete("pods", "default", "a", uid="other")


def test_a_scheduled_pod_waits_for_its_kubelet() -> None:
    store = Store()
    uid = store.create("pods", pod())["metadata"]["uid"]
    marked = store.delete("pods", "default", "a")
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    sooner = store.delete("pods", "default", "a", grace_seconds=5)
    assert sooner["metadata"]["deletionGracePeriodSeconds"] == 5
    assert store.delete("pods", "default", "a") is sooner, "a second delete cannot lengthen the grace period"
    assert not store.finalize("pods", "default", "a", "somebody else")
    assert store.finalize("pods", "default", "a", uid)
    with pytest.raises(NotFound):
        store.get("pods", "default", "a")


@pytest.mark.parametrize(("node", "grace"), [(None, None), ("node-1", 0)])
def test_an_unscheduled_or_forced_pod_goes_at_once(node: str | None, grace: int | None) -> None:
    store = Store()
    store.create("pods", pod(node=node))
    store.delete("pods", "default", "a", grace_seconds=grace)
    assert store.find("pods", "default", "a") is None


def test_a_namespace_terminates_until_it_is_finalized() -> None:
    store = Store()
    uid = store.create("namespaces", {"metadata": {"name": "n"}})["metadata"]["uid"]
    assert store.delete("namespaces", None, "n")["status"] == {"phase": "Terminating"}
    assert store.finalize("namespaces", None, "n", uid)


def test_finalizers_hold_an_object_until_the_last_is_removed() -> None:
    store = Store()
    store.create("configmaps", {"metadata": {"name": "c", "namespace": "default", "finalizers": ["x/y"]}})
    assert "deletionTimestamp" in store.delete("configmaps", "default", "c")["metadata"]
    store.modify("configmaps", "default", "c", lambda obj: obj["metadata"].pop("finalizers"))
    assert store.find("configmaps", "default", "c") is None


async def test_a_subscription_begins_with_what_exists_and_keeps_the_order() -> None:
    store = Store()
    store.create("pods", pod("a"))
    store.create("namespaces", {"metadata": {"name": "n"}})
    async with store.subscribe("pods", "namespaces") as changes:
        store.create("pods", pod("b"))
        store.modify("pods", "default", "b", lambda obj: obj.update(status={}))
        store.delete("pods", "default", "a", grace_seconds=0)
        assert names(await changes.batch()) == [
            ("ADDED", "a"),
            ("ADDED", "n"),
            ("ADDED", "b"),
            ("MODIFIED", "b"),
            ("DELETED", "a"),
        ]
        store.create("pods", pod("c"))
        store.create("services", pod("unwatched"))
        event = await anext(changes)
        assert (event.type, event.obj["metadata"]["name"]) == ("ADDED", "c")
    store.create("pods", pod("d"))


async def test_a_deletion_event_carries_its_own_revision() -> None:
    store = Store()
    created = store.create("pods", pod(node=None))
    async with store.subscribe("pods", initial=False) as changes:
        store.delete("pods", "default", "a")
        event = await anext(changes)
    assert event.previous is created
    assert event.obj["metadata"]["resourceVersion"] == str(store.revision) == str(event.revision)


async def test_a_subscription_continues_after_a_revision_or_says_that_it_cannot() -> None:
    store = Store(history=2)
    first = int(store.create("pods", pod("a"))["metadata"]["resourceVersion"])
    store.create("pods", pod("b"))
    async with store.subscribe("pods", since=first) as changes:
        assert names(await changes.batch()) == [("ADDED", "b")]
    store.create("pods", pod("c"))
    with pytest.raises(Expired, match="too old resource version"):
        store.subscribe("pods", since=first - 1)


async def test_a_bounded_reader_that_falls_behind_is_told_so() -> None:
    store = Store()
    async with store.subscribe("pods", limit=1) as changes:
        store.create("pods", pod("a"))
        store.create("pods", pod("b"))
        with pytest.raises(Expired):
            await changes.batch()
