"""Service accounts' tokens: what they open, and when they end."""

from __future__ import annotations

import base64
import json
from typing import Any

import aiohttp
import pytest

from probe.sandbox.api.tokens import Tokens
from probe.sandbox.store import Obj, Store
from tests.sandbox.api.server import PODS, Client, Server, pod
from tests.sandbox.api.test_rbac import BINDINGS, acting, binding

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


async def with_token(server: Server, token: str, method: str = "GET", path: str = PODS) -> tuple[int, Any]:
    """A request with that token and nothing else."""
    connector = aiohttp.TCPConnector(ssl=server.credentials.client_context())
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(server.url, connector=connector, headers=headers) as http,
        http.request(method, path, json={} if method == "POST" else None) as response,
    ):
        return response.status, await response.json()


async def request_token(client: Client, account: str = "default", **spec: Any) -> Obj:
    reply = await client.post(f"{ACCOUNTS}/{account}/token", {"spec": spec})
    assert reply.code == 201, reply.body
    body: Obj = reply.body
    return body


async def test_a_token_is_its_service_account(server: Server) -> None:
    await server.client.post(BINDINGS, binding("view", {"kind": "ServiceAccount", "name": "default"}, "ClusterRole"))
    token = (await request_token(server.client))["status"]["token"]
    assert (await with_token(server, token))[0] == 200
    _, answer = await with_token(server, token, "POST", WHOAMI)
    info = answer["status"]["userInfo"]
    assert info["username"] == "system:serviceaccount:default:default"
    assert info["uid"] == server.store.get("serviceaccounts", "default", "default")["metadata"]["uid"]
    groups = ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert info["groups"] == groups
    code, answer = await with_token(server, token, "DELETE", f"{PODS}/a")
    assert (code, 'User "system:serviceaccount:default:default" cannot delete' in answer["message"]) == (403, True)


async def test_it_looks_like_any_clusters(server: Server) -> None:
    made = await request_token(server.client, expirationSeconds=1200)
    head, payload, _ = made["status"]["token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["typ"] == "JWT"
    assert claims["sub"] == "system:serviceaccount:default:default"
    assert claims["exp"] - claims["iat"] == 1200
    assert claims["kubernetes.io"]["serviceaccount"]["name"] == "default"
    assert made["spec"]["expirationSeconds"] == 1200
    assert made["status"]["expirationTimestamp"].endswith("Z")


@pytest.mark.parametrize("spoil", [lambda t: t[:-2] + "xx", lambda t: "x." + t, lambda t: "", lambda t: "é"])
async def test_a_token_that_is_not_ours_is_nobody(server: Server, spoil: Any) -> None:
    token = spoil(server.tokens.issue("default", "default")).encode().decode("latin-1")
    code, answer = await with_token(server, token)
    assert (code, answer["reason"], answer["message"]) == (401, "Unauthorized", "Unauthorized")


async def test_an_expired_token_is_nobody(server: Server) -> None:
    assert (await with_token(server, server.tokens.issue("default", "default", seconds=-1)))[0] == 401


def test_a_token_ends_at_its_time() -> None:
    store, now = Store(), 1_000.0
    store.create("serviceaccounts", {"metadata": {"name": "a", "namespace": "x"}})
    tokens = Tokens(store, "admin", lambda: now)
    token = tokens.issue("x", "a", seconds=600)
    assert tokens.authenticate(token) is not None
    now += 599
    assert tokens.authenticate(token) is not None
    now += 1
    assert tokens.authenticate(token) is None
    assert Tokens(store, "admin").authenticate(tokens.issue("x", "a")) is None, "another server's"


async def test_a_token_ends_with_its_service_account(server: Server) -> None:
    await server.client.post(ACCOUNTS, {"metadata": {"name": "robot"}})
    token = (await request_token(server.client, "robot"))["status"]["token"]
    assert (await with_token(server, token))[0] == 403
    await server.client.delete(f"{ACCOUNTS}/robot")
    assert (await with_token(server, token))[0] == 401
    await server.client.post(ACCOUNTS, {"metadata": {"name": "robot"}})
    assert (await with_token(server, token))[0] == 401, "another one of the same name"


async def test_a_token_ends_with_its_pod(server: Server) -> None:
    made = (await server.client.post(PODS, pod())).body
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "backend", "uid": made["metadata"]["uid"]}
    token = (await request_token(server.client, boundObjectRef=reference))["status"]["token"]
    _, answer = await with_token(server, token, "POST", WHOAMI)
    assert answer["status"]["userInfo"]["extra"]["authentication.kubernetes.io/pod-name"] == ["backend"]
    await server.client.delete(f"{PODS}/backend")
    assert (await with_token(server, token))[0] == 401


async def test_a_token_for_others_opens_nothing_here(server: Server) -> None:
    token = (await request_token(server.client, audiences=["vault"]))["status"]["token"]
    assert (await with_token(server, token))[0] == 401


@pytest.mark.parametrize(
    ("path", "spec", "code", "said"),
    [
        ("default", {"expirationSeconds": 10}, 422, "spec.expirationSeconds: Invalid value: 10: may not specify a dur"),
        ("nobody", {}, 404, 'serviceaccounts "nobody" not found'),
        ("default", {"boundObjectRef": {"kind": "Pod", "name": "x"}}, 404, 'pods "x" not found'),
        ("default", {"boundObjectRef": {"kind": "Node", "name": "x"}}, 400, "cannot bind token to object of type Node"),
    ],
)
async def test_what_cannot_be_issued(client: Client, path: str, spec: Obj, code: int, said: str) -> None:
    refused = await client.post(f"{ACCOUNTS}/{path}/token", {"spec": spec})
    assert (refused.code, said in refused.body["message"]) == (code, True), refused.body


async def test_asking_for_tokens_is_a_right_of_its_own(client: Client) -> None:
    refused = await acting(client, "POST", f"{ACCOUNTS}/default/token", {}, user="jane")
    assert (refused.code, 'cannot create resource "serviceaccounts/token"' in refused.body["message"]) == (403, True)


async def test_whose_a_token_is_can_be_asked(server: Server) -> None:
    reviews = "/apis/authentication.k8s.io/v1/tokenreviews"
    token = server.tokens.issue("default", "default")
    status = (await server.client.post(reviews, {"spec": {"token": token}})).body["status"]
    assert (status["authenticated"], status["user"]["username"]) == (True, "system:serviceaccount:default:default")
    status = (await server.client.post(reviews, {"spec": {"token": "x"}})).body["status"]
    assert status.get("authenticated", False) is False
    assert "invalid bearer token" in status["error"]


async def test_the_certificate_is_good_inside_the_cluster(server: Server) -> None:
    port = int(server.url.rpartition(":")[2])
    trust = server.credentials.client_context()
    for name in ("kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "10.96.0.1"):
        connector = aiohttp.TCPConnector(ssl=trust)
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            http.get(f"https://127.0.0.1:{port}/readyz", server_hostname=name) as response,
        ):
            assert response.status == 200, name
