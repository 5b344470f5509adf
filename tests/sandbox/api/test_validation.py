"""What the server fills in, warns of and refuses: fields, policies, services, Pod Security."""

from __future__ import annotations

from typing import Any

import pytest

from probe.model.cell import Family
from probe.sandbox.store import Obj
from tests.sandbox.api.server import NAMESPACES, POLICIES, SERVICES, Client, api_server, pod, policy, service

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
SAFE_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def misspelt() -> Obj:
    return policy(ingres=[], ingress=[{"port": [], "from": [{"podselector": {}, "podSelector": {}}]}])


async def test_unknown_fields_are_refused_reported_or_ignored(client: Client) -> None:
    strict = await client.post(POLICIES, misspelt(), fieldValidation="Strict")
    assert (strict.code, strict.body["reason"]) == (400, "BadRequest")
    for field in ("spec.ingres", "spec.ingress[0].port", "spec.ingress[0].from[0].podselector"):
        assert f'unknown field "{field}"' in strict.body["message"]
    warned = await client.post(POLICIES, misspelt(), dryRun="All")
    assert warned.code == 201
    assert '299 - "unknown field \\"spec.ingres\\""' in warned.warnings
    assert "ingres" not in warned.body["spec"]
    ignored = await client.post(POLICIES, misspelt(), fieldValidation="Ignore")
    assert (ignored.code, ignored.warnings) == (201, [])
    applied = await client.apply(f"{POLICIES}/deny", misspelt(), fieldValidation="Strict")
    assert applied.code == 400
    assert (await client.post(POLICIES, policy(), fieldValidation="Maybe")).code == 400


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]}, "spec.ingress[0].from[0]"),
        ({"ingress": [{"from": [{}]}]}, "spec.ingress[0].from[0]"),
        ({"egress": [{"ports": [{"port": 80, "endPort": 79}]}]}, "spec.egress[0].ports[0].endPort"),
        ({"policyTypes": ["Inbound"]}, "spec.policyTypes[0]"),
        ({"ingress": [{"ports": [{"protocol": "ICMP"}]}]}, "spec.ingress[0].ports[0].protocol"),
    ],
)
async def test_an_invalid_policy_is_refused_with_its_field(client: Client, spec: dict[str, Any], field: str) -> None:
    refused = await client.post(POLICIES, policy(**spec))
    assert (refused.code, refused.body["reason"]) == (422, "Invalid")
    assert [cause["field"] for cause in refused.body["details"]["causes"]] == [field]
    assert refused.body["message"].startswith('NetworkPolicy.networking.k8s.io "deny" is invalid: ')


async def test_a_policy_is_completed(client: Client) -> None:
    spec = (await client.post(POLICIES, policy(egress=[{"ports": [{"port": 53}]}]))).body["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["egress"] == [{"ports": [{"port": 53, "protocol": "TCP"}]}]


async def test_a_service_gets_an_address_for_life(client: Client) -> None:
    created = (await client.post(SERVICES, service())).body
    spec = created["spec"]
    assert (spec["clusterIPs"], spec["ipFamilies"]) == ([spec["clusterIP"]], ["IPv4"])
    assert (spec["type"], spec["ports"]) == ("ClusterIP", [{"port": 80, "protocol": "TCP", "targetPort": 80}])
    other = (await client.post(SERVICES, service("other"))).body["spec"]["clusterIP"]
    assert other != spec["clusterIP"]
    moved = await client.patch(f"{SERVICES}/web", {"spec": {"clusterIP": other}})
    assert (moved.code, moved.body["details"]["causes"][0]["field"]) == (422, "spec.clusterIPs[0]")
    kept = await client.put(f"{SERVICES}/web", service())
    assert (kept.code, kept.body["spec"]["clusterIP"]) == (200, spec["clusterIP"])


async def test_addresses_asked_for_and_none_at_all(client: Client) -> None:
    asked = await client.post(SERVICES, service("a", clusterIP="10.96.7.7"))
    assert asked.body["spec"]["clusterIPs"] == ["10.96.7.7"]
    assert "already allocated" in (await client.post(SERVICES, service("b", clusterIP="10.96.7.7"))).body["message"]
    assert "not in the valid range" in (await client.post(SERVICES, service("b", clusterIP="10.0.0.1"))).body["message"]
    headless = await client.post(SERVICES, service("c", clusterIP="None"))
    assert headless.body["spec"]["clusterIPs"] == ["None"]
    both = await client.post(SERVICES, service("d", ipFamilyPolicy="RequireDualStack"))
    assert both.body["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
    assert both.body["spec"]["clusterIPs"][1].startswith("fd00:10:96::")
    six = await client.post(SERVICES, service("e", ipFamilies=["IPv6"]))
    assert six.body["spec"]["clusterIP"].startswith("fd00:10:96::")


async def test_a_family_that_the_cluster_lacks_is_refused() -> None:
    async with api_server(families=(Family.IPV6,)) as server:
        assert (await server.client.post(SERVICES, service())).body["spec"]["ipFamilies"] == ["IPv6"]
        refused = await server.client.post(SERVICES, service("a", ipFamilies=["IPv4"]))
        assert "not configured on this cluster" in refused.body["message"]
        refused = await server.client.post(SERVICES, service("b", ipFamilyPolicy="RequireDualStack"))
        assert refused.code == 422


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"ports": []}, "spec.ports"),
        ({"ports": [{"port": 80}, {"port": 81}]}, "spec.ports[0].name"),
        ({"ports": [{"port": 70000}]}, "spec.ports[0].port"),
        ({"type": "Magic"}, "spec.type"),
    ],
)
async def test_an_invalid_service_is_refused(client: Client, spec: dict[str, Any], field: str) -> None:
    refused = await client.post(SERVICES, service(**spec))
    assert refused.code == 422
    assert refused.body["details"]["causes"][0]["field"] == field


