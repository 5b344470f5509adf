"""Roles decide: who may do what, and the words of a refusal, which are those of a real API server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from probe.sandbox.store import Obj
from tests.sandbox.api.server import CONFIGMAPS, NAMESPACES, PODS, Client, Reply, Server, configmap, pod, until

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ROLES = f"{RBAC}/namespaces/default/roles"
BINDINGS = f"{RBAC}/namespaces/default/rolebindings"
CLUSTER_ROLES = f"{RBAC}/clusterroles"
CLUSTER_BINDINGS = f"{RBAC}/clusterrolebindings"
ACCOUNT = "system:serviceaccount:default:prober"


def rule(verbs: str, resources: str, groups: str = "", **more: Any) -> dict[str, Any]:
    return {"verbs": verbs.split(), "resources": resources.split(), "apiGroups": groups.split() or [""], **more}


def role(name: str, *rules: dict[str, Any]) -> Obj:
    return {"metadata": {"name": name}, "rules": list(rules)}


def binding(name: str, subject: dict[str, Any], kind: str = "Role") -> Obj:
    return {"metadata": {"name": name}, "roleRef": {"kind": kind, "name": name}, "subjects": [subject]}


async def acting(client: Client, method: str, path: str, body: Any = None, user: str = ACCOUNT, **query: str) -> Reply:
    """A request in somebody's name."""
    return await client.request(method, path, body, user=user, **query)


async def grant(client: Client, *rules: dict[str, Any], user: str = ACCOUNT, cluster: bool = False) -> None:
    """Let a user do something: in the namespace default, or everywhere."""
    roles, bindings = (CLUSTER_ROLES, CLUSTER_BINDINGS) if cluster else (ROLES, BINDINGS)
    kind = "ClusterRole" if cluster else "Role"
    assert (await client.post(roles, role("r", *rules))).code == 201
    assert (await client.post(bindings, binding("r", {"kind": "User", "name": user}, kind))).code == 201


async def test_what_no_role_allows_is_forbidden(client: Client) -> None:
    refused = await acting(client, "GET", PODS)
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["message"] == (
        f'pods is forbidden: User "{ACCOUNT}" cannot list resource "pods" in API group "" in the namespace "default"'
    )
    assert refused.body["details"] == {"kind": "pods"}


CLUSTER = "at the cluster scope"
POLICY = "/apis/networking.k8s.io/v1/namespaces/x/networkpolicies/p"


@pytest.mark.parametrize(
    ("method", "path", "shown", "verb", "resource", "where"),
    [
        ("GET", "/api/v1/nodes", "nodes", "list", "nodes", CLUSTER),
        ("GET", "/api/v1/nodes/a", 'nodes "a"', "get", "nodes", CLUSTER),
        ("GET", "/api/v1/pods?watch=1", "pods", "watch", "pods", CLUSTER),
        ("DELETE", PODS, "pods", "deletecollection", "pods", 'in the namespace "default"'),
        ("PUT", f"{PODS}/a/status", 'pods "a"', "update", "pods/status", 'in the namespace "default"'),
        ("DELETE", f"{NAMESPACES}/x", 'namespaces "x"', "delete", "namespaces", 'in the namespace "x"'),
        ("PATCH", POLICY, 'networkpolicies.networking.k8s.io "p"', "patch", "networkpolicies", 'in the namespace "x"'),
        ("GET", "/apis/no.such/v1/things", "things.no.such", "list", "things", CLUSTER),
    ],
)
async def test_a_refusal_names_user_verb_resource_and_place(
    client: Client, method: str, path: str, shown: str, verb: str, resource: str, where: str
) -> None:
    url, _, query = path.partition("?")
    group = path.split("/")[2] if path.startswith("/apis") else ""
    refused = await acting(client, method, url, user="jane", **dict([query.split("=")] if query else []))
    assert (refused.code, refused.body["message"]) == (
        403,
        f'{shown} is forbidden: User "jane" cannot {verb} resource "{resource}" in API group "{group}" {where}',
    )


async def test_a_refused_url_that_is_no_resource(client: Client) -> None:
    refused = await acting(client, "GET", "/metrics", user="jane")
    assert (refused.code, refused.body["message"]) == (403, 'forbidden: User "jane" cannot get path "/metrics"')


