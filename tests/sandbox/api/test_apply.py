"""Server-side apply: create or update, ownership, conflicts, and removal of what is no longer applied."""

from __future__ import annotations

import json
from typing import Any

from probe.sandbox.api.fieldset import from_fields_v1, paths, to_fields_v1
from probe.sandbox.api.kinds import KINDS
from tests.sandbox.api.server import (
    CONFIGMAPS,
    PODS,
    POLICIES,
    SERVICES,
    Client,
    Reply,
    configmap,
    pod,
    policy,
    service,
)

SETTINGS = f"{CONFIGMAPS}/settings"


def owners(reply: Reply) -> dict[tuple[str, str], Any]:
    entries = reply.body["metadata"].get("managedFields", [])
    return {(entry["manager"], entry["operation"]): entry["fieldsV1"] for entry in entries}


def test_field_sets_survive_their_written_form() -> None:
    spec = pod()["spec"]
    found = frozenset(paths(KINDS["Pod"], {"spec": spec, "metadata": {"labels": {"a": "b"}, "finalizers": ["x"]}}))
    assert ("f:metadata", "f:finalizers", 'v:"x"') in found
    port = ("f:spec", "f:containers", 'k:{"name":"agent"}', "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}')
    assert port in found
    assert frozenset(from_fields_v1(to_fields_v1(found))) == found


async def test_the_first_apply_creates_and_the_same_again_changes_nothing(client: Client) -> None:
    body = policy(ingress=[{"ports": [{"port": 80}]}])
    created = await client.apply(f"{POLICIES}/deny", body)
    assert (created.code, created.body["spec"]["policyTypes"]) == (201, ["Ingress"])
    assert owners(created) == {("me", "Apply"): {"f:spec": {"f:ingress": {}, "f:podSelector": {}}}}
    again = await client.apply(f"{POLICIES}/deny", body)
    assert (again.code, again.body) == (200, created.body)


async def test_what_is_no_longer_applied_goes(client: Client) -> None:
    await client.apply(SETTINGS, configmap(a="1", b="2"))
    assert (await client.apply(SETTINGS, configmap(b="2", c="3"))).body["data"] == {"b": "2", "c": "3"}
    bare = await client.apply(SETTINGS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}})
    assert bare.body.get("data", {}) == {}


async def test_what_somebody_else_owns_stays(client: Client) -> None:
    await client.apply(SETTINGS, configmap(a="1", b="2"))
    await client.apply(SETTINGS, configmap(a="1", c="3"), "you")
    left = await client.apply(SETTINGS, configmap(b="2"))
    assert left.body["data"] == {"a": "1", "b": "2", "c": "3"}
    assert (await client.apply(SETTINGS, configmap(c="3"), "you")).body["data"] == {"b": "2", "c": "3"}


async def test_two_managers_disagree(client: Client) -> None:
    await client.apply(SETTINGS, configmap(a="1", b="1"))
    refused = await client.apply(SETTINGS, configmap(a="2", b="1"), "you")
    assert (refused.code, refused.body["reason"]) == (409, "Conflict")
    assert refused.body["message"] == 'Apply failed with 1 conflict: conflict with "me" using v1: .data.a'
    cause = refused.body["details"]["causes"][0]
    assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".data.a")
    forced = await client.apply(SETTINGS, configmap(a="2", b="1"), "you", force="true")
    assert forced.body["data"] == {"a": "2", "b": "1"}
    assert owners(forced) == {
        ("me", "Apply"): {"f:data": {"f:b": {}}},
        ("you", "Apply"): {"f:data": {"f:a": {}, "f:b": {}}},
    }


async def test_an_update_takes_what_it_changes(client: Client) -> None:
    await client.apply(SETTINGS, configmap(a="1", b="1"))
    updated = await client.patch(SETTINGS, {"data": {"a": "2"}}, fieldManager="editor")
    assert owners(updated) == {
        ("me", "Apply"): {"f:data": {"f:b": {}}},
        ("editor", "Update"): {"f:data": {"f:a": {}}},
    }
    refused = await client.apply(SETTINGS, configmap(a="1", b="1"))
    assert refused.code == 409
    assert 'conflict with "editor" using v1: .data.a' in refused.body["message"]
    assert (await client.apply(SETTINGS, configmap(a="1", b="1"), force="true")).body["data"]["a"] == "1"


