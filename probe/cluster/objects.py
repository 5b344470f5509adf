"""The Kubernetes objects that a run creates, as plain JSON. Pure functions; the only place that spells pods out.

Agent pods satisfy the PodSecurity standard ``restricted``
(https://kubernetes.io/docs/concepts/security/pod-security-standards/).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from probe import __version__
from probe.cluster.api import Json
from probe.model.scenario import External, Pod

MANAGED_BY = {"app.kubernetes.io/managed-by": "cni-probe"}
RUN_LABEL = "cni-probe.dev/run"
SCENARIO_LABEL = "cni-probe.dev/scenario"
NAMESPACE_LABEL = "cni-probe.dev/namespace"
POD_LABEL = "cni-probe.dev/pod"

CONTAINER = "agent"
AGENT = ("python3", "-m", "cni_probe_agent")
RELAY = (*AGENT, "relay")

_SOCKET_DIR = "/run/cni-probe"

EXTERNAL_GROUP = "/apis/sandbox.cni-probe.dev/v1"
"""Served by clusters that can make endpoints outside themselves: the embedded one."""


@dataclass(frozen=True, slots=True)
class AgentImage:
    """Which image the agents run, and when it is pulled (``Container.imagePullPolicy``)."""

    name: str = f"cni-probe-agent:{__version__}"
    pull_policy: str = "IfNotPresent"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose objects these are: the labels by which a run finds and removes what it made."""

    run: str
    scenario: str

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every object of this scenario's run."""
        return MANAGED_BY | {RUN_LABEL: self.run, SCENARIO_LABEL: _label_value(self.scenario)}

    @property
    def selector(self) -> str:
        """Label selector of everything that the run made."""
        return f"{RUN_LABEL}={self.run}"


def _label_value(text: str) -> str:
    """``text`` as far as it can stand in a label's value (63 characters of letters, digits, ``-_.``)."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:63].rstrip("-_.")


def pod_label(pod: Pod) -> str:
    """The value of ``cni-probe.dev/pod``, by which a Service finds this pod, its successors, and no other."""
    whole = f"{pod.namespace}.{pod.name}"
    value = _label_value(whole)
    return value if value == whole else f"{value[:54].rstrip('-_.')}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def namespace(name: str, logical: str, labels: Mapping[str, str], owner: Owner) -> Json:
    """A Namespace, with enforcement of PodSecurity ``restricted`` unless the scenario says otherwise."""
    own = owner.labels | {NAMESPACE_LABEL: logical}
    security = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": security | dict(labels) | own},
    }


def agent_pod(pod: Pod, namespace_name: str, node: str | None, image: AgentImage, owner: Owner) -> Json:
    """A Pod with one agent that serves the pod's ports. ``node`` pins it by ``kubernetes.io/hostname``."""
    labels = dict(pod.labels) | owner.labels | {POD_LABEL: pod_label(pod)}
    spec: Json = {
        "containers": [_agent_container(pod, image)],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
            "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
        },
        "volumes": [{"name": "control", "emptyDir": {}}],
    }
    if node is not None:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    metadata = {"name": pod.name, "namespace": namespace_name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _agent_container(pod: Pod, image: AgentImage) -> Json:
    ports = []
    for port in pod.ports:
        entry: Json = {"containerPort": port.number, "protocol": str(port.protocol)}
        if port.name:
            entry["name"] = port.name
        ports.append(entry)
    serve = [word for port in pod.ports for word in ("--port", str(port))]
    return {
        "name": CONTAINER,
        "image": image.name,
        "imagePullPolicy": image.pull_policy,
        "command": [*AGENT, "serve", *serve],
        "env": [
            {"name": "CNI_PROBE_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            {"name": "CNI_PROBE_SOCKET", "value": f"{_SOCKET_DIR}/agent.sock"},
        ],
        "ports": ports,
        "resources": {"requests": {"cpu": "5m", "memory": "24Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "control", "mountPath": _SOCKET_DIR}],
    }


def external_endpoint(external: External, namespace_name: str, owner: Owner) -> Json:
    """An ExternalEndpoint of the embedded cluster: addresses outside of it that answer as an agent does."""
    return {
        "apiVersion": EXTERNAL_GROUP.removeprefix("/apis/"),
        "kind": "ExternalEndpoint",
        "metadata": {"name": external.name, "namespace": namespace_name, "labels": owner.labels},
        "spec": {
            "addresses": list(external.addresses),
            "ports": [{"port": port.number, "protocol": str(port.protocol)} for port in external.ports],
        },
    }
