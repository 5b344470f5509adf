"""Images: which run, and how a pod with another looks while its kubelet tries and tries again."""

from __future__ import annotations

import asyncio

import pytest

from probe.sandbox.kubelet.images import default_command, is_runnable, pull_error
from tests.sandbox.kube import Json, Kube, pod_path


@pytest.mark.parametrize(
    "image",
    [
        "cni-probe-agent",
        "cni-probe-agent:0.1.0",
        "registry.example:5000/team/cni-probe-agent:x",
        "cni-probe-agent@sha256:ab",
        "registry.example/cni-probe-agent-debug",
        "python:3.13-alpine",
        "mirror.example/library/python3",
    ],
)
def test_images_of_the_agent_and_of_python_run_wherever_they_come_from(image: str) -> None:
    assert is_runnable(image)


@pytest.mark.parametrize("image", ["nginx", "my-cni-probe-agent", "cni-probe-agent/nginx", "python/nginx:1", ""])
def test_no_other_image_runs(image: str) -> None:
    assert not is_runnable(image)


def test_an_image_has_a_command_of_its_own() -> None:
    assert default_command("x/cni-probe-agent:1") == ("python3", "-m", "cni_probe_agent")
    assert default_command("python:3.13") == ("python3",)


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("nginx", "docker.io/library/nginx:latest"),
        ("team/nginx:1", "docker.io/team/nginx:1"),
        ("registry.example/nginx", "registry.example/nginx:latest"),
        ("localhost:5000/nginx@sha256:ab", "localhost:5000/nginx@sha256:ab"),
    ],
)
def test_what_cannot_be_pulled_is_named_in_full(image: str, full: str) -> None:
    assert f'failed to resolve reference "{full}": {full}: not found' in pull_error(image)


def waiting(pod: Json) -> Json:
    statuses = pod["status"].get("containerStatuses") or [{"state": {}}]
    found: Json = statuses[0]["state"].get("waiting") or {}
    return found


@pytest.mark.sandbox
async def test_an_image_that_there_is_not_is_pulled_in_vain_again_and_again(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod", container={"image": "nginx:1.27"}, wait=False)
    path = pod_path(namespace, "pod")
    pod = await kube.wait(path, lambda pod: waiting(pod).get("reason") == "ErrImagePull")
    assert waiting(pod)["message"] == pull_error("nginx:1.27")
    pod = await kube.wait(path, lambda pod: waiting(pod).get("reason") == "ImagePullBackOff")
    assert waiting(pod)["message"].startswith('Back-off pulling image "nginx:1.27": ErrImagePull: failed to pull')
    assert pod["status"]["phase"] == "Pending"
    await kube.wait(path, lambda pod: waiting(pod).get("reason") == "ErrImagePull")
    listed = (await kube.ok("GET", f"/api/v1/namespaces/{namespace}/events"))["items"]
    counts = {(event["reason"], event["message"]): event["count"] for event in listed}
    assert counts["Pulling", 'Pulling image "nginx:1.27"'] == 2
    assert {"Error: ErrImagePull", "Error: ImagePullBackOff"} <= {message for _, message in counts}


@pytest.mark.sandbox
async def test_another_image_mends_the_pod(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod", "80/TCP", container={"image": "nginx:1.27"}, wait=False)
    path = pod_path(namespace, "pod")
    await kube.wait(path, lambda pod: waiting(pod).get("reason") == "ImagePullBackOff")
    change = {"spec": {"containers": [{"name": "agent", "image": "cni-probe-agent:1"}]}}
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    async with kube.http.patch(kube.server + path, json=change, headers=headers) as answer:
        assert answer.status == 200
    pod = await kube.ready(namespace, "pod")
    assert pod["status"]["containerStatuses"][0]["image"] == "cni-probe-agent:1"


@pytest.mark.sandbox
async def test_an_image_that_must_be_there_and_is_not(kube: Kube, namespace: str) -> None:
    container = {"image": "nginx:1.27", "imagePullPolicy": "Never"}
    await kube.pod(namespace, "pod", container=container, wait=False)
    pod = await kube.wait(pod_path(namespace, "pod"), lambda pod: waiting(pod).get("reason") == "ErrImageNeverPull")
    assert waiting(pod)["message"] == 'Container image "nginx:1.27" is not present with pull policy of Never'
    await kube.ok("DELETE", pod_path(namespace, "pod"))
    async with asyncio.timeout(60):
        await kube.wait(pod_path(namespace, "pod"), lambda answer: answer.get("code") == 404)


@pytest.mark.sandbox
async def test_a_python_image_runs_what_it_is_told(kube: Kube, namespace: str) -> None:
    command = ["python3", "-c", "import time; print('hello', flush=True); time.sleep(600)"]
    container = {"image": "mirror.example/python:3.13-alpine", "command": command, "readinessProbe": None}
    await kube.pod(namespace, "pod", container=container)
    async with asyncio.timeout(60), kube.http.get(f"{kube.server}{pod_path(namespace, 'pod')}/log?follow=true") as log:
        assert await log.content.readline() == b"hello\n"
