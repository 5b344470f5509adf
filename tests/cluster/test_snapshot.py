"""A cluster's snapshot from API servers that page, that expire, that refuse, and that have other versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from probe.cluster.permissions import Need, permissions_for
from probe.cluster.snapshot import Sight, look_at_cluster
from probe.model.errors import ClusterError
from tests.cluster.support import serving, status

NONE_SERVED = "not served by this cluster: ClusterNetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy"
NETPOL = "/apis/networking.k8s.io/v1/networkpolicies"
GROUP = "/apis/policy.networking.k8s.io"


def named(name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name} | ({"namespace": namespace} if namespace else {}), **fields}


class Server:
    """Lists by path; what is not there is forbidden (403), and groups that are not there are not found."""

    def __init__(self, lists: Mapping[str, Any], page: int = 1000) -> None:
        self.lists, self.page = lists, page
        self.asked: list[str] = []
        self.expired = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked.append(path)
        if path not in self.lists:
            group = path.startswith(GROUP) and path.count("/") < 4
            return status(404, "no such group") if group else status(403, f"{path} is forbidden")
        found = self.lists[path]
        if not isinstance(found, list):
            return web.json_response(found)
        start, limit = int(request.query.get("continue", "0")), int(request.query.get("limit", "1000000"))
        if start and self.expired:
            return status(410, "The provided continue parameter is too old")
        end = start + min(limit, self.page)
        more = {"continue": str(end)} if "limit" in request.query and end < len(found) else {}
        items = found[start:end] if "limit" in request.query else found
        return web.json_response({"kind": "XList", "items": items or None, "metadata": more})


ALL: dict[str, Any] = {
    "/api/v1/namespaces": [named("shop"), named("bank")],
    "/api/v1/pods": [named("web", "shop"), named("db", "bank")],
    "/api/v1/services": [named("web", "shop", spec={"ports": [{"port": 80}]})],
    "/api/v1/nodes": [named("node-1")],
    NETPOL: [named("closed", "shop", spec={"podSelector": {}})],
}


async def look(tmp_path: Path, server: Server, *namespaces: str) -> Sight:
    async with serving(tmp_path, server.answer) as api:
        return await look_at_cluster(api, namespaces)


def without(*paths: str, **more: Any) -> Server:
    return Server({path: found for path, found in (ALL | more).items() if path not in paths})


async def test_everything_that_may_be_listed_and_what_kinds_there_are_not(tmp_path: Path) -> None:
    sight = await look(tmp_path, Server(ALL))
    assert sight.warnings == (NONE_SERVED,)
    assert [pod.id for pod in sight.snapshot.pods] == ["shop/web", "bank/db"]
    assert sight.snapshot.namespaces["shop"] == {"kubernetes.io/metadata.name": "shop"}
    (policy,) = sight.snapshot.policies
    assert (policy["kind"], policy["apiVersion"]) == ("NetworkPolicy", "networking.k8s.io/v1")


async def test_lists_are_read_to_their_end_and_anew_when_they_expire(tmp_path: Path) -> None:
    pods = [named(f"p{number}", "shop") for number in range(5)]
    server = Server(ALL | {"/api/v1/pods": pods}, page=2)
    assert len((await look(tmp_path, server)).snapshot.pods) == 5
    assert server.asked.count("/api/v1/pods") == 3
    server.expired = True
    assert len((await look(tmp_path, server)).snapshot.pods) == 5


async def test_without_the_right_to_list_policies_nothing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"^you may not list NetworkPolicies in shop, bank: nothing can be said"):
        await look(tmp_path, without(NETPOL))


async def test_without_the_right_to_list_namespaces_they_have_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="you may not list namespaces: name those that you may look into"):
        await look(tmp_path, without("/api/v1/namespaces"))


def in_shop(*plurals: str) -> dict[str, Any]:
    """Lists of one namespace instead of all."""
    wide = {"pods": "/api/v1/pods", "services": "/api/v1/services", "networkpolicies": NETPOL}
    lists = {}
    for plural in plurals:
        prefix, _, _ = wide[plural].rpartition("/")
        items = [each for each in ALL[wide[plural]] if each["metadata"]["namespace"] == "shop"]
        lists[f"{prefix}/namespaces/shop/{plural}"] = items
    return lists


async def test_somebody_who_may_look_into_one_namespace_only_gets_that_and_is_told(tmp_path: Path) -> None:
    server = Server({"/api/v1/namespaces": ALL["/api/v1/namespaces"]} | in_shop("pods", "services", "networkpolicies"))
    sight = await look(tmp_path, server)
    assert list(sight.snapshot.namespaces) == ["shop"]
    assert [pod.id for pod in sight.snapshot.pods] == ["shop/web"]
    assert sorted(sight.warnings) == [
        NONE_SERVED,
        "you may not list NetworkPolicies in bank: left out altogether",
        "you may not list nodes: nothing is known of their labels and addresses",
        "you may not list pods in bank: left out altogether",
    ]


async def test_a_namespace_whose_policies_may_not_be_listed_does_not_pass_for_one_without(tmp_path: Path) -> None:
    sight = await look(
        tmp_path, Server({key: found for key, found in ALL.items() if key != NETPOL} | in_shop("networkpolicies"))
    )
    assert [pod.id for pod in sight.snapshot.pods] == ["shop/web"]
    assert "you may not list NetworkPolicies in bank: left out altogether" in sight.warnings


async def test_named_namespaces_are_all_that_is_asked_for(tmp_path: Path) -> None:
    server = Server(in_shop("pods", "networkpolicies"))
    sight = await look(tmp_path, server, "shop")
    assert "/api/v1/pods" not in server.asked
    assert sight.snapshot.namespaces == {"shop": {"kubernetes.io/metadata.name": "shop"}}
    assert "you may not list namespaces: of shop no label but the name is known" in sight.warnings
    assert "you may not list services in shop: there are none in what follows" in sight.warnings


async def test_a_namespace_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="there is no namespace shpo"):
        await look(tmp_path, Server(ALL), "shpo")


# --- cluster-scoped policies ---------------------------------------------------------------------------------------

POLICY = named("open", spec={"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}}, status={"conditions": []})


def serving_group(version: str, *plurals: str, **lists: Any) -> Server:
    group = {"versions": [{"groupVersion": f"policy.networking.k8s.io/{version}"}]}
    resources = {"resources": [{"name": plural} for plural in plurals]}
    of_group = {f"{GROUP}/{version}/{plural}": items for plural, items in lists.items()}
    return Server(ALL | {GROUP: group, f"{GROUP}/{version}": resources} | of_group)


async def test_kinds_that_are_served_are_read(tmp_path: Path) -> None:
    sight = await look(tmp_path, serving_group("v1alpha2", "clusternetworkpolicies", clusternetworkpolicies=[POLICY]))
    assert sight.warnings == ("not served by this cluster: AdminNetworkPolicy, BaselineAdminNetworkPolicy",)
    assert sight.snapshot.policies[1]["kind"] == "ClusterNetworkPolicy"


async def test_kinds_that_may_not_be_listed_are_told_since_they_may_decide_otherwise(tmp_path: Path) -> None:
    sight = await look(tmp_path, serving_group("v1alpha2", "clusternetworkpolicies"))
    assert "you may not list clusternetworkpolicies: they may decide otherwise than is said here" in sight.warnings


async def test_versions_that_are_not_known_are_told(tmp_path: Path) -> None:
    sight = await look(tmp_path, serving_group("v1", "clusternetworkpolicies"))
    said = "ClusterNetworkPolicy is served as policy.networking.k8s.io/v1, which is not known here: left out"
    assert said in sight.warnings


async def test_fields_that_are_not_known_are_told_and_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    new = named("new", "shop", spec={"podSelector": {}, "log": True})
    odd = named("odd", "shop", spec={"podSelector": {}, "policyTypes": ["Forward"]})
    loose = named(
        "loose", "shop", spec={"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.1/8"}}]}]}
    )
    sight = await look(tmp_path, Server(ALL | {NETPOL: [new, odd, loose]}))
    assert [each["metadata"]["name"] for each in sight.snapshot.policies] == ["new", "loose"]
    assert sight.warnings[1:] == (
        'NetworkPolicy shop/new has what is not known here, evaluated without it: spec.log: unknown field "spec.log"',
        "NetworkPolicy shop/odd has what is not known here, left out: spec.policyTypes[0]: Unsupported value: "
        '"Forward": supported values: "Egress", "Ingress"',
    )


async def test_whatever_is_asked_for_is_in_the_table_of_permissions(tmp_path: Path) -> None:
    rows = permissions_for({Need.SNAPSHOT})
    listed = {row.resource for row in rows}
    server = serving_group("v1alpha2", "clusternetworkpolicies", clusternetworkpolicies=[POLICY])
    await look(tmp_path, server)
    asked = {path.rpartition("/")[2] for path in server.asked if not path.startswith(GROUP) or path.count("/") == 4}
    assert asked <= listed
    assert {row.verb for row in rows} == {"list"}
