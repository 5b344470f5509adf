"""Pods that share their node's network: who reaches them, whom they reach, and that policies leave them alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.sandbox.kube import AGENT, Json, Kube, ip, is_ready, pod_path

pytestmark = pytest.mark.sandbox

NODES = {"node-1": "172.18.0.2", "node-2": "172.18.0.3"}


async def on_host(kube: Kube, namespace: str, name: str, node: str, *ports: str, **spec: Any) -> Json:
    listed = [{"containerPort": int(port.partition("/")[0]), "protocol": port.partition("/")[2]} for port in ports]
    host: Json = {"hostNetwork": True, "securityContext": {}, "nodeSelector": {"kubernetes.io/hostname": node}}
    return await kube.pod(namespace, name, *ports, container={"ports": listed}, **(host | spec))


async def test_it_has_its_nodes_address_name_and_ports(kube: Kube, namespace: str) -> None:
    host = await on_host(kube, namespace, "host", "node-2", "8081/TCP", "8081/UDP")
    status = host["status"]
    assert status["podIPs"] == status["hostIPs"] == [{"ip": NODES["node-2"]}]
    assert (await kube.exec(namespace, "host", "hostname")).stdout == "node-2\n"
    await kube.pod(namespace, "client", nodeSelector={"kubernetes.io/hostname": "node-1"})
    for port in ("8081/TCP", "8081/UDP"):
        line = await kube.dial(namespace, "client", NODES["node-2"], port)
        assert f"responder {host['metadata']['uid']}" in line


async def test_it_reaches_pods_of_its_own_and_of_other_nodes_from_its_nodes_address(kube: Kube, namespace: str) -> None:
    await on_host(kube, namespace, "host", "node-1")
    for node in NODES:
        server = await kube.pod(namespace, node, "80/TCP", nodeSelector={"kubernetes.io/hostname": node})
        assert f"which saw {NODES['node-1']}:" in await kube.dial(namespace, "host", ip(server), "80/TCP")


async def test_policies_do_not_select_it(kube: Kube, namespace: str) -> None:
    host = await on_host(kube, namespace, "host", "node-2", "8082/TCP")
    server = await kube.pod(namespace, "server", "80/TCP", nodeSelector={"kubernetes.io/hostname": "node-2"})
    await kube.pod(namespace, "outsider", nodeSelector={"kubernetes.io/hostname": "node-1"})
    for types, source in ((["Ingress"], "outsider"), (["Egress"], "host")):
        policy = {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": types}}
        path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
        await kube.ok("POST", path, policy)
        async with asyncio.timeout(60):  # the policy is in force for those that it does select
            while (await kube.dial(namespace, "outsider", ip(server), "80/TCP")).startswith("connected"):
                pass
        target = ip(host) if source == "outsider" else ip(server)
        port = "8082/TCP" if source == "outsider" else "80/TCP"
        assert (await kube.dial(namespace, source, target, port)).startswith("connected")
        await kube.ok("DELETE", f"{path}/deny")


async def test_a_service_leads_to_it(kube: Kube, namespace: str) -> None:
    host = await on_host(kube, namespace, "host", "node-2", "8083/TCP")
    label = {"metadata": {"labels": {"app": "host"}}}
    headers = {"Content-Type": "application/merge-patch+json"}
    async with kube.http.patch(kube.server + pod_path(namespace, "host"), json=label, headers=headers) as answer:
        assert answer.status == 200
    spec = {"type": "NodePort", "selector": {"app": "host"}, "ports": [{"port": 80, "targetPort": 8083}]}
    path = f"/api/v1/namespaces/{namespace}/services"
    made = (await kube.ok("POST", path, {"metadata": {"name": "host"}, "spec": spec}))["spec"]
    await kube.pod(namespace, "client", nodeSelector={"kubernetes.io/hostname": "node-1"})
    node_port = f"{made['ports'][0]['nodePort']}/TCP"
    for address, port in ((made["clusterIP"], "80/TCP"), *((node, node_port) for node in NODES.values())):
        async with asyncio.timeout(60):
            while not (line := await kube.dial(namespace, "client", address, port)).startswith("connected"):
                pass
        assert f"responder {host['metadata']['uid']}" in line


async def test_two_that_want_one_port_need_two_nodes(kube: Kube, namespace: str) -> None:
    await on_host(kube, namespace, "first", "node-1", "8084/TCP")
    second = asyncio.create_task(on_host(kube, namespace, "second", "node-1", "8084/TCP"))
    path = pod_path(namespace, "second")

    def refused(pod: Json) -> bool:
        conditions = pod.get("status", {}).get("conditions", []) if isinstance(pod.get("status"), dict) else []
        return any(it.get("reason") == "Unschedulable" for it in conditions)

    pending = await kube.wait(path, refused)
    said = next(it["message"] for it in pending["status"]["conditions"] if it.get("reason") == "Unschedulable")
    assert said == (
        "0/2 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, "
        "1 node(s) didn't match Pod's node affinity/selector."
    )
    await kube.ok("DELETE", pod_path(namespace, "first"))
    assert is_ready(await second)


async def test_a_command_in_it_runs_on_the_nodes_network(kube: Kube, namespace: str) -> None:
    await on_host(kube, namespace, "host", "node-1", "8085/TCP")
    assert (await kube.exec(namespace, "host", *AGENT, "ready")).code == 0
    assert (await kube.dial(namespace, "host", NODES["node-1"], "8085/TCP")).startswith("connected")


async def test_its_end_leaves_the_node_as_it_was(kube: Kube, namespace: str) -> None:
    await on_host(kube, namespace, "host", "node-1", "8086/TCP")
    await kube.ok("DELETE", pod_path(namespace, "host"))
    await kube.wait(pod_path(namespace, "host"), lambda answer: answer.get("code") == 404)
    await kube.pod(namespace, "client", "80/TCP", nodeSelector={"kubernetes.io/hostname": "node-2"})
    assert (await kube.dial(namespace, "client", NODES["node-1"], "8086/TCP")).startswith("refused")
    server = await kube.pod(namespace, "server", "80/TCP", nodeSelector={"kubernetes.io/hostname": "node-1"})
    assert (await kube.dial(namespace, "client", ip(server), "80/TCP")).startswith("connected")
