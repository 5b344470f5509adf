"""API objects in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from probe.model.clusterpolicy import API_VERSIONS

Obj = dict[str, Any]


def policy(
    namespace: str = "x",
    pods: Obj | None = None,
    *,
    name: str = "policy",
    ingress: Sequence[Obj] | None = None,
    egress: Sequence[Obj] | None = None,
    types: Sequence[str] | None = None,
) -> Obj:
    """A NetworkPolicy; policyTypes are left out unless stated."""
    spec: Obj = {"podSelector": pods or {}}
    if ingress is not None:
        spec["ingress"] = list(ingress)
    if egress is not None:
        spec["egress"] = list(egress)
    if types is not None:
        spec["policyTypes"] = list(types)
    return {"kind": "NetworkPolicy", "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def labelled(**labels: str) -> Obj:
    """A selector of matchLabels."""
    return {"matchLabels": labels}


def expression(key: str, operator: str, *values: str) -> Obj:
    """A selector of one expression."""
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


def block(cidr: str, *excepts: str) -> Obj:
    """An ipBlock peer."""
    return {"ipBlock": {"cidr": cidr, **({"except": list(excepts)} if excepts else {})}}


def port(number: int | str | None = None, protocol: str | None = None, end: int | None = None) -> Obj:
    """A NetworkPolicyPort."""
    entry = {"port": number, "protocol": protocol, "endPort": end}
    return {key: value for key, value in entry.items() if value is not None}


def service(name: str, addresses: Sequence[str], ports: Sequence[Obj], namespace: str = "x", **spec: str) -> Obj:
    """A Service with cluster addresses, and more of a spec."""
    return {
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"clusterIP": addresses[0], "clusterIPs": list(addresses), "ports": list(ports), **spec},
    }


def endpoints(
    service: str,
    ready: Mapping[str, bool],
    ports: Sequence[Obj],
    namespace: str = "x",
    nodes: Mapping[str, str] | None = None,
) -> Obj:
    """An EndpointSlice: address to readiness, all of one family; ``nodes``: address to the node it is on."""
    family = "IPv6" if any(":" in address for address in ready) else "IPv4"
    return {
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": namespace,
            "name": f"{service}-{family.lower()}",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": family,
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {"ready": is_ready},
                **({"nodeName": nodes[address]} if nodes else {}),
            }
            for address, is_ready in ready.items()
        ],
        "ports": list(ports),
    }


def namespaces(**labels: str) -> Obj:
    """All pods of the namespaces with these labels: a subject or a peer of cluster-scoped policies."""
    return {"namespaces": labelled(**labels) if labels else {}}


def pods(ns: str, **labels: str) -> Obj:
    """Pods of a namespace: a subject or a peer of cluster-scoped policies."""
    return {"pods": {"namespaceSelector": labelled(ns=ns), "podSelector": labelled(**labels)}}


def rule(action: str, *peers: Obj, **ports: Sequence[Obj]) -> Obj:
    """A rule of a cluster-scoped policy, its peers yet without direction; ports as ``protocols`` or ``ports``."""
    return {"action": action, "peers": list(peers), **ports}


def cnp(
    subject: Obj, *, ingress: Sequence[Obj] = (), egress: Sequence[Obj] = (), name: str = "p", **place: int | str
) -> Obj:
    """A ClusterNetworkPolicy of the Admin tier, priority 50, unless stated."""
    spec: Obj = {"tier": "Admin", "priority": 50, **place, "subject": subject}
    return _cluster_policy("ClusterNetworkPolicy", name, spec, ingress, egress)


def anp(
    subject: Obj, *, ingress: Sequence[Obj] = (), egress: Sequence[Obj] = (), name: str = "p", priority: int = 50
) -> Obj:
    """An AdminNetworkPolicy."""
    return _cluster_policy("AdminNetworkPolicy", name, {"priority": priority, "subject": subject}, ingress, egress)


def banp(subject: Obj, *, ingress: Sequence[Obj] = (), egress: Sequence[Obj] = ()) -> Obj:
    """The BaselineAdminNetworkPolicy."""
    return _cluster_policy("BaselineAdminNetworkPolicy", "default", {"subject": subject}, ingress, egress)


def _cluster_policy(kind: str, name: str, spec: Obj, ingress: Sequence[Obj], egress: Sequence[Obj]) -> Obj:
    for direction, key, rules in (("ingress", "from", ingress), ("egress", "to", egress)):
        if rules:
            spec[direction] = [
                {**{name: value for name, value in rule.items() if name != "peers"}, key: rule["peers"]}
                for rule in rules
            ]
    metadata = {"name": name}
    return {"apiVersion": API_VERSIONS[kind], "kind": kind, "metadata": metadata, "spec": spec}
