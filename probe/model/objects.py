"""API objects -> the parts of a snapshot, whether they come from a file or from a cluster.

The objects must be ones that the API server has or would accept, as far as the fields read here go; absent and null
fields are the same, as they are for the API server. Pure functions; each says what it leaves out and why.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probe.model.cell import Protocol
from probe.model.fields import list_of, mapping_of
from probe.model.fleet import Port
from probe.model.manifest import Manifest
from probe.model.snapshot import NAME_LABEL, NodeState, PodState, ServicePort, ServiceState, TrafficPolicy

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where the kinds of workloads keep their pod template."""

_OVER = ("Succeeded", "Failed")


def namespace_labels(manifest: Manifest) -> dict[str, str]:
    """The labels of a Namespace, ``kubernetes.io/metadata.name`` included, which the API server always sets."""
    return {**labels_of(manifest), NAME_LABEL: name_of(manifest)}


def pod_state(manifest: Manifest) -> PodState | None:
    """A Pod; None when it is over (PodStatus.phase Succeeded or Failed), since it has no network any more."""
    status = mapping_of(manifest, "status")
    if status.get("phase") in _OVER:
        return None
    addresses = [item.get("ip") for item in _list(status, "podIPs")] or [status.get("podIP")]
    return _pod(manifest, manifest, addresses)


def template_state(manifest: Manifest) -> PodState | None:
    """What a workload's pods are like, as one pod with the workload's name; None when it is a Job that is done."""
    kind = str(manifest["kind"])
    if kind == "Job" and _is_done(manifest):
        return None
    template: Manifest = manifest
    for key in TEMPLATES[kind]:
        template = mapping_of(template, key)
    return _pod(manifest, template, (), f"{kind}/{name_of(manifest)}")


def service_state(manifest: Manifest) -> ServiceState | None:
    """A Service; None for type ExternalName, which is an alias in DNS and leads no traffic."""
    spec = mapping_of(manifest, "spec")
    kind = spec.get("type") or "ClusterIP"
    if kind == "ExternalName":
        return None
    given = _list(spec, "clusterIPs") or [spec.get("clusterIP")]
    opens = spec.get("allocateLoadBalancerNodePorts") is not False if kind == "LoadBalancer" else kind == "NodePort"
    return ServiceState(
        namespace=namespace_of(manifest),
        name=name_of(manifest),
        selector=dict(mapping_of(spec, "selector")),
        ports=tuple(map(_service_port, _list(spec, "ports"))),
        cluster_ips=tuple(address for address in given if address and address != "None"),
        headless="None" in given,
        node_ports=opens,
        external_traffic_policy=TrafficPolicy(spec.get("externalTrafficPolicy") or TrafficPolicy.CLUSTER),
        internal_traffic_policy=TrafficPolicy(spec.get("internalTrafficPolicy") or TrafficPolicy.CLUSTER),
    )


def node_state(manifest: Manifest) -> NodeState:
    """A Node. Of its addresses those that are IP literals (there are host names among NodeStatus.addresses, too)."""
    addresses = [item.get("address") for item in _list(mapping_of(manifest, "status"), "addresses")]
    literals = dict.fromkeys(address for address in addresses if _is_address(address))
    return NodeState(name_of(manifest), labels_of(manifest), tuple(literals))


# --- metadata ------------------------------------------------------------------------------------------------------


def name_of(manifest: Manifest) -> str:
    """metadata.name, or generateName where the name is still to be made."""
    metadata = mapping_of(manifest, "metadata")
    return str(metadata.get("name") or metadata.get("generateName") or "")


def namespace_of(manifest: Manifest) -> str:
    """metadata.namespace; ``default`` without one, as for kubectl."""
    return str(mapping_of(manifest, "metadata").get("namespace") or "default")


def labels_of(manifest: Manifest) -> dict[str, str]:
    """metadata.labels."""
    return dict(mapping_of(mapping_of(manifest, "metadata"), "labels"))


def owners_of(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Kind and name of what controls the object (OwnerReference.controller): of one at most, if the API had it."""
    for owner in _list(mapping_of(manifest, "metadata"), "ownerReferences"):
        if owner.get("controller"):
            yield str(owner.get("kind")), str(owner.get("name"))


# --- pods ----------------------------------------------------------------------------------------------------------


def _pod(owner: Manifest, template: Manifest, addresses: Sequence[Any], workload: str = "") -> PodState:
    spec = mapping_of(template, "spec")
    return PodState(
        namespace=namespace_of(owner),
        name=name_of(owner),
        labels=labels_of(template),
        ports=tuple(_ports(spec)),
        addresses=tuple(str(address) for address in addresses if address),
        node=spec.get("nodeName") or None,
        host_network=bool(spec.get("hostNetwork")),
        workload=workload,
    )


def _ports(spec: Mapping[str, Any]) -> Iterator[Port]:
    """The declared ports of what goes on running: of init containers only sidecars (restartPolicy Always)."""
    sidecars = [each for each in _list(spec, "initContainers") if each.get("restartPolicy") == "Always"]
    for container in [*_list(spec, "containers"), *sidecars]:
        for port in _list(container, "ports"):
            yield Port(port["containerPort"], Protocol(port.get("protocol") or Protocol.TCP), port.get("name") or None)


def _is_done(job: Manifest) -> bool:
    conditions = _list(mapping_of(job, "status"), "conditions")
    return any(each.get("type") in ("Complete", "Failed") and each.get("status") == "True" for each in conditions)


def _service_port(port: Mapping[str, Any]) -> ServicePort:
    number = port["port"]
    return ServicePort(
        number=number,
        protocol=Protocol(port.get("protocol") or Protocol.TCP),
        target=port.get("targetPort") or number,
        node_port=port.get("nodePort") or None,
        name=port.get("name") or "",
    )


def _is_address(text: Any) -> bool:
    try:
        ipaddress.ip_address(text if isinstance(text, str) else "")
    except ValueError:
        return False
    return True


def _list(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    return [each for each in list_of(value, key) if each is not None]
