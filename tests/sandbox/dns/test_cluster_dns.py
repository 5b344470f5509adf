"""The cluster's DNS with real packets: what pods ask, over which protocol, and that it is a pod which is policed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from probe.model.cell import Family
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.sandbox.kube import Json, Kube, ip, pod_path

pytestmark = pytest.mark.sandbox

PODS = "/api/v1/namespaces/kube-system/pods"
DNS = f"{PODS}?labelSelector=k8s-app%3Dkube-dns"
LOOK_UP = (
    "import socket, sys\n"
    "for name in sys.argv[1:]:\n"
    "    try:\n"
    "        found = socket.getaddrinfo(name, 80, proto=socket.IPPROTO_TCP)\n"
    "        print(name, *sorted({address[0] for *_, address in found}))\n"
    "    except socket.gaierror as error:\n"
    "        print(name, '!', error.strerror)\n"
)


async def look_up(kube: Kube, namespace: str, pod: str, *names: str) -> list[str]:
    """What the C library's resolver finds in a pod."""
    return (await kube.exec(namespace, pod, "python3", "-c", LOOK_UP, *names)).stdout.splitlines()


async def finds(kube: Kube, namespace: str, pod: str, name: str, *addresses: str) -> None:
    """Come back when a name has these addresses: names follow their objects within moments."""
    wanted = [" ".join((name, *addresses))]
    async with asyncio.timeout(60):
        while (found := await look_up(kube, namespace, pod, name)) != wanted:
            assert found  # a resolver that answers, one way or the other


async def make_service(kube: Kube, namespace: str, name: str, **spec: object) -> Json:
    body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
    return await kube.ok("POST", f"/api/v1/namespaces/{namespace}/services", body)


async def test_it_is_a_service_and_a_pod_like_any_other(kube: Kube) -> None:
    service = await kube.ok("GET", "/api/v1/namespaces/kube-system/services/kube-dns")
    assert service["metadata"]["labels"]["k8s-app"] == "kube-dns"
    assert service["spec"]["clusterIPs"] == ["10.96.0.10"]
    assert {(port["port"], port["protocol"]) for port in service["spec"]["ports"]} == {(53, "UDP"), (53, "TCP")}
    (pod,) = (await kube.ok("GET", DNS))["items"]
    assert ip(pod).startswith("10.244.")
    assert pod["spec"]["nodeName"] in ("node-1", "node-2")


async def test_pods_find_services_by_their_short_and_long_names(kube: Kube, namespace: str) -> None:
    made = await make_service(kube, namespace, "web", selector={"app": "web"})
    await kube.pod(namespace, "client")
    address = made["spec"]["clusterIP"]
    await finds(kube, namespace, "client", "web", address)
    names = "web", f"web.{namespace}", f"web.{namespace}.svc", f"web.{namespace}.svc.cluster.local."
    assert await look_up(kube, namespace, "client", *names) == [f"{name} {address}" for name in names]
    assert await look_up(kube, namespace, "client", "kubernetes.default") == ["kubernetes.default 10.96.0.1"]
    await kube.ok("DELETE", f"/api/v1/namespaces/{namespace}/services/web")
    async with asyncio.timeout(60):
        while not (await look_up(kube, namespace, "client", "web"))[0].startswith("web ! "):
            pass


async def test_a_headless_service_is_its_ready_pods(kube: Kube, namespace: str) -> None:
    await make_service(kube, namespace, "db", clusterIP="None", selector={"app": "db"})
    pods = [await kube.pod(namespace, name, "80/TCP", hostname=name, subdomain="db") for name in ("one", "two")]
    for name in ("one", "two"):
        headers = {"Content-Type": "application/merge-patch+json"}
        label = {"metadata": {"labels": {"app": "db"}}}
        async with kube.http.patch(kube.server + pod_path(namespace, name), json=label, headers=headers) as answer:
            assert answer.status == 200
    await finds(kube, namespace, "one", "db", *sorted(map(ip, pods)))
    await finds(kube, namespace, "one", "two.db", ip(pods[1]))


async def test_names_of_elsewhere_are_not_known(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "client")
    (line,) = await look_up(kube, namespace, "client", "example.org.")
    assert line.startswith("example.org. ! ")


async def test_an_answer_comes_over_tcp_as_well(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "client")
    ask = (
        "import socket, struct\n"
        "query = struct.pack('!6H', 9, 0x100, 1, 0, 0, 0)\n"
        "query += b'\\nkubernetes\\x07default\\3svc\\7cluster\\5local\\0\\0\\1\\0\\1'\n"
        "with socket.create_connection(('10.96.0.10', 53), 5) as server:\n"
        "    for _ in range(2):\n"
        "        server.sendall(struct.pack('!H', len(query)) + query)\n"
        "        length, = struct.unpack('!H', server.recv(2))\n"
        "        print(socket.inet_ntoa(server.recv(length)[-4:]))\n"
    )
    assert (await kube.exec(namespace, "client", "python3", "-c", ask)).stdout == "10.96.0.1\n10.96.0.1\n"


async def test_egress_policy_cuts_a_pod_off_from_it_and_lets_it_through(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "client")
    await finds(kube, namespace, "client", "kubernetes.default", "10.96.0.1")
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    spec: Json = {"podSelector": {}, "policyTypes": ["Egress"]}
    await kube.ok("POST", path, {"metadata": {"name": "deny"}, "spec": spec})
    ask = ("python3", "-m", "cni_probe_agent", "dial", "10.96.0.10", "53/TCP", "--timeout", "0.3")
    async with asyncio.timeout(60):
        while "timed-out" not in (await kube.exec(namespace, "client", *ask)).stdout:
            pass
    to_dns = {
        "to": [
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }
        ],
        "ports": [{"port": 53, "protocol": "UDP"}],
    }
    body = {"metadata": {"name": "dns"}, "spec": {**spec, "egress": [to_dns]}}
    await kube.ok("POST", path, body)
    async with asyncio.timeout(60):
        while await look_up(kube, namespace, "client", "kubernetes.default") != ["kubernetes.default 10.96.0.1"]:
            pass
    assert "timed-out" in (await kube.exec(namespace, "client", *ask)).stdout, "TCP stays closed"


async def test_it_answers_over_every_family_and_comes_back_when_it_is_deleted(state_directory: Path) -> None:
    options = SandboxOptions(families=(Family.IPV6, Family.IPV4), nodes=1)
    async with Sandbox.start(options) as running, Kube.connect(running.kubeconfig) as client:
        await check_both_families(client)


async def check_both_families(dual: Kube) -> None:
    await dual.pod("default", "client")
    resolver = (await dual.exec("default", "client", "cat", "/etc/resolv.conf")).stdout
    assert "nameserver fd00:10:96::a\nnameserver 10.96.0.10\n" in resolver
    await finds(dual, "default", "client", "kubernetes", "fd00:10:96::1")
    (first,) = (await dual.ok("GET", DNS))["items"]
    await dual.ok("DELETE", f"{PODS}/{first['metadata']['name']}")

    def replaced(answer: Json) -> bool:
        found = [pod for pod in answer["items"] if pod["metadata"]["uid"] != first["metadata"]["uid"]]
        return any(
            it["type"] == "Ready" and it["status"] == "True" for pod in found for it in pod["status"]["conditions"]
        )

    await dual.wait(DNS, replaced)
    await finds(dual, "default", "client", "kubernetes", "fd00:10:96::1")
