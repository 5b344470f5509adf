"""Volumes in real containers: what is in them, where they are, what happens until it is there; and what a client that
runs inside the cluster does with its token."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import zipfile
from typing import Any

import pytest

from tests.sandbox.kube import Json, Kube, is_ready, pod_path

pytestmark = pytest.mark.sandbox

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


async def make(kube: Kube, namespace: str, resource: str, name: str, **content: Any) -> Json:
    return await kube.ok("POST", f"/api/v1/namespaces/{namespace}/{resource}", {"metadata": {"name": name}, **content})


async def pod_with(kube: Kube, namespace: str, volume: Json, path: str = "/opt/v", **more: Any) -> None:
    """A pod ``pod`` that sleeps, with one volume."""
    mounts = [{"name": "v", "mountPath": path, **more.pop("mount", {})}]
    container = {"command": ["sleep", "600"], "readinessProbe": None, "volumeMounts": mounts}
    await kube.pod(namespace, "pod", container=container, volumes=[{"name": "v", **volume}], **more)


async def read(kube: Kube, namespace: str, *words: str) -> str:
    done = await kube.exec(namespace, "pod", *words)
    assert done.code == 0, done
    return done.stdout


async def test_a_configmap_is_files(kube: Kube, namespace: str) -> None:
    binary = base64.b64encode(bytes(range(256))).decode()
    await make(kube, namespace, "configmaps", "c", data={"a.txt": "one\n", "b": "two"}, binaryData={"raw": binary})
    await pod_with(kube, namespace, {"configMap": {"name": "c"}})
    assert (await read(kube, namespace, "ls", "/opt/v")).split() == ["a.txt", "b", "raw"]
    assert await read(kube, namespace, "cat", "/opt/v/a.txt") == "one\n"
    assert (await read(kube, namespace, "sh", "-c", "base64 -w0 /opt/v/raw")) == binary
    refused = await kube.exec(namespace, "pod", "sh", "-c", "echo x > /opt/v/a.txt")
    assert "Read-only file system" in refused.stderr


async def test_items_choose_paths_and_modes(kube: Kube, namespace: str) -> None:
    await make(kube, namespace, "secrets", "s", stringData={"key": "sesame", "other": "x"})
    items = [{"key": "key", "path": "deep/er/name", "mode": 0o400}]
    await pod_with(kube, namespace, {"secret": {"secretName": "s", "items": items, "defaultMode": 0o444}})
    assert (await read(kube, namespace, "find", "/opt/v", "-type", "f", "-printf", "%P %m\n")) == "deep/er/name 400\n"
    assert await read(kube, namespace, "cat", "/opt/v/deep/er/name") == "sesame"


async def test_projected_volumes_bring_everything_together(kube: Kube, namespace: str) -> None:
    await make(kube, namespace, "configmaps", "c", data={"a": "one"})
    await make(kube, namespace, "secrets", "s", stringData={"b": "two"})
    sources = [
        {"configMap": {"name": "c"}},
        {"secret": {"name": "s", "items": [{"key": "b", "path": "secret/b"}]}},
        {"configMap": {"name": "none", "optional": True}},
        {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 7200}},
    ]
    await pod_with(kube, namespace, {"projected": {"sources": sources}})
    script = "cd /opt/v; find -type f | sort | tr '\\n' ' '; cat a secret/b name"
    assert await read(kube, namespace, "sh", "-c", script) == "./a ./name ./secret/b ./token onetwopod"
    token = await read(kube, namespace, "cat", "/opt/v/token")
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert (claims["aud"], claims["exp"] - claims["iat"]) == (["vault"], 7200)
    assert claims["kubernetes.io"]["pod"]["name"] == "pod"


async def test_a_part_of_a_volume_can_be_mounted_as_a_file(kube: Kube, namespace: str) -> None:
    await make(kube, namespace, "configmaps", "c", data={"hosts": "192.0.2.1 away\n"})
    volume = {"configMap": {"name": "c"}}
    await pod_with(kube, namespace, volume, "/etc/hosts", mount={"subPath": "hosts"})
    assert await read(kube, namespace, "cat", "/etc/hosts") == "192.0.2.1 away\n"


async def test_a_part_of_an_empty_volume_is_made(kube: Kube, namespace: str) -> None:
    await pod_with(kube, namespace, {"emptyDir": {}}, "/work", mount={"subPath": "a/b"})
    assert await read(kube, namespace, "sh", "-c", "echo x > /work/x; cat /work/x") == "x\n"


@pytest.mark.parametrize(
    ("volume", "data", "said"),
    [
        ({"configMap": {"name": "late"}}, {"a": "b"}, 'configmap "late" not found'),
        (
            {"configMap": {"name": "late", "items": [{"key": "a", "path": "a"}]}},
            None,
            "configmap references non-existent config key: a",
        ),
    ],
    ids=["the object", "the key"],
)
async def test_a_pod_waits_for_what_its_volumes_are_made_of(
    kube: Kube, namespace: str, volume: Json, data: Json | None, said: str
) -> None:
    if data is None:
        await make(kube, namespace, "configmaps", "late", data={})
    pod = asyncio.create_task(pod_with(kube, namespace, volume))
    events = f"/api/v1/namespaces/{namespace}/events"
    wanted = f'MountVolume.SetUp failed for volume "v" : {said}'

    def told(answer: Json) -> bool:
        return any(it["reason"] == "FailedMount" and it["message"] == wanted for it in answer["items"])

    await kube.wait(events, told)
    waiting = await kube.ok("GET", pod_path(namespace, "pod"))
    assert waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    assert not is_ready(waiting)
    path = f"/api/v1/namespaces/{namespace}/configmaps/late"
    await kube.call("DELETE", path)
    await make(kube, namespace, "configmaps", "late", data={"a": "b"})
    await pod
    assert await read(kube, namespace, "cat", "/opt/v/a") == "b"


async def test_a_pod_that_waits_for_a_volume_can_be_deleted(kube: Kube, namespace: str) -> None:
    waiting = asyncio.create_task(pod_with(kube, namespace, {"secret": {"secretName": "never"}}))
    await kube.wait(pod_path(namespace, "pod"), lambda pod: (pod.get("spec") or {}).get("nodeName"))
    await kube.ok("DELETE", pod_path(namespace, "pod"))
    await kube.wait(pod_path(namespace, "pod"), lambda answer: answer.get("code") == 404)
    waiting.cancel()


async def test_an_agent_may_come_as_a_zip_in_a_configmap(kube: Kube, namespace: str) -> None:
    """Any program does: here one that says where it runs from."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__main__.py", "import sys, time\nprint('hello', sys.argv, flush=True)\ntime.sleep(600)\n")
    content = {"agent.pyz": base64.b64encode(packed.getvalue()).decode()}
    await make(kube, namespace, "configmaps", "code", binaryData=content)
    container = {
        "command": ["python3", "/opt/agent/agent.pyz", "serve"],
        "readinessProbe": None,
        "volumeMounts": [{"name": "code", "mountPath": "/opt/agent", "readOnly": True}],
    }
    volumes = [{"name": "code", "configMap": {"name": "code"}}]
    await kube.pod(namespace, "pod", container=container, volumes=volumes)
    async with asyncio.timeout(60), kube.http.get(f"{kube.server}{pod_path(namespace, 'pod')}/log?follow=true") as log:
        assert await log.content.readline() == b"hello ['/opt/agent/agent.pyz', 'serve']\n"


