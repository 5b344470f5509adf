"""Who reaches whom in a sandbox without policies, and from which address."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.sandbox.kube import EXTERNAL, Kube, ip

pytestmark = pytest.mark.sandbox


def on(node: str) -> dict[str, str]:
    return {"kubernetes.io/hostname": node}


async def two_pods(kube: Kube, namespace: str, nodes: tuple[str, str]) -> tuple[str, str]:
    ports = ("80/TCP", "53/UDP")
    one, other = await asyncio.gather(
        *(kube.pod(namespace, f"pod-{i}", *ports, nodeSelector=on(node)) for i, node in enumerate(nodes))
    )
    return ip(one), ip(other)


@pytest.mark.parametrize("nodes", [("node-1", "node-2"), ("node-1", "node-1")], ids=["two nodes", "one node"])
@pytest.mark.parametrize("port", ["80/TCP", "53/UDP"])
async def test_a_pod_reaches_a_pod_which_sees_its_address(
    kube: Kube, namespace: str, nodes: tuple[str, str], port: str
) -> None:
    source, destination = await two_pods(kube, namespace, nodes)
    line = await kube.dial(namespace, "pod-0", destination, port)
    assert line.startswith("connected")
    assert f"saw {source}:" in line


async def test_a_pod_reaches_itself(kube: Kube, namespace: str) -> None:
    pod = await kube.pod(namespace, "alone", "80/TCP")
    assert (await kube.dial(namespace, "alone", ip(pod), "80/TCP")).startswith("connected")


async def test_a_port_that_nobody_serves_is_refused(kube: Kube, namespace: str) -> None:
    _, destination = await two_pods(kube, namespace, ("node-1", "node-2"))
    assert (await kube.dial(namespace, "pod-0", destination, "81/TCP")).startswith("refused")


async def test_an_address_that_nobody_has_is_unreachable(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "alone", "80/TCP")
    assert (await kube.dial(namespace, "alone", "192.0.2.1", "80/TCP")).startswith("unreachable")


async def test_a_pod_on_the_host_network_has_its_nodes_address(kube: Kube, namespace: str) -> None:
    host = await kube.pod(
        namespace, "host", "8080/TCP", hostNetwork=True, nodeSelector=on("node-2"), securityContext={}
    )
    await kube.pod(namespace, "pod", "80/TCP", nodeSelector=on("node-1"))
    assert ip(host) == host["status"]["hostIP"] == "172.18.0.3"
    assert (await kube.dial(namespace, "pod", ip(host), "8080/TCP")).startswith("connected")


async def test_addresses_are_not_used_again_at_once(kube: Kube, namespace: str) -> None:
    seen = set()
    for i in range(3):
        pod = await kube.pod(namespace, f"pod-{i}", "80/TCP", nodeSelector=on("node-1"))
        seen.add(ip(pod))
        path = f"/api/v1/namespaces/{namespace}/pods/pod-{i}"
        await kube.ok("DELETE", path)
        await kube.wait(path, lambda answer: answer.get("code") == 404)
    assert len(seen) == 3


def endpoint(name: str, addresses: list[str], *ports: int) -> dict[str, object]:
    served = [{"port": port, "protocol": protocol} for port in ports for protocol in ("TCP", "UDP")]
    spec = {"addresses": addresses, "ports": served}
    return {
        "apiVersion": "sandbox.cni-probe.dev/v1",
        "kind": "ExternalEndpoint",
        "metadata": {"name": name},
        "spec": spec,
    }


async def test_an_external_endpoint_answers_at_each_of_its_addresses(kube: Kube, namespace: str) -> None:
    path = f"{EXTERNAL}/namespaces/{namespace}/externalendpoints"
    await kube.ok("POST", path, endpoint("vault", ["10.0.12.34", "198.51.100.7"], 443))
    pod = await kube.pod(namespace, "client", "80/TCP")
    vault = await kube.wait(f"{path}/vault", lambda answer: answer.get("status", {}).get("ready"))
    for address, protocol in itertools.product(("10.0.12.34", "198.51.100.7"), ("TCP", "UDP")):
        line = await kube.dial(namespace, "client", address, f"443/{protocol}")
        assert f"responder {vault['status']['responder']}, which saw {ip(pod)}:" in line


async def test_equal_external_endpoints_share_a_host_until_the_last_is_gone(kube: Kube, namespace: str) -> None:
    path = f"{EXTERNAL}/namespaces/{namespace}/externalendpoints"
    await kube.pod(namespace, "client", "80/TCP")
    for name in ("one", "other"):
        await kube.ok("POST", path, endpoint(name, ["10.0.99.1"], 443))
    one, other = [
        await kube.wait(f"{path}/{name}", lambda answer: answer.get("status", {}).get("ready"))
        for name in ("one", "other")
    ]
    assert one["status"]["responder"] == other["status"]["responder"]
    await kube.ok("DELETE", f"{path}/one")
    assert (await kube.dial(namespace, "client", "10.0.99.1", "443/TCP")).startswith("connected")
    await kube.ok("DELETE", f"{path}/other")
    async with asyncio.timeout(60):
        while (await kube.dial(namespace, "client", "10.0.99.1", "443/TCP")).startswith("connected"):
            pass


async def test_a_second_claim_on_an_address_is_told_so_and_gets_it_when_the_first_is_gone(
    kube: Kube, namespace: str
) -> None:
    path = f"{EXTERNAL}/namespaces/{namespace}/externalendpoints"
    await kube.ok("POST", path, endpoint("first", ["10.0.98.1"], 443))
    await kube.wait(f"{path}/first", lambda answer: answer.get("status", {}).get("ready"))
    await kube.ok("POST", path, endpoint("second", ["10.0.98.1"], 80))
    second = await kube.wait(f"{path}/second", lambda answer: answer.get("status", {}).get("message"))
    assert second["status"]["ready"] is False
    assert f"10.0.98.1 belongs to externalendpoint {namespace}/first" in second["status"]["message"]
    await kube.ok("DELETE", f"{path}/first")
    await kube.wait(f"{path}/second", lambda answer: answer["status"].get("ready"))


@pytest.mark.parametrize("address", ["10.244.1.9", "172.18.0.9", "10.96.0.9", "127.0.0.1", "2001:db8::1"])
async def test_an_external_endpoint_cannot_have_an_address_of_the_clusters(
    kube: Kube, namespace: str, address: str
) -> None:
    path = f"{EXTERNAL}/namespaces/{namespace}/externalendpoints"
    await kube.ok("POST", path, endpoint("inside", [address], 80))
    inside = await kube.wait(f"{path}/inside", lambda answer: answer.get("status", {}).get("message"))
    assert inside["status"]["ready"] is False
    assert address in inside["status"]["message"]
