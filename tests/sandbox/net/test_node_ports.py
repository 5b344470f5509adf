"""Node ports from the API to the packet: allocated, translated by every node, gone with their service."""

from __future__ import annotations

import asyncio

import pytest

from tests.sandbox.kube import Json, Kube, ip

pytestmark = pytest.mark.sandbox

NODES = ("172.18.0.2", "172.18.0.3")


def on(node: str) -> dict[str, str]:
    return {"kubernetes.io/hostname": node}


async def server_and_service(kube: Kube, namespace: str, **spec: str) -> tuple[Json, str]:
    """A pod on node-2 with a service; its node port as an agent names it."""
    manifest = {
        "metadata": {"name": "web"},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}], **spec},
    }
    made = await kube.ok("POST", f"/api/v1/namespaces/{namespace}/services", manifest)
    server = await kube.pod(namespace, "web", "8080/TCP", nodeSelector=on("node-2"))
    path = f"/api/v1/namespaces/{namespace}/pods/web"
    async with kube.http.patch(
        kube.server + path,
        data='{"metadata": {"labels": {"app": "web"}}}',
        headers={"Content-Type": "application/merge-patch+json"},
    ) as answer:
        assert answer.status == 200
    return server, f"{made['spec']['ports'][0]['nodePort']}/TCP"


async def connects(kube: Kube, namespace: str, source: str, address: str, port: str) -> str:
    """What an agent sees once it connects: endpoints follow their pods within moments."""
    async with asyncio.timeout(60):
        while not (line := await kube.dial(namespace, source, address, port)).startswith("connected"):
            pass
    return line


async def test_every_node_leads_to_the_pod(kube: Kube, namespace: str) -> None:
    server, port = await server_and_service(kube, namespace)
    await kube.pod(namespace, "client", nodeSelector=on("node-1"))
    for node in NODES:
        line = await connects(kube, namespace, "client", node, port)
        assert f"responder {server['metadata']['uid']}, which saw {node}:" in line


async def test_a_local_one_keeps_the_source_and_answers_at_its_pods_node_only(kube: Kube, namespace: str) -> None:
    server, port = await server_and_service(kube, namespace, externalTrafficPolicy="Local")
    client = await kube.pod(namespace, "client", nodeSelector=on("node-1"))
    line = await connects(kube, namespace, "client", NODES[1], port)
    assert f"responder {server['metadata']['uid']}, which saw {ip(client)}:" in line
    assert (await kube.dial(namespace, "client", NODES[0], port)).startswith("timed-out")


async def test_a_host_network_pod_is_a_client_too(kube: Kube, namespace: str) -> None:
    server, port = await server_and_service(kube, namespace)
    await kube.pod(namespace, "client", hostNetwork=True, nodeSelector=on("node-1"), securityContext={})
    for node in NODES:
        line = await connects(kube, namespace, "client", node, port)
        assert f"responder {server['metadata']['uid']}, which saw {node}:" in line


async def test_with_its_service_a_node_port_ends(kube: Kube, namespace: str) -> None:
    _, port = await server_and_service(kube, namespace)
    await kube.pod(namespace, "client", nodeSelector=on("node-1"))
    await connects(kube, namespace, "client", NODES[0], port)
    await kube.ok("DELETE", f"/api/v1/namespaces/{namespace}/services/web")
    async with asyncio.timeout(60):
        while not (await kube.dial(namespace, "client", NODES[0], port)).startswith("refused"):
            pass