async def test_pod_security_restricted(client: Client) -> None:
    await client.post(NAMESPACES, {"metadata": {"name": "n", "labels": RESTRICTED}})
    refused = await client.post(f"{NAMESPACES}/n/pods", pod())
    assert (refused.code, refused.body["reason"]) == (403, "Forbidden")
    assert refused.body["message"] == (
        'pods "backend" is forbidden: violates PodSecurity "restricted:latest": '
        'allowPrivilegeEscalation != false (container "agent" must set '
        "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities "
        '(container "agent" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true '
        '(pod or container "agent" must set securityContext.runAsNonRoot=true), seccompProfile '
        '(pod or container "agent" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )
    safe = pod()
    safe["spec"]["containers"][0]["securityContext"] = SAFE_CONTAINER
    safe["spec"]["securityContext"] = {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}
    assert (await client.post(f"{NAMESPACES}/n/pods", safe)).code == 201


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hostNetwork": True}, "host namespaces (hostNetwork=true)"),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "hostPath volumes"),
        ({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, "forbidden sysctls"),
    ],
)
async def test_pod_security_baseline(client: Client, change: dict[str, Any], said: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    await client.post(NAMESPACES, {"metadata": {"name": "n", "labels": labels}})
    refused = await client.post(f"{NAMESPACES}/n/pods", pod(**change))
    assert refused.code == 403
    assert said in refused.body["message"]
    assert (await client.post(f"{NAMESPACES}/n/pods", pod())).code == 201


async def test_pod_security_can_warn_only(client: Client) -> None:
    labels = {"pod-security.kubernetes.io/warn": "restricted"}
    await client.post(NAMESPACES, {"metadata": {"name": "n", "labels": labels}})
    created = await client.post(f"{NAMESPACES}/n/pods", pod())
    assert created.code == 201
    assert 'would violate PodSecurity \\"restricted:latest\\"' in created.warnings[0]


async def test_a_secret_is_written_in_plain_and_kept_encoded(client: Client) -> None:
    body = {"metadata": {"name": "s"}, "stringData": {"a": "b"}}
    created = (await client.post("/api/v1/namespaces/default/secrets", body)).body
    assert (created["data"], created["type"], "stringData" in created) == ({"a": "Yg=="}, "Opaque", False)


async def test_an_external_endpoint_needs_addresses(client: Client) -> None:
    path = "/apis/sandbox.cni-probe.dev/v1/namespaces/default/externalendpoints"
    body = {"metadata": {"name": "vault"}, "spec": {"addresses": ["10.0.12.34"], "ports": [{"port": 443}]}}
    assert (await client.post(path, body)).body["spec"]["ports"] == [{"port": 443, "protocol": "TCP"}]
    body["spec"] = {"addresses": ["vault.example"], "ports": [{"port": 0}]}
    refused = await client.post(path, {**body, "metadata": {"name": "b"}})
    assert [cause["field"] for cause in refused.body["details"]["causes"]] == [
        "spec.addresses[0]",
        "spec.ports[0].port",
    ]
