"""Validating webhooks are really asked, over HTTPS, and what they refuse does not come in."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from probe.sandbox.store import Obj
from tests.sandbox.api.server import CONFIGMAPS, NAMESPACES, PODS, POLICIES, Client, Server, configmap, pod, policy
from tests.sandbox.api.test_rbac import acting
from tests.sandbox.api.webhook import CONFIGURATIONS, Webhook, denied, rule, webhook_server


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with webhook_server() as running:
        yield running


async def register(client: Client, webhook: Webhook, *rules: Obj, **more: Any) -> None:
    made = await client.post(CONFIGURATIONS, webhook.configuration(*rules, **more))
    assert made.code == 201, made.body


async def test_what_a_webhook_refuses_does_not_come_in(client: Client, webhook: Webhook) -> None:
    await register(client, webhook, rule("networkpolicies", groups="networking.k8s.io"))
    webhook.decide = lambda request: denied("no policies on Fridays", code=403, reason="Forbidden")
    refused = await client.post(POLICIES, policy())
    assert (refused.code, refused.body["reason"], refused.body["status"]) == (403, "Forbidden", "Failure")
    said = 'admission webhook "policy.example.com" denied the request: no policies on Fridays'
    assert refused.body["message"] == said
    assert (await client.get(f"{POLICIES}/deny")).code == 404
    assert (await client.post(CONFIGMAPS, configmap())).code == 201, "it asked for policies only"


@pytest.mark.parametrize(
    ("response", "code", "said"),
    [
        ({"allowed": False}, 400, "denied the request without explanation"),
        ({"allowed": False, "status": {"reason": "Forbidden"}}, 400, "denied the request: Forbidden"),
        ({"allowed": False, "status": {"message": "x", "code": 200}}, 400, "denied the request: x"),
    ],
)
async def test_how_a_refusal_reads(client: Client, webhook: Webhook, response: Obj, code: int, said: str) -> None:
    await register(client, webhook)
    webhook.decide = lambda request: response
    refused = await client.post(CONFIGMAPS, configmap())
    assert (refused.code, refused.body["message"]) == (code, f'admission webhook "policy.example.com" {said}')


async def test_what_it_is_asked(client: Client, webhook: Webhook) -> None:
    await client.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", ALL_FOR_JANE)
    await register(client, webhook)
    created = (await acting(client, "POST", CONFIGMAPS, configmap(a="1"), user="jane")).body
    changed = (await client.patch(f"{CONFIGMAPS}/settings", {"data": {"a": "2"}}, dryRun="All")).body
    await client.delete(f"{CONFIGMAPS}/settings")
    create, update, delete = webhook.asked
    assert [request["operation"] for request in webhook.asked] == ["CREATE", "UPDATE", "DELETE"]
    assert (create["userInfo"]["username"], create["namespace"], create["name"]) == ("jane", "default", "settings")
    assert create["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert create["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert (create["object"]["data"], create["oldObject"], create["dryRun"]) == ({"a": "1"}, None, False)
    assert (update["object"]["data"], update["oldObject"], update["dryRun"]) == ({"a": "2"}, created, True)
    assert (delete["object"], delete["oldObject"]["data"]) == (None, {"a": "1"})
    assert changed["data"] == {"a": "2"}


ALL_FOR_JANE: Obj = {
    "metadata": {"name": "jane"},
    "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"kind": "User", "name": "jane"}],
}


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        (rule("configmaps"), True),
        (rule("*"), True),
        (rule("*/*"), True),
        (rule("*/status"), False),
        (rule("secrets"), False),
        (rule("configmaps", "UPDATE DELETE"), False),
        (rule("configmaps", groups="apps"), False),
        (rule("configmaps", scope="Cluster"), False),
        (rule("configmaps", scope="Namespaced"), True),
    ],
)
async def test_which_rules_ask(client: Client, webhook: Webhook, wanted: Obj, asked: bool) -> None:
    await register(client, webhook, wanted)
    await client.post(CONFIGMAPS, configmap())
    assert bool(webhook.asked) is asked


async def test_subresources_are_asked_for_by_name(server: Server, webhook: Webhook) -> None:
    client = server.client
    await client.post(PODS, pod())
    await register(client, webhook, rule("pods/status pods/exec"))
    await client.patch(f"{PODS}/backend", {"metadata": {"labels": {"a": "b"}}})
    await client.patch(f"{PODS}/backend/status", {"status": {"message": "x"}})
    webhook.decide = lambda request: denied("no shells")
    query = {"command": "true", "stdout": "1"}
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await client.http.ws_connect(f"{PODS}/backend/exec", params=query, protocols=("v5.channel.k8s.io",))
    refused = await client.get(f"{PODS}/backend/exec", **query)
    assert "denied the request: no shells" in refused.body["message"]
    asked = [(request["operation"], request["subResource"], request["kind"]["kind"]) for request in webhook.asked]
    assert asked[:2] == [("UPDATE", "status", "Pod"), ("CONNECT", "exec", "PodExecOptions")]
    assert webhook.asked[1]["object"]["command"] == ["true"]


async def test_selectors_choose_namespaces_and_objects(client: Client, webhook: Webhook) -> None:
    chosen = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["default"]}]}
    await register(client, webhook, rule("configmaps namespaces"), namespaceSelector=chosen, name="a.example.com")
    await client.post(CONFIGMAPS, configmap())
    assert webhook.asked == []
    await client.post(NAMESPACES, {"metadata": {"name": "other"}})
    assert [request["name"] for request in webhook.asked] == ["other"], "a namespace is chosen by its own labels"
    await client.post(f"{NAMESPACES}/other/configmaps", configmap())
    assert webhook.asked[-1]["namespace"] == "other"
    await client.delete(f"{CONFIGURATIONS}/a")
    webhook.asked.clear()
    labelled = {"matchLabels": {"app": "x"}}
    await register(client, webhook, objectSelector=labelled, name="b.example.com")
    await client.patch(f"{CONFIGMAPS}/settings", {"metadata": {"labels": {"app": "x"}}})
    await client.patch(f"{CONFIGMAPS}/settings", {"metadata": {"labels": {"app": None}}})
    await client.patch(f"{CONFIGMAPS}/settings", {"data": {"x": "y"}})
    assert len(webhook.asked) == 2, "while it has the label, or had it before"


async def test_a_webhook_that_is_not_there_fails_the_request_or_is_ignored(client: Client, webhook: Webhook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        webhook.url = f"https://127.0.0.1:{taken.getsockname()[1]}/x"
    await register(client, webhook)
    refused = await client.post(CONFIGMAPS, configmap())
    assert (refused.code, refused.body["reason"]) == (500, "InternalError")
    assert refused.body["message"].startswith(
        'Internal error occurred: failed calling webhook "policy.example.com": failed to call webhook: '
        f'Post "{webhook.url}?timeout=10s": dial tcp 127.0.0.1:'
    )
    await client.patch(f"{CONFIGURATIONS}/policy", IGNORE, "application/strategic-merge-patch+json")
    assert (await client.post(CONFIGMAPS, configmap())).code == 201


IGNORE: Obj = {"webhooks": [{"name": "policy.example.com", "failurePolicy": "Ignore"}]}


async def test_a_webhook_that_does_not_answer_in_time(client: Client, webhook: Webhook) -> None:
    webhook.hold = asyncio.Event()
    await register(client, webhook, timeoutSeconds=1)
    refused = await client.post(CONFIGMAPS, configmap())
    assert refused.code == 500
    assert refused.body["message"].endswith('?timeout=1s": context deadline exceeded')


async def test_a_webhook_that_cannot_be_trusted(client: Client, webhook: Webhook) -> None:
    async with webhook_server() as other:
        webhook.ca = other.ca
    await register(client, webhook)
    refused = await client.post(CONFIGMAPS, configmap())
    assert (refused.code, "tls: failed to verify certificate" in refused.body["message"]) == (500, True)
    assert webhook.asked == []


@pytest.mark.parametrize("answer", [b"what?", b"{}", {"allowed": True, "uid": "another"}])
async def test_an_answer_that_is_none(client: Client, webhook: Webhook, answer: Any) -> None:
    webhook.decide = lambda request: answer
    await register(client, webhook)
    refused = await client.post(CONFIGMAPS, configmap())
    assert (refused.code, "failed calling webhook" in refused.body["message"]) == (500, True)


async def test_warnings_reach_the_client(client: Client, webhook: Webhook) -> None:
    webhook.decide = lambda request: {"allowed": True, "warnings": ["mind the gap"]}
    await register(client, webhook)
    made = await client.post(CONFIGMAPS, configmap())
    assert (made.code, made.warnings) == (201, ['299 - "mind the gap"'])


async def test_a_change_meanwhile_is_not_lost(client: Client, webhook: Webhook) -> None:
    await client.post(CONFIGMAPS, configmap())
    await register(client, webhook, rule("configmaps", "UPDATE"))
    webhook.hold = asyncio.Event()
    slow = asyncio.create_task(client.patch(f"{CONFIGMAPS}/settings", {"data": {"slow": "1"}}))
    await webhook.arrived.wait()
    hold, webhook.hold = webhook.hold, None
    await client.patch(f"{CONFIGMAPS}/settings", {"data": {"fast": "1"}})
    hold.set()
    assert (await slow).body["data"] == {"slow": "1", "fast": "1"}


async def test_a_bad_webhook_can_be_removed(client: Client, webhook: Webhook) -> None:
    await register(client, webhook, rule("*"))
    webhook.decide = lambda request: denied()
    assert (await client.post(CONFIGMAPS, configmap())).code == 400
    assert (await client.delete(f"{CONFIGURATIONS}/policy")).code == 200
    assert (await client.post(CONFIGMAPS, configmap())).code == 201


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "short"}, "should be a domain with at least three segments separated by dots"),
        ({"sideEffects": "Some"}, 'webhooks[0].sideEffects: Unsupported value: "Some"'),
        ({"admissionReviewVersions": ["v1beta1"]}, "webhooks[0].admissionReviewVersions: Required value"),
        ({"timeoutSeconds": 31}, "the timeout value must be between 1 and 30 seconds"),
        ({"clientConfig": {"url": "http://x"}}, "'https' is the only allowed URL scheme"),
        ({"clientConfig": {}}, "exactly one of url or service is required"),
        ({"clientConfig": {"service": {"name": "a"}}}, "the sandbox calls webhooks by url only"),
        ({"clientConfig": {"url": "https://x", "caBundle": "eA=="}}, "unable to load root certificates"),
        ({"rules": [{}]}, "webhooks[0].rules[0].operations: Required value"),
    ],
)
async def test_configurations_that_make_no_sense(client: Client, webhook: Webhook, change: Obj, said: str) -> None:
    made = webhook.configuration()
    made["webhooks"][0] |= change
    refused = await client.post(CONFIGURATIONS, made)
    assert (refused.code, said in refused.body["message"]) == (422, True), refused.body