async def test_a_role_counts_in_its_namespace_only(client: Client) -> None:
    await grant(client, rule("get list", "pods"))
    assert (await acting(client, "GET", PODS)).code == 200
    assert (await acting(client, "GET", f"{PODS}/a")).code == 404
    assert (await acting(client, "POST", PODS, pod())).code == 403
    assert (await acting(client, "GET", PODS, watch="1")).code == 403
    assert (await acting(client, "GET", CONFIGMAPS)).code == 403
    assert (await acting(client, "GET", "/api/v1/namespaces/kube-system/pods")).code == 403
    assert (await acting(client, "GET", "/api/v1/pods")).code == 403


async def test_a_cluster_role_bound_in_a_namespace_counts_there(client: Client) -> None:
    await client.post(BINDINGS, binding("view", {"kind": "User", "name": ACCOUNT}, "ClusterRole"))
    assert (await acting(client, "GET", PODS)).code == 200
    assert (await acting(client, "GET", f"{NAMESPACES}/default/secrets")).code == 403, "view shows no secrets"
    assert (await acting(client, "GET", "/api/v1/pods")).code == 403


async def test_a_cluster_binding_counts_everywhere(client: Client) -> None:
    await grant(client, rule("*", "*", "*"), cluster=True)
    assert (await acting(client, "GET", "/api/v1/nodes")).code == 200
    assert (await acting(client, "GET", f"{NAMESPACES}/kube-system/secrets")).code == 200
    assert (await acting(client, "GET", "/metrics")).code == 403, "which is no resource"


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ({"kind": "ServiceAccount", "name": "prober", "namespace": "default"}, True),
        ({"kind": "ServiceAccount", "name": "prober"}, True),
        ({"kind": "ServiceAccount", "name": "prober", "namespace": "other"}, False),
        ({"kind": "Group", "name": "system:serviceaccounts"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:default"}, True),
        ({"kind": "Group", "name": "system:authenticated"}, True),
        ({"kind": "Group", "name": "system:masters"}, False),
        ({"kind": "User", "name": "prober"}, False),
    ],
)
async def test_who_a_subject_is(client: Client, subject: dict[str, Any], allowed: bool) -> None:
    await client.post(ROLES, role("r", rule("list", "pods")))
    assert (await client.post(BINDINGS, binding("r", subject))).code == 201
    assert ((await acting(client, "GET", PODS)).code == 200) is allowed


async def test_subresources_are_resources_of_their_own(client: Client) -> None:
    await client.post(PODS, pod())
    await grant(client, rule("get", "pods"), rule("create", "pods/eviction"))
    assert (await acting(client, "GET", f"{PODS}/backend/log")).code == 403
    assert (await acting(client, "PUT", f"{PODS}/backend/status", {})).code == 403
    assert (await acting(client, "POST", f"{PODS}/backend/eviction", {})).code == 201


@pytest.mark.parametrize("resource", ["*", "*/status", "pods/status"])
async def test_wildcards_of_subresources(client: Client, resource: str) -> None:
    await client.post(PODS, pod())
    await grant(client, rule("get", resource))
    assert (await acting(client, "GET", f"{PODS}/backend/status")).code == 200
    assert ((await acting(client, "GET", f"{PODS}/backend")).code == 200) is (resource == "*")


async def test_rules_for_names(client: Client) -> None:
    for name in ("a", "b"):
        await client.post(CONFIGMAPS, configmap(name))
    await grant(client, rule("get list watch", "configmaps", resourceNames=["a"]))
    assert (await acting(client, "GET", f"{CONFIGMAPS}/a")).code == 200
    assert (await acting(client, "GET", f"{CONFIGMAPS}/b")).code == 403
    assert (await acting(client, "GET", CONFIGMAPS)).code == 403, "a list names nobody"
    assert (await acting(client, "GET", CONFIGMAPS, fieldSelector="metadata.name=a")).code == 200
    assert (await acting(client, "GET", CONFIGMAPS, fieldSelector="metadata.name!=b")).code == 403


@pytest.mark.parametrize(
    ("url", "path", "allowed"),
    [
        ("/metrics", "/metrics", True),
        ("/metrics", "/metrics/a", False),
        ("/debug/*", "/debug/x/y", True),
        ("*", "/a", True),
    ],
)
async def test_urls_that_are_no_resources(client: Client, url: str, path: str, allowed: bool) -> None:
    await grant(client, {"verbs": ["get"], "nonResourceURLs": [url]}, cluster=True)
    assert (await acting(client, "GET", path)).code == (404 if allowed else 403)


async def test_everybody_may_discover_and_ask(client: Client) -> None:
    for path in ("/api", "/apis", "/api/v1", "/apis/apps/v1", "/openapi/v3", "/version"):
        assert (await acting(client, "GET", path, user="jane")).code != 403, path
    asked = {"spec": {"namespace": "default"}}
    assert (await acting(client, "POST", REVIEWS.format("selfsubjectrulesreviews"), asked, user="jane")).code == 201
    assert (await acting(client, "POST", REVIEWS.format("subjectaccessreviews"), asked, user="jane")).code == 403


