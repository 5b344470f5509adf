"""What kubelets read from specs and write to statuses and logs, without a process."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from probe.sandbox.kubelet.facts import ConfigError, PodFacts
from probe.sandbox.kubelet.logs import MAX_BYTES, MAX_LINE, LogBuffer
from probe.sandbox.kubelet.spec import container_process, forbidden_sysctl
from probe.sandbox.kubelet.status import ContainerState, PodState, pod_status
from probe.sandbox.zygote.protocol import Mount

FACTS = PodFacts(("10.244.1.2", "fd00::2"), ("172.18.0.2",), "/run/volumes/u")


VOLUMES = [{"name": "v", "emptyDir": {}}, {"name": "c"}, {"name": "h", "hostPath": {"path": "/"}}]


def pod(**container: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    agent = {"name": "agent", "image": "cni-probe-agent", **container}
    meta = {"name": "web", "namespace": "shop", "uid": "u", "labels": {"app": "web"}}
    spec = {"containers": [agent], "nodeName": "node-1", "volumes": VOLUMES}
    return {"metadata": meta, "spec": spec}, agent


def test_nothing_of_the_sandboxes_own_environment_reaches_a_container() -> None:
    assert set(container_process(*pod(), FACTS).env) == {"PATH", "HOME", "HOSTNAME"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.uid", "u"),
        ("status.podIPs", "10.244.1.2,fd00::2"),
        ("status.hostIP", "172.18.0.2"),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['none']", ""),
    ],
)
def test_the_downward_api(path: str, value: str) -> None:
    env = [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}]
    assert container_process(*pod(env=env), FACTS).env["X"] == value


@pytest.mark.parametrize(
    "container",
    [
        {"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}]},
        {"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]},
        {"envFrom": [{"configMapRef": {"name": "c"}}]},
        {"volumeMounts": [{"name": "c", "mountPath": "/run/c"}]},
        {"volumeMounts": [{"name": "v", "mountPath": "/run/../etc"}]},
        {"volumeMounts": [{"name": "h", "mountPath": "/run/h"}]},
        {"volumeMounts": [{"name": "v", "mountPath": "/run/v", "subPath": "../x"}]},
        {"volumeMounts": [{"name": "v", "mountPath": "/run/v", "subPathExpr": "$(X)"}]},
    ],
    ids=str,
)
def test_what_the_sandbox_does_not_have_is_an_error_and_never_left_out(container: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        container_process(*pod(**container), FACTS)


def test_the_environment_comes_from_configmaps_and_secrets_too() -> None:
    objects = {
        ("configmaps", "c"): {"data": {"colour": "blue", "size": "9"}, "binaryData": {"raw": "aGk="}},
        ("secrets", "s"): {"data": {"word": "c2VzYW1l"}},
    }
    facts = replace(FACTS, lookup=lambda resource, name: objects.get((resource, name)))
    optional = {"name": "none", "optional": True}
    container = {
        "envFrom": [{"configMapRef": {"name": "c"}, "prefix": "C_"}, {"secretRef": optional}],
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "colour"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "word"}}},
            {"name": "D", "valueFrom": {"secretKeyRef": {**optional, "key": "x"}}},
            {"name": "E", "value": "$(A)-$(C_raw)"},
        ],
    }
    env = container_process(*pod(**container), facts).env
    wanted = {"C_colour": "blue", "C_size": "9", "C_raw": "hi", "A": "blue", "B": "sesame", "E": "blue-hi"}
    assert wanted.items() <= env.items()
    assert "D" not in env
    missing = {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "taste"}}}]}
    with pytest.raises(ConfigError, match="couldn't find key taste in ConfigMap shop/c"):
        container_process(*pod(**missing), facts)


def test_mounts_are_of_volumes_and_parts_of_them() -> None:
    mounts = [{"name": "v", "mountPath": "/data", "subPath": "a/b"}, {"name": "m", "mountPath": "/etc/m"}]
    it, container = pod(volumeMounts=mounts)
    it["spec"]["volumes"] = [*VOLUMES, {"name": "m", "configMap": {"name": "c"}}]
    assert container_process(it, container, FACTS).mounts == [
        Mount("/run/volumes/u/v/a/b", "/data", read_only=False),
        Mount("/run/volumes/u/m", "/etc/m", read_only=True),
    ]


def test_init_containers_are_refused_and_never_skipped() -> None:
    it, container = pod()
    with pytest.raises(ConfigError, match="initContainers"):
        container_process({**it, "spec": {**it["spec"], "initContainers": [{"name": "first"}]}}, container, FACTS)


def test_command_and_args_are_expanded_from_the_environment() -> None:
    process = container_process(
        *pod(command=["$(A)", "$$(A)"], args=["$(B)"], env=[{"name": "A", "value": "a"}]), FACTS
    )
    assert process.argv == ["a", "$(A)", "$(B)"]


def test_privileges_are_dropped_as_the_spec_says() -> None:
    security = {"capabilities": {"drop": ["all"]}, "allowPrivilegeEscalation": False}
    process = container_process(*pod(securityContext=security), FACTS)
    assert process.drop_capabilities
    assert process.no_new_privileges
    assert not container_process(*pod(), FACTS).drop_capabilities


@pytest.mark.parametrize(
    ("name", "host_network", "said"),
    [
        ("net.ipv4.ip_unprivileged_port_start", False, ""),
        ("net/ipv4/ip_unprivileged_port_start", False, ""),
        ("kernel.panic", False, '"kernel.panic" not allowlisted'),
        ("net.../../kernel/panic", False, '"net.../../kernel/panic" not allowlisted'),
        ("net.ipv4.tcp_syncookies", True, '"net.ipv4.tcp_syncookies" not allowed with host net enabled'),
    ],
)
def test_sysctls_are_a_matter_of_the_pods_own_network(name: str, host_network: bool, said: str) -> None:
    security = {"sysctls": [{"name": name, "value": "0"}]}
    assert forbidden_sysctl({"spec": {"hostNetwork": host_network, "securityContext": security}}) == said


def test_a_host_network_pods_host_is_its_node() -> None:
    obj, container = pod()
    assert container_process(obj, container, FACTS).hostname == "web"
    obj["spec"] |= {"hostNetwork": True, "hostname": "odd"}
    process = container_process(obj, container, FACTS)
    assert (process.hostname, process.env["HOSTNAME"]) == ("node-1", "node-1")


def running(**more: Any) -> ContainerState:
    return ContainerState("agent", "i", {"running": {"startedAt": "t"}}, container_id="x", **more)


def ended(code: int, *, finished: bool) -> ContainerState:
    return ContainerState("agent", "i", {"terminated": {"exitCode": code}}, finished=finished)


@pytest.mark.parametrize(
    ("containers", "phase"),
    [
        ([ContainerState("agent", "i")], "Pending"),
        ([running()], "Running"),
        ([running(), ContainerState("b", "i")], "Running"),
        ([ended(0, finished=True)], "Succeeded"),
        ([ended(1, finished=True)], "Failed"),
        ([ended(0, finished=True), ended(1, finished=True)], "Failed"),
        ([ended(0, finished=True), running()], "Running"),
        ([ContainerState("agent", "i", last_state={"terminated": {"exitCode": 1}})], "Running"),
    ],
)
def test_the_phase_follows_from_the_containers(containers: list[ContainerState], phase: str) -> None:
    assert pod_status({}, PodState("t", ["172.18.0.2"], ["10.244.1.2"], containers))["phase"] == phase


def test_a_conditions_time_moves_only_with_its_status() -> None:
    state = PodState("t", ["172.18.0.2"], ["10.244.1.2"], [running(ready=True)])
    before = pod_status({}, state)
    for condition in before["conditions"]:
        condition["lastTransitionTime"] = "2000-01-01T00:00:00Z"
    same = pod_status(before, state)
    assert {condition["lastTransitionTime"] for condition in same["conditions"]} == {"2000-01-01T00:00:00Z"}
    state.containers[0].ready = False
    changed = {condition["type"]: condition for condition in pod_status(before, state)["conditions"]}
    assert changed["Ready"]["lastTransitionTime"] != "2000-01-01T00:00:00Z"
    assert changed["PodScheduled"]["lastTransitionTime"] == "2000-01-01T00:00:00Z"


async def test_a_log_keeps_lines_whole_and_forgets_the_oldest() -> None:
    log = LogBuffer()
    log.data_received(b"one\ntw")
    log.data_received(b"o\n")
    assert [line.data for line in log.snapshot()] == [b"one\n", b"two\n"]
    log.data_received(b"x" * (MAX_LINE + 10) + b"\n")
    assert len(log.snapshot()[2].data) == MAX_LINE + 1
    for _ in range(2 * MAX_BYTES // 1000):
        log.data_received(b"y" * 999 + b"\n")
    assert sum(len(line.data) for line in log.snapshot()) <= MAX_BYTES
    assert log.snapshot()[0].data.startswith(b"y")


async def test_a_log_is_followed_to_its_end() -> None:
    log = LogBuffer()
    log.data_received(b"before\n")

    async def follow() -> list[bytes]:
        return [line.data async for line in log.follow()]

    follower = asyncio.create_task(follow())
    await asyncio.sleep(0)
    log.data_received(b"during\n")
    await asyncio.sleep(0)
    log.data_received(b"no newline")
    log.connection_lost(None)
    assert await follower == [b"before\n", b"during\n", b"no newline\n"]
