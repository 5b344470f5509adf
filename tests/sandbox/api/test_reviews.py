"""Questions about access are answered by what decides about access; acting as somebody else needs the right to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.api.server import CONFIGMAPS, PODS, Client, configmap
from tests.sandbox.api.test_rbac import ACCOUNT, REVIEWS, acting, grant, rule

WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"


def asking(verb: str, resource: str, namespace: str = "default", **more: str) -> dict[str, Any]:
    return {"resourceAttributes": {"verb": verb, "resource": resource, "namespace": namespace, **more}}


async def allowed(client: Client, spec: dict[str, Any], user: str = ACCOUNT) -> bool:
    answer = await acting(client, "POST", REVIEWS.format("selfsubjectaccessreviews"), {"spec": spec}, user)
    assert (answer.code, answer.body["spec"]) == (201, spec)
    found: bool = answer.body["status"]["allowed"]
    return found


async def test_whether_one_may(client: Client) -> None:
    await grant(client, rule("list get", "pods"), rule("create", "pods/exec"))
    assert await allowed(client, asking("list", "pods"))
    assert not await allowed(client, asking("create", "pods"))
    assert not await allowed(client, asking("list", "pods", namespace=""))
    assert await allowed(client, asking("create", "pods", subresource="exec"))
    assert not await allowed(client, asking("get", "pods", subresource="exec"))
    assert await allowed(client, {"nonResourceAttributes": {"verb": "get", "path": "/version"}})
    assert not await allowed(client, {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}})


async def test_an_allowed_one_is_told_through_what(client: Client) -> None:
    await grant(client, rule("list", "pods"))
    asked = {"spec": asking("list", "pods")}
    answer = await acting(client, "POST", REVIEWS.format("selfsubjectaccessreviews"), asked)
    assert answer.body["status"]["reason"] == (
        f'RBAC: allowed by RoleBinding "r/default" of Role "r" to User "{ACCOUNT}"'
    )


async def test_whether_somebody_else_may(client: Client) -> None:
    await grant(client, rule("list", "pods"))
    everywhere, here = (
        REVIEWS.format("subjectaccessreviews"),
        REVIEWS.format("namespaces/default/localsubjectaccessreviews"),
    )
    for path in (everywhere, here):
        for user, expected in ((ACCOUNT, True), ("jane", False)):
            answer = await client.post(path, {"spec": {**asking("list", "pods"), "user": user}})
            assert (answer.code, answer.body["status"]["allowed"]) == (201, expected), (path, user)
    grouped = {"spec": {**asking("delete", "nodes", ""), "groups": ["system:masters"]}}
    assert (await client.post(everywhere, grouped)).body["status"]["allowed"]
    elsewhere = await client.post(here, {"spec": {**asking("list", "pods", "other"), "user": ACCOUNT}})
    assert (elsewhere.code, "must match metadata.namespace" in elsewhere.body["message"]) == (422, True)


async def test_a_question_about_nothing_is_invalid(client: Client) -> None:
    assert (await client.post(REVIEWS.format("selfsubjectaccessreviews"), {"spec": {}})).code == 422
    assert (await client.post(REVIEWS.format("subjectaccessreviews"), {"spec": asking("get", "pods")})).code == 422


async def test_all_that_one_may(client: Client) -> None:
    await grant(client, rule("list", "pods", resourceNames=["a"]))
    asked = {"spec": {"namespace": "default"}}
    status = (await acting(client, "POST", REVIEWS.format("selfsubjectrulesreviews"), asked)).body["status"]
    assert status["incomplete"] is False
    assert {"verbs": ["list"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]} in status[
        "resourceRules"
    ]
    assert any("/version" in item["nonResourceURLs"] for item in status["nonResourceRules"])
    everything = (await client.post(REVIEWS.format("selfsubjectrulesreviews"), asked)).body["status"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in everything["resourceRules"]


async def test_who_one_is(client: Client) -> None:
    info = (await client.post(WHOAMI, {})).body["status"]["userInfo"]
    assert info == {"username": "cni-probe", "groups": ["system:masters", "system:authenticated"]}
    info = (await acting(client, "POST", WHOAMI, {})).body["status"]["userInfo"]
    groups = ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    assert info == {"username": ACCOUNT, "groups": groups}


async def test_groups_and_more_can_be_stated(client: Client) -> None:
    headers = {"Impersonate-User": "jane", "Impersonate-Group": "g", "Impersonate-Uid": "7", "Impersonate-Extra-A": "b"}
    async with client.http.post(WHOAMI, json={}, headers=headers) as response:
        info = (await response.json())["status"]["userInfo"]
    wanted = {"username": "jane", "uid": "7", "groups": ["g", "system:authenticated"], "extra": {"a": ["b"]}}
    assert info == wanted


async def test_a_group_without_a_user_is_nobody(client: Client) -> None:
    async with client.http.get(PODS, headers={"Impersonate-Group": "team"}) as response:
        assert response.status == 500


@pytest.mark.parametrize(
    ("whom", "shown", "resource", "where"),
    [
        ("joe", 'users "joe"', "users", "at the cluster scope"),
        (ACCOUNT, 'serviceaccounts "prober"', "serviceaccounts", 'in the namespace "default"'),
    ],
)
async def test_acting_as_somebody_needs_the_right_to(
    client: Client, account_client: Any, whom: str, shown: str, resource: str, where: str
) -> None:
    account, who = await account_client("a", "b"), "system:serviceaccount:a:b"
    refused = await acting(account, "GET", PODS, user=whom)
    assert (refused.code, refused.body["message"]) == (
        403,
        f'{shown} is forbidden: User "{who}" cannot impersonate resource "{resource}" in API group "" {where}',
    )
    await grant(client, rule("impersonate", "users serviceaccounts"), user=who, cluster=True)
    refused = await acting(account, "GET", PODS, user=whom)
    assert f'User "{whom}" cannot list' in refused.body["message"]


async def test_what_an_impersonated_user_does_is_theirs(client: Client) -> None:
    await grant(client, rule("create", "configmaps"))
    assert (await acting(client, "POST", CONFIGMAPS, configmap())).code == 201
