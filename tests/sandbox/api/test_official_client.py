"""The official client, typed as its users have it, finds nothing odd about this server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import client as k8s
from kubernetes.aio import watch
from kubernetes.aio.client import ApiClient, ApiException, Configuration
from kubernetes.aio.config import load_kube_config
from kubernetes.aio.stream import WsApiClient

from probe.sandbox.api.credentials import context_name, write_kubeconfig
from tests.sandbox.api.server import Server, node, pod, policy, service, until


@pytest.fixture
async def configuration(server: Server, tmp_path: Path) -> Configuration:
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, server.credentials, server=server.url, sandbox="test")
    assert path.stat().st_mode & 0o777 == 0o600
    found = Configuration()
    await load_kube_config(str(path), context_name("test"), found)
    return found


@pytest.fixture
async def api(configuration: Configuration) -> AsyncIterator[ApiClient]:
    async with ApiClient(configuration) as connected:
        yield connected


async def test_typed_objects_go_in_and_come_out(api: ApiClient) -> None:
    core: Any = k8s.CoreV1Api(api)
    networking: Any = k8s.NetworkingV1Api(api)
    created = await core.create_namespaced_pod("default", pod())
    assert created.status.phase == "Pending"
    assert (await core.read_namespaced_pod("backend", "default")).spec.containers[0].ports[0].protocol == "TCP"
    found = await networking.create_namespaced_network_policy("default", policy())
    assert found.spec.policy_types == ["Ingress"]
    assert (await core.create_namespaced_service("default", service())).spec.cluster_ip.startswith("10.96.")
    assert [item.metadata.name for item in (await core.list_namespaced_pod("default")).items] == ["backend"]
    await core.patch_namespaced_pod("backend", "default", {"metadata": {"labels": {"x": "y"}}})
    assert (await core.list_pod_for_all_namespaces(label_selector="x=y")).items
    namespaces = await core.list_namespace()
    assert {item.metadata.name for item in namespaces.items} >= {"default", "kube-system"}


async def test_errors_are_statuses(api: ApiClient) -> None:
    with pytest.raises(ApiException) as missing:
        await k8s.CoreV1Api(api).read_namespaced_pod("nobody", "default")
    assert missing.value.status == 404
    assert '"reason":"NotFound"' in str(missing.value.body)


async def test_a_watch_sees_a_pod_come_and_go(api: ApiClient) -> None:
    core: Any = k8s.CoreV1Api(api)
    await core.create_namespaced_pod("default", pod())
    seen: list[tuple[str, str]] = []
    async with watch.Watch() as watcher:
        async for event in watcher.stream(core.list_namespaced_pod, "default", timeout_seconds=20):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 1:
                await core.delete_namespaced_pod("backend", "default", grace_period_seconds=0)
            if event["type"] == "DELETED":
                break
    assert (seen[0], seen[-1]) == (("ADDED", "backend"), ("DELETED", "backend"))


async def test_exec_with_its_exit_code(server: Server, configuration: Configuration) -> None:
    server.store.create("nodes", node("n1"))
    await server.client.post("/api/v1/namespaces/default/pods", pod())
    await until(server.store, "pods", lambda: server.store.get("pods", "default", "backend")["spec"].get("nodeName"))
    async with WsApiClient(configuration) as sockets:
        core = k8s.CoreV1Api(sockets)
        simple = await core.connect_get_namespaced_pod_exec(
            "backend", "default", command=["echo", "hello"], stdout=True, stderr=True
        )
        assert simple == "hello\n"
        request = core.connect_get_namespaced_pod_exec_without_preload_content(
            "backend", "default", command=["sh", "-c", "exit 4"], stdout=True, stderr=True
        )
        assert await _exit_code(await request) == 4


async def _exit_code(connecting: Any) -> int:
    async with connecting as socket:
        async for message in socket:
            if message.data[0] == 3:
                return int(WsApiClient.parse_error_data(message.data[1:]))
    raise AssertionError("no status")


async def test_the_cluster_port_of_the_engine(server: Server, tmp_path: Path) -> None:
    from probe.cluster.connect import connect
    from probe.cluster.exec import exec_stream

    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, server.credentials, server=server.url, sandbox="test")
    async with connect(str(path)) as api:
        applied = await api.apply("/api/v1/namespaces/default/pods/backend", pod())
        assert applied["metadata"]["uid"]
        stream = await exec_stream(api, "default", "backend", "agent", ["cat"])
        await stream.write(b"hello\n")
        assert await stream.read() == b"hello\n"
        await stream.aclose()
        await api.delete("/api/v1/namespaces/default/pods/backend", uid=applied["metadata"]["uid"], grace_seconds=0)
