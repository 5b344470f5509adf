"""The Kubernetes objects that a run creates, as plain JSON. Pure functions; the only place that spells pods out.

Agent pods satisfy the PodSecurity standard ``restricted``
(https://kubernetes.io/docs/concepts/security/pod-security-standards/).
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from probe.cluster.api import Json
from probe.model.agent_options import ZIPAPP_DIRECTORY, ZIPAPP_NAME, AgentOptions, NamespaceOptions
from probe.model.fleet import External, Pod

MANAGED_BY = {"app.kubernetes.io/managed-by": "cni-probe"}
RUN_LABEL = "cni-probe.dev/run"
SCENARIO_LABEL = "cni-probe.dev/scenario"
NAMESPACE_LABEL = "cni-probe.dev/namespace"
POD_LABEL = "cni-probe.dev/pod"

CONTAINER = "agent"
CODE_CONFIGMAP = "cni-probe-agent"
PULL_SECRET_TYPE = "kubernetes.io/dockerconfigjson"

_SOCKET_DIR = "/run/cni-probe"

ADDRESSES_ANNOTATION = "sandbox.cni-probe.dev/addresses"
"""On a pod: the addresses that it should get, with commas between (the embedded cluster's)."""

EXTERNAL_GROUP = "/apis/sandbox.cni-probe.dev/v1"
"""Served by clusters that can make endpoints outside themselves: the embedded one."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose objects these are: the labels by which a run finds and removes what it made.

    ``scenario`` is whose fleet it is; fleets that scenarios share have names of their own, no two of a run alike.
    """

    run: str
    scenario: str

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every object of the fleet."""
        return MANAGED_BY | {RUN_LABEL: self.run, SCENARIO_LABEL: _label_value(self.scenario)}

    @property
    def selector(self) -> str:
        """Label selector of everything that was made for the fleet, and of nothing of the run's other fleets."""
        return f"{RUN_LABEL}={self.run},{SCENARIO_LABEL}={_label_value(self.scenario)}"


def _label_value(text: str) -> str:
    """``text`` as far as it can stand in a label's value (63 characters of letters, digits, ``-_.``)."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:63].rstrip("-_.")


def pod_label(pod: Pod) -> str:
    """The value of ``cni-probe.dev/pod``, by which a Service finds this pod, its successors, and no other."""
    whole = f"{pod.namespace}.{pod.name}"
    value = _label_value(whole)
    return value if value == whole else f"{value[:54].rstrip('-_.')}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def namespace(
    name: str,
    logical: str,
    labels: Mapping[str, str],
    owner: Owner,
    options: NamespaceOptions | None = None,
    *,
    privileged: bool = False,
) -> Json:
    """A Namespace that admits agent pods and no others, unless the scenario's labels or the options say otherwise.

    PodSecurity ``restricted``, in the cluster's own version whatever its administrator pinned; ``privileged`` where
    pods use the host's network, which every stricter standard forbids. The modes audit and warn would only tell of what
    is refused anyway.
    """
    given = options or NamespaceOptions()
    security = {
        "pod-security.kubernetes.io/enforce": "privileged" if privileged else "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    metadata: Json = {
        "name": name,
        "labels": security | dict(given.labels) | dict(labels) | owner.labels | {NAMESPACE_LABEL: logical},
    }
    if given.annotations:
        metadata["annotations"] = dict(given.annotations)
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def code_configmap(code: bytes, namespace_name: str, owner: Owner) -> Json:
    """The ConfigMap that brings the agent's code to pods whose image has only Python."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": CODE_CONFIGMAP, "namespace": namespace_name, "labels": owner.labels},
        "binaryData": {ZIPAPP_NAME: b64encode(code).decode()},
        "immutable": True,
    }


def pull_secret(name: str, data: Mapping[str, str], namespace_name: str, owner: Owner) -> Json:
    """A copy of an image pull secret; ``data`` as in Secret.data (base64)."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace_name, "labels": owner.labels},
        "type": PULL_SECRET_TYPE,
        "data": dict(data),
    }


def agent_pod(
    pod: Pod,
    namespace_name: str,
    node: str | None,
    agent: AgentOptions,
    owner: Owner,
    environment: Mapping[str, str] = MappingProxyType({}),
    addresses: Sequence[str] = (),
) -> Json:
    """A Pod with one agent that serves the pod's ports. ``node`` pins it by ``kubernetes.io/hostname``; ``environment``
    are variables of its agent.

    ``addresses``: those that it should get, which only the embedded cluster heeds.
    """
    metadata: Json = {
        "name": pod.name,
        "namespace": namespace_name,
        "labels": agent.all_labels | dict(pod.labels) | owner.labels | {POD_LABEL: pod_label(pod)},
    }
    annotations = agent.all_annotations | ({ADDRESSES_ANNOTATION: ",".join(addresses)} if addresses else {})
    if annotations:
        metadata["annotations"] = annotations
    spec = {
        "containers": [_agent_container(pod, agent, environment)],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 1 if pod.grace_seconds is None else pod.grace_seconds,
        **_network(pod),
        "volumes": [volume for volume, _ in _volumes(agent)],
        **_placing(agent, node),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _network(pod: Pod) -> Json:
    """Where the pod's network is, and what its processes may do there without any capability."""
    security: Json = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if pod.host_network:  # has the node's sysctls, which no pod may set (validation of PodSecurityContext.sysctls)
        return {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet", "securityContext": security}
    return {"securityContext": security | {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}}


def _placing(agent: AgentOptions, node: str | None) -> Json:
    """What decides on which node, in which order and by which runtime the pod runs."""
    selector = dict(agent.node_selector) | ({"kubernetes.io/hostname": node} if node is not None else {})
    fields = {
        "nodeSelector": selector,
        "tolerations": [toleration.manifest() for toleration in agent.tolerations],
        "priorityClassName": agent.priority_class,
        "runtimeClassName": agent.runtime_class,
        "imagePullSecrets": [{"name": secret.name} for secret in agent.pull_secrets],
    }
    return {key: value for key, value in fields.items() if value}


def _volumes(agent: AgentOptions) -> list[tuple[Json, Json]]:
    """Volumes of the pod, each with its mount in the agent's container."""
    volumes: list[tuple[Json, Json]] = [({"name": "control", "emptyDir": {}}, {"mountPath": _SOCKET_DIR})]
    if agent.from_configmap:
        code = {"name": "code", "configMap": {"name": CODE_CONFIGMAP}}
        volumes.append((code, {"mountPath": ZIPAPP_DIRECTORY, "readOnly": True}))
    return [(volume, {"name": volume["name"], **mount}) for volume, mount in volumes]


def _agent_container(pod: Pod, agent: AgentOptions, environment: Mapping[str, str]) -> Json:
    ports = []
    for port in pod.ports:
        entry: Json = {"containerPort": port.number, "protocol": str(port.protocol)}
        if port.name:
            entry["name"] = port.name
        ports.append(entry)
    serve = [word for port in pod.ports for word in ("--port", str(port))]
    if pod.grace_seconds is not None:
        serve.append("--linger")
    return {
        "name": CONTAINER,
        "image": agent.image,
        "imagePullPolicy": agent.pull_policy,
        "command": [*agent.command, "serve", *serve],
        "env": [
            {"name": "CNI_PROBE_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
            {"name": "CNI_PROBE_SOCKET", "value": f"{_SOCKET_DIR}/agent.sock"},
            *({"name": name, "value": value} for name, value in environment.items()),
        ],
        "ports": ports,
        "resources": agent.resources,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [mount for _, mount in _volumes(agent)],
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
