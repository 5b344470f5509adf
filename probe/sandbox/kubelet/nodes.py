"""Node objects: what the cluster's nodes say of themselves."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from probe import __version__
from probe.sandbox.net.plan import PODS_PER_NODE, NodePlan
from probe.sandbox.store import Obj, timestamp

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}

READY_MESSAGE = "the sandbox's kubelet is posting ready status"


def node_object(plan: NodePlan, kubernetes_version: str) -> Obj:
    """A Ready core/v1 Node."""
    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    labels = {
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": plan.name,
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
    }
    pod_cidrs = [str(cidr) for cidr in plan.pod_cidrs]
    resources = {"cpu": str(_cpus()), "memory": f"{_memory_kib()}Ki", "pods": str(PODS_PER_NODE)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": plan.name, "labels": labels},
        "spec": {"podCIDR": pod_cidrs[0], "podCIDRs": pod_cidrs, "providerID": f"cni-probe://{plan.name}"},
        "status": {
            "addresses": [
                *({"type": "InternalIP", "address": str(address)} for address in plan.addresses),
                {"type": "Hostname", "address": plan.name},
            ],
            "capacity": resources,
            "allocatable": resources,
            "conditions": [_condition("Ready", "True", "KubeletReady", READY_MESSAGE)],
            "images": [{"names": [f"docker.io/library/cni-probe-agent:{__version__}"], "sizeBytes": 0}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": {
                "architecture": architecture,
                "bootID": _read("/proc/sys/kernel/random/boot_id"),
                "containerRuntimeVersion": f"cni-probe://{__version__}",
                "kernelVersion": platform.release(),
                "kubeProxyVersion": "",
                "kubeletVersion": kubernetes_version,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "cni-probe sandbox",
                "systemUUID": "",
            },
        },
    }


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    now = timestamp()
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }


def _cpus() -> int:
    return os.cpu_count() or 1


def _memory_kib() -> int:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1])
    return 0


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