async def test_an_object_nobody_applied_has_an_owner_when_it_matters(client: Client) -> None:
    created = await client.post(CONFIGMAPS, configmap(a="1"))
    assert owners(created) == {}
    refused = await client.apply(SETTINGS, configmap(a="2"))
    assert 'conflict with "before-first-apply"' in refused.body["message"]
    assert (await client.apply(SETTINGS, configmap(a="1", b="2"))).body["data"] == {"a": "1", "b": "2"}


async def test_kubectl_may_take_over_what_it_applied_client_side(client: Client) -> None:
    before = configmap(a="1")
    before["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(configmap(a="1"))
    }
    await client.post(CONFIGMAPS, before)
    assert (await client.apply(SETTINGS, configmap(a="2"), "somebody")).code == 409
    assert (await client.apply(SETTINGS, configmap(a="2"), "kubectl")).body["data"] == {"a": "2"}


async def test_keyed_lists_are_shared_by_key(client: Client) -> None:
    path = f"{SERVICES}/web"
    await client.apply(path, service(ports=[{"name": "a", "port": 80}]))
    both = await client.apply(path, service(ports=[{"name": "b", "port": 81}]), "you")
    assert [port["port"] for port in both.body["spec"]["ports"]] == [80, 81]
    left = await client.apply(path, service(ports=[{"name": "c", "port": 82}]))
    assert [port["port"] for port in left.body["spec"]["ports"]] == [81, 82]
    assert left.body["spec"]["clusterIP"] == both.body["spec"]["clusterIP"]


async def test_a_policys_rules_are_one_piece(client: Client) -> None:
    path = f"{POLICIES}/deny"
    await client.apply(path, policy(ingress=[{"ports": [{"port": 80}]}]))
    assert (await client.apply(path, policy(ingress=[{"ports": [{"port": 81}]}]), "you")).code == 409
    same = await client.apply(path, policy(ingress=[{"ports": [{"port": 80}]}]), "you")
    assert same.code == 200, "what the API fills in (the protocol) is no disagreement"
    changed = await client.apply(path, policy(egress=[]), force="true")
    assert "ingress" in changed.body["spec"], "you still own the rules"
    only = await client.apply(path, policy(policyTypes=["Egress"]), "you", force="true")
    assert "ingress" not in only.body["spec"]


async def test_an_applied_pod_can_be_applied_again(client: Client) -> None:
    path = f"{PODS}/backend"
    assert (await client.apply(path, pod())).code == 201
    assert (await client.apply(path, pod())).code == 200
    labelled = pod()
    labelled["metadata"]["labels"] = {"other": "label"}
    assert (await client.apply(path, labelled)).body["metadata"]["labels"] == {"other": "label"}


async def test_apply_has_its_rules(client: Client) -> None:
    assert (await client.patch(SETTINGS, configmap(), "application/apply-patch+yaml")).code == 400  # no manager
    assert (await client.apply(SETTINGS, configmap("other"))).code == 400
    managed = configmap()
    managed["metadata"]["managedFields"] = [{"manager": "x"}]
    assert (await client.apply(SETTINGS, managed)).code == 400
    tried = await client.apply(SETTINGS, configmap(a="1"), dryRun="All")
    assert (tried.code, (await client.get(SETTINGS)).code) == (201, 404)
    created = (await client.post(CONFIGMAPS, configmap(a="1"))).body
    other = configmap(a="1")
    other["metadata"]["uid"] = "somebody-else"
    assert (await client.apply(SETTINGS, other)).code == 409
    assert (await client.get(SETTINGS)).body == created


async def test_apply_reads_yaml(client: Client) -> None:
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  a: 'on'\n"
    assert (await client.apply(SETTINGS, body)).body["data"] == {"a": "on"}