REVIEWS = "/apis/authorization.k8s.io/v1/{}"


@pytest.mark.parametrize(("verbs", "code"), [("get", 403), ("create", 403), ("get create", 400)])
async def test_exec_over_a_websocket_needs_get_and_create(client: Client, verbs: str, code: int) -> None:
    await client.post(PODS, pod())
    await grant(client, rule(verbs, "pods/exec"))
    reply = await acting(client, "GET", f"{PODS}/backend/exec", command="true", stdout="1")
    assert reply.code == code
    if code == 403:
        missing = "create" if verbs == "get" else "get"
        assert reply.body["message"] == (
            f'pods "backend" is forbidden: User "{ACCOUNT}" cannot {missing} resource "pods/exec" in API group "" '
            'in the namespace "default"'
        )


async def test_a_binding_to_a_role_that_is_not_there_says_so(client: Client) -> None:
    await client.post(BINDINGS, binding("gone", {"kind": "User", "name": "jane"}))
    message = (await acting(client, "GET", PODS, user="jane")).body["message"]
    assert message.endswith('in the namespace "default": RBAC: role.rbac.authorization.k8s.io "gone" not found')


async def test_rights_go_with_the_binding(client: Client) -> None:
    await grant(client, rule("list", "pods"))
    assert (await acting(client, "GET", PODS)).code == 200
    await client.delete(f"{BINDINGS}/r")
    assert (await acting(client, "GET", PODS)).code == 403


async def test_aggregated_roles_follow_their_parts(server: Server) -> None:
    client = server.client
    extra = role("extra", rule("get", "nodes"))
    extra["metadata"]["labels"] = {"rbac.authorization.k8s.io/aggregate-to-view": "true"}
    await client.post(CLUSTER_ROLES, extra)

    def rules(name: str) -> Sequence[Any]:
        found: Sequence[Any] = server.store.get("clusterroles", None, name)["rules"]
        return found

    for name in ("view", "edit", "admin"):
        await until(server.store, "clusterroles", lambda name=name: extra["rules"][0] in rules(name))
    await client.delete(f"{CLUSTER_ROLES}/extra")
    await until(server.store, "clusterroles", lambda: extra["rules"][0] not in rules("admin"))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"resources": ["pods"], "apiGroups": [""]}, "verbs: Required value: verbs must contain at least one value"),
        (
            {"verbs": ["get"], "apiGroups": [""]},
            "resources: Required value: resource rules must supply at least one re",
        ),
        ({"verbs": ["get"], "resources": ["pods"]}, "apiGroups: Required value: resource rules must supply at least"),
        ({"verbs": ["get"], "nonResourceURLs": ["/x"]}, "namespaced rules cannot apply to non-resource URLs"),
    ],
)
async def test_rules_that_make_no_sense(client: Client, made: dict[str, Any], said: str) -> None:
    refused = await client.post(ROLES, role("r", made))
    assert (refused.code, refused.body["reason"]) == (422, "Invalid")
    assert refused.body["message"].startswith('Role.rbac.authorization.k8s.io "r" is invalid: rules[0].')
    assert said in refused.body["message"]


USER = {"kind": "User", "name": "x"}
NOWHERE = {"kind": "ServiceAccount", "name": "x"}


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (BINDINGS, binding("b", {"kind": "Robot", "name": "x"}), 'subjects[0].kind: Unsupported value: "Robot"'),
        (CLUSTER_BINDINGS, binding("b", NOWHERE, "ClusterRole"), "subjects[0].namespace: Required value"),
        (CLUSTER_BINDINGS, binding("b", USER), 'roleRef.kind: Unsupported value: "Role": supported values: "Cluste'),
        (ROLES, role("a%b"), "may not contain '%'"),
    ],
)
async def test_bindings_and_names_that_make_no_sense(client: Client, path: str, body: Obj, said: str) -> None:
    refused = await client.post(path, body)
    assert (refused.code, refused.body["reason"]) == (422, "Invalid")
    assert said in refused.body["message"]


async def test_a_binding_keeps_its_role(client: Client) -> None:
    await client.post(BINDINGS, binding("r", {"kind": "User", "name": "x"}))
    refused = await client.patch(f"{BINDINGS}/r", {"roleRef": {"name": "other"}})
    assert (refused.code, "cannot change roleRef" in refused.body["message"]) == (422, True)
