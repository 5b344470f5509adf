"""Containers and their pods: started, restarted, ended, and what their status says meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from probe.sandbox.launch import Sandbox
from tests.sandbox.kube import Json, Kube, agent_pod, is_ready, pod_path
from tests.sandbox.processes import cpu_seconds, descendants, open_files

pytestmark = pytest.mark.sandbox


def script(text: str) -> Json:
    return {"command": ["sh", "-c", text], "readinessProbe": None}


def state(pod: Json) -> Json:
    statuses = pod["status"].get("containerStatuses") or [{"state": {}}]
    found: Json = statuses[0]["state"]
    return found


def gone(answer: Json) -> bool:
    return answer.get("code") == 404


async def reasons(kube: Kube, namespace: str, name: str) -> list[str]:
    events = await kube.ok("GET", f"/api/v1/namespaces/{namespace}/events")
    return [event["reason"] for event in events["items"] if event["involvedObject"]["name"] == name]


async def test_a_running_pod_reports_as_a_kubelet_does(kube: Kube, namespace: str) -> None:
    pod = await kube.pod(namespace, "pod", "80/TCP")
    status = pod["status"]
    assert status["phase"] == "Running"
    assert {condition["type"]: condition["status"] for condition in status["conditions"]} == dict.fromkeys(
        ("PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"), "True"
    )
    assert status["podIP"] == status["podIPs"][0]["ip"]
    assert status["hostIP"] in ("172.18.0.2", "172.18.0.3")
    container = status["containerStatuses"][0]
    assert container["ready"]
    assert container["started"]
    assert container["restartCount"] == 0
    assert container["containerID"].startswith("cni-probe://")
    assert state(pod)["running"]["startedAt"]
    assert set(await reasons(kube, namespace, "pod")) >= {"Scheduled", "Pulled", "Created", "Started"}


async def test_a_pod_is_not_ready_before_its_probe_says_so(kube: Kube, namespace: str) -> None:
    probe = {"exec": {"command": ["test", "-e", "/run/cni-probe/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    await kube.pod(namespace, "pod", "80/TCP", container={"readinessProbe": probe}, wait=False)
    running = await kube.wait(pod_path(namespace, "pod"), lambda pod: "running" in state(pod))
    assert not is_ready(running)
    await kube.exec(namespace, "pod", "touch", "/run/cni-probe/ready")
    await kube.ready(namespace, "pod")
    await kube.exec(namespace, "pod", "rm", "/run/cni-probe/ready")
    await kube.wait(pod_path(namespace, "pod"), lambda pod: not is_ready(pod))
    assert "Unhealthy" in await reasons(kube, namespace, "pod")


async def test_an_agent_that_dies_is_restarted_and_its_end_is_kept(
    kube: Kube, namespace: str, agent_pid: Callable[[str], int]
) -> None:
    pod = await kube.pod(namespace, "pod", "80/TCP")
    os.kill(agent_pid(pod["metadata"]["uid"]), signal.SIGKILL)
    after = await kube.wait(
        pod_path(namespace, "pod"), lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] and is_ready(pod)
    )
    container = after["status"]["containerStatuses"][0]
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"]["exitCode"] == 137
    assert container["lastState"]["terminated"]["reason"] == "Error"
    assert after["status"]["podIP"] == pod["status"]["podIP"]
    assert container["containerID"] != pod["status"]["containerStatuses"][0]["containerID"]


async def test_an_agent_can_be_asked_to_end_from_within(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod", "80/TCP")
    await kube.exec(namespace, "pod", "sh", "-c", "kill -TERM 1")
    after = await kube.wait(
        pod_path(namespace, "pod"), lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] and is_ready(pod)
    )
    assert after["status"]["containerStatuses"][0]["lastState"]["terminated"]["reason"] == "Completed"


async def test_a_container_that_keeps_failing_is_backed_off(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod", container=script("echo attempt; exit 7"), wait=False)
    pod = await kube.wait(
        pod_path(namespace, "pod"), lambda pod: state(pod).get("waiting", {}).get("reason") == "CrashLoopBackOff"
    )
    assert pod["status"]["phase"] == "Running"
    assert pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 7
    assert "BackOff" in await reasons(kube, namespace, "pod")


@pytest.mark.parametrize(
    ("policy", "code", "phase"), [("Never", 0, "Succeeded"), ("Never", 5, "Failed"), ("OnFailure", 0, "Succeeded")]
)
async def test_a_pod_that_is_not_restarted_ends(kube: Kube, namespace: str, policy: str, code: int, phase: str) -> None:
    await kube.pod(namespace, "pod", container=script(f"exit {code}"), restartPolicy=policy, wait=False)
    pod = await kube.wait(pod_path(namespace, "pod"), lambda pod: pod["status"]["phase"] == phase)
    assert state(pod)["terminated"]["exitCode"] == code
    assert not is_ready(pod)


async def test_on_failure_restarts_until_success(kube: Kube, namespace: str) -> None:
    text = "test -e /run/cni-probe/tried && exit 0; touch /run/cni-probe/tried; exit 1"
    await kube.pod(namespace, "pod", container=script(text), restartPolicy="OnFailure", wait=False)
    pod = await kube.wait(pod_path(namespace, "pod"), lambda pod: pod["status"]["phase"] == "Succeeded")
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 1


async def test_deletion_waits_for_the_process_to_end_by_itself(kube: Kube, namespace: str) -> None:
    text = "trap 'sleep 0.3; exit 0' TERM; while :; do sleep 0.05; done"
    await kube.pod(namespace, "pod", container=script(text), terminationGracePeriodSeconds=20)
    began = time.monotonic()
    await kube.ok("DELETE", pod_path(namespace, "pod"))
    ending = await kube.ok("GET", pod_path(namespace, "pod"))
    assert ending["metadata"]["deletionTimestamp"]
    await kube.wait(pod_path(namespace, "pod"), gone)
    assert 0.2 < time.monotonic() - began < 20
    assert "Killing" in await reasons(kube, namespace, "pod")


async def test_a_pod_whose_deadline_is_over_ends_and_gives_its_address_to_who_asks_for_it(
    kube: Kube, namespace: str
) -> None:
    before = await kube.pod(namespace, "pod", "80/TCP", nodeName="node-1")
    pod = await kube.ok("GET", pod_path(namespace, "pod"))
    pod["spec"]["activeDeadlineSeconds"] = 1
    await kube.ok("PUT", pod_path(namespace, "pod"), pod)
    ended = await kube.wait(pod_path(namespace, "pod"), lambda pod: pod["status"]["phase"] == "Failed")
    assert ended["status"]["reason"] == "DeadlineExceeded"
    assert ended["status"]["podIP"] == before["status"]["podIP"]
    assert not is_ready(ended)
    follower = agent_pod("follower", ("80/TCP",), nodeName="node-1")
    addresses = ",".join(entry["ip"] for entry in before["status"]["podIPs"])
    follower["metadata"]["annotations"] = {"sandbox.cni-probe.dev/addresses": addresses}
    await kube.ok("POST", f"/api/v1/namespaces/{namespace}/pods", follower)
    after = await kube.ready(namespace, "follower")
    assert after["status"]["podIPs"] == before["status"]["podIPs"]


async def test_a_process_that_ignores_sigterm_is_killed_after_the_grace_period(kube: Kube, namespace: str) -> None:
    text = "trap '' TERM; while :; do sleep 0.05; done"
    await kube.pod(namespace, "pod", container=script(text), terminationGracePeriodSeconds=600)
    began = time.monotonic()
    await kube.ok("DELETE", f"{pod_path(namespace, 'pod')}?gracePeriodSeconds=1")
    await kube.wait(pod_path(namespace, "pod"), gone)
    assert time.monotonic() - began > 0.9


async def test_a_second_deletion_can_shorten_the_grace_period(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod", container=script("trap '' TERM; while :; do sleep 0.05; done"))
    await kube.ok("DELETE", f"{pod_path(namespace, 'pod')}?gracePeriodSeconds=600")
    await kube.ok("DELETE", f"{pod_path(namespace, 'pod')}?gracePeriodSeconds=1")
    await kube.wait(pod_path(namespace, "pod"), gone)


async def test_without_grace_a_pod_is_gone_at_once(kube: Kube, namespace: str, agent_pid: Callable[[str], int]) -> None:
    pod = await kube.pod(namespace, "pod", "80/TCP")
    pid = agent_pid(pod["metadata"]["uid"])
    await kube.ok("DELETE", f"{pod_path(namespace, 'pod')}?gracePeriodSeconds=0")
    assert gone(await kube.call("GET", pod_path(namespace, "pod")))
    async with asyncio.timeout(60):
        while os.path.exists(f"/proc/{pid}"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_configuration_that_cannot_be_made_is_explained_and_tried_again(kube: Kube, namespace: str) -> None:
    env = [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]
    await kube.pod(namespace, "pod", container={"env": env}, wait=False)
    pod = await kube.wait(pod_path(namespace, "pod"), lambda pod: "reason" in state(pod).get("waiting", {}))
    pod = await kube.wait(
        pod_path(namespace, "pod"), lambda pod: state(pod)["waiting"]["reason"] == "CreateContainerConfigError"
    )
    assert state(pod)["waiting"]["message"] == 'secret "s" not found'
    secret = {"metadata": {"name": "s"}, "stringData": {"k": "there"}}
    await kube.ok("POST", f"/api/v1/namespaces/{namespace}/secrets", secret)
    await kube.ready(namespace, "pod")
    assert "X=there" in (await kube.exec(namespace, "pod", "env")).stdout.splitlines()


async def test_a_command_that_is_not_there_is_explained(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "pod", container={"command": ["no-such-command"]}, restartPolicy="Never", wait=False)
    pod = await kube.wait(pod_path(namespace, "pod"), lambda pod: pod["status"]["phase"] == "Failed")
    assert state(pod)["terminated"]["reason"] == "StartError"
    assert "no-such-command" in state(pod)["terminated"]["message"]


async def test_the_downward_api_reaches_the_environment(kube: Kube, namespace: str) -> None:
    paths = ("metadata.uid", "metadata.name", "metadata.namespace", "status.podIP", "spec.nodeName")
    env = [{"name": path.replace(".", "_"), "valueFrom": {"fieldRef": {"fieldPath": path}}} for path in paths] + [
        {"name": "GREETING", "value": "$(metadata_name)-$(unknown)-$$(x)"}
    ]
    pod = await kube.pod(namespace, "pod", "80/TCP", container={"env": env})
    lines = (await kube.exec(namespace, "pod", "env")).stdout.splitlines()
    assert f"metadata_uid={pod['metadata']['uid']}" in lines
    assert f"status_podIP={pod['status']['podIP']}" in lines
    assert f"spec_nodeName={pod['spec']['nodeName']}" in lines
    assert "GREETING=pod-$(unknown)-$(x)" in lines


async def test_a_low_port_needs_the_sysctl_since_capabilities_are_dropped(kube: Kube, namespace: str) -> None:
    await kube.pod(namespace, "without", "80/TCP", securityContext={}, wait=False)
    log = f"{pod_path(namespace, 'without')}/log"
    await kube.wait(pod_path(namespace, "without"), lambda pod: "running" in state(pod))
    async with asyncio.timeout(60), kube.http.get(f"{kube.server}{log}?follow=true") as response:
        async for line in response.content:
            if b"cannot listen on 80/TCP IPv4: EACCES" in line:
                break


async def test_a_sysctl_of_the_hosts_is_refused(kube: Kube, namespace: str) -> None:
    sysctls = [{"name": "kernel.shm_rmid_forced", "value": "1"}]
    await kube.pod(namespace, "pod", "80/TCP", securityContext={"sysctls": sysctls}, wait=False)
    pod = await kube.wait(pod_path(namespace, "pod"), lambda pod: pod["status"]["phase"] == "Failed")
    assert pod["status"]["reason"] == "SysctlForbidden"


async def test_logs_are_kept_for_the_container_and_its_predecessor(kube: Kube, namespace: str) -> None:
    text = "if test -e /run/cni-probe/x; then echo second; sleep 600; else touch /run/cni-probe/x; echo first; fi"
    await kube.pod(namespace, "pod", container=script(text), wait=False)
    await kube.wait(
        pod_path(namespace, "pod"),
        lambda pod: pod["status"]["containerStatuses"][0]["restartCount"] and "running" in state(pod),
    )
    log = f"{kube.server}{pod_path(namespace, 'pod')}/log"
    async with kube.http.get(f"{log}?previous=true") as response:
        assert await response.text() == "first\n"
    async with asyncio.timeout(60), kube.http.get(f"{log}?follow=true") as response:
        assert await response.content.readline() == b"second\n"


async def test_a_hundred_pods_are_fifteen_seconds_of_work_at_most(kube: Kube, namespace: str, sandbox: Sandbox) -> None:
    """Until all are ready; of the time that the sandbox computes other tests take none."""
    began = cpu_seconds(sandbox.pid)
    await asyncio.gather(*(kube.pod(namespace, f"pod-{i}", "80/TCP", "53/UDP", wait=False) for i in range(100)))
    pods: dict[str, Any] = {}
    async with asyncio.timeout(60):
        while sum(map(is_ready, pods.get("items", []))) < 100:
            pods = await kube.ok("GET", f"/api/v1/namespaces/{namespace}/pods")
            await asyncio.sleep(0.1)
    assert cpu_seconds(sandbox.pid) - began < 15
    addresses = {pod["status"]["podIP"] for pod in pods["items"]}
    assert len(addresses) == 100


async def test_containers_of_a_pod_share_its_network_and_volumes(kube: Kube, namespace: str) -> None:
    manifest = agent_pod("pod", ["80/TCP"])
    (agent,) = manifest["spec"]["containers"]
    mounts = [{"name": "control", "mountPath": "/run/shared", "readOnly": True}]
    second = {"name": "second", "image": "cni-probe-agent", "command": ["sleep", "600"], "volumeMounts": mounts}
    manifest["spec"]["containers"] = [agent, second]
    await kube.ok("POST", f"/api/v1/namespaces/{namespace}/pods", manifest)
    pod = await kube.ready(namespace, "pod")
    assert len(pod["status"]["containerStatuses"]) == 2
    query = "&".join(f"command={word}" for word in ("ls", "/run/shared"))
    url = f"{kube.server}{pod_path(namespace, 'pod')}/exec?container=second&stdout=true&{query}"
    async with kube.http.ws_connect(url, protocols=["v4.channel.k8s.io"]) as stream:
        output = b"".join([message.data[1:] async for message in stream if message.data[0] == 1])
    assert output == b"agent.sock\n"


async def test_the_default_command_is_the_images(kube: Kube, namespace: str) -> None:
    container = {"command": None, "args": ["serve", "--port", "8080/TCP"]}
    pod = await kube.pod(namespace, "pod", container=container)
    assert (await kube.dial(namespace, "pod", pod["status"]["podIP"], "8080/TCP")).startswith("connected")


async def test_pods_that_come_and_go_leave_no_descriptor_behind(kube: Kube, namespace: str, sandbox: Sandbox) -> None:
    async def one(name: str) -> None:
        pod = await kube.pod(namespace, name, "80/TCP")
        await kube.dial(namespace, name, pod["status"]["podIP"], "80/TCP")
        await kube.exec(namespace, name, "cat", stdin=b"x\n", tty=True)
        await kube.ok("DELETE", pod_path(namespace, name))
        await kube.wait(pod_path(namespace, name), gone)

    def descriptors() -> dict[int, int]:
        return {pid: open_files(pid) for pid in descendants(sandbox.pid)}

    await one("first")
    # Other tests' pods are still ending; one of the cluster's own stays, the name server.
    others = "/api/v1/pods?fieldSelector=metadata.namespace!=kube-system"
    await kube.wait(others, lambda answer: not answer["items"])
    async with asyncio.timeout(60):
        while len(before := descriptors()) > 3:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for i in range(5):
        await one(f"pod-{i}")
    async with asyncio.timeout(60):
        while any(count > before.get(pid, 0) for pid, count in descriptors().items()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_pod_with_a_finalizer_ends_and_leaves_its_object(
    kube: Kube, namespace: str, agent_pid: Callable[[str], int]
) -> None:
    manifest, path = agent_pod("pod", ["80/TCP"]), pod_path(namespace, "pod")
    manifest["metadata"]["finalizers"] = ["example.com/hold"]
    await kube.ok("POST", f"/api/v1/namespaces/{namespace}/pods", manifest)
    uid = (await kube.ready(namespace, "pod"))["metadata"]["uid"]
    await kube.ok("DELETE", path)
    left = await kube.wait(path, lambda pod: pod["metadata"].get("deletionGracePeriodSeconds") == 0)
    with pytest.raises(ValueError, match="not enough values"):
        agent_pid(uid)
    left["metadata"]["labels"] = {"touched": "yes"}
    left = await kube.ok("PUT", path, left)
    await kube.pod(namespace, "other", "80/TCP")  # a kubelet that had started the first one again had done so by now
    with pytest.raises(ValueError, match="not enough values"):
        agent_pid(uid)
    del left["metadata"]["finalizers"], left["metadata"]["resourceVersion"]
    await kube.ok("PUT", path, left)
    await kube.wait(path, gone)