# in-cluster clients

ASK = (
    "import os, ssl, sys, urllib.error, urllib.request\n"
    f"where = '{ACCOUNT}/'\n"
    "token = open(where + 'token').read()\n"
    "host = sys.argv[2] if len(sys.argv) > 2 else os.environ['KUBERNETES_SERVICE_HOST']\n"
    "request = urllib.request.Request(f\"https://{host}:{os.environ['KUBERNETES_SERVICE_PORT']}{sys.argv[1]}\")\n"
    "request.add_header('Authorization', f'Bearer {token}')\n"
    "trust = ssl.create_default_context(cafile=where + 'ca.crt')\n"
    "try:\n"
    "    print(urllib.request.urlopen(request, context=trust, timeout=10).read().decode())\n"
    "except urllib.error.HTTPError as error:\n"
    "    print(error.read().decode())\n"
)


async def ask(kube: Kube, namespace: str, *words: str) -> Json:
    """What the API server says to a pod that asks as itself."""
    answer: Json = json.loads(await read(kube, namespace, "python3", "-c", ASK, *words))
    return answer


async def test_a_pod_talks_to_the_api_server_as_its_service_account(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod")
    assert (await read(kube, namespace, "ls", ACCOUNT)).split() == ["ca.crt", "namespace", "token"]
    assert await read(kube, namespace, "cat", f"{ACCOUNT}/namespace") == namespace
    assert (await ask(kube, namespace, "/version"))["major"] == "1"
    refused = await ask(kube, namespace, f"/api/v1/namespaces/{namespace}/pods")
    assert refused["reason"] == "Forbidden"
    assert f'User "system:serviceaccount:{namespace}:default" cannot list resource "pods"' in refused["message"]
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    await kube.ok("POST", f"{rbac}/roles", {"metadata": {"name": "look"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"}
    subjects = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    await kube.ok("POST", f"{rbac}/rolebindings", {"metadata": {"name": "look"}, "roleRef": role, "subjects": subjects})
    for host in ((), ("kubernetes.default.svc",), ("kubernetes.default.svc.cluster.local",)):
        found = await ask(kube, namespace, f"/api/v1/namespaces/{namespace}/pods", *host)
        assert [pod["metadata"]["name"] for pod in found["items"]] == ["pod"]


async def test_a_pod_can_do_without_a_token(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod", automountServiceAccountToken=False)
    assert (await kube.exec(namespace, "pod", "ls", ACCOUNT)).code == 2
    pod = await kube.ok("GET", pod_path(namespace, "pod"))
    assert [volume["name"] for volume in pod["spec"]["volumes"]] == ["control"]
