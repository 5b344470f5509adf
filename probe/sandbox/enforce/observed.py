"""The API objects that enforcement follows, each as last seen, read once a change."""

from __future__ import annotations

from typing import Any

from probe.sandbox.enforce.read import Obj, read_node, read_pod, read_policy, read_services
from probe.sandbox.enforce.readcluster import read_cluster_policy
from probe.sandbox.enforce.view import ClusterPolicy, ClusterView, Node, Pod, Policy, Service

CLUSTER_POLICIES = ("clusternetworkpolicies", "adminnetworkpolicies", "baselineadminnetworkpolicies")
RESOURCES = ("nodes", "namespaces", "pods", "networkpolicies", *CLUSTER_POLICIES, "services", "endpointslices")
"""Resources of the store, in an order in which an object's surroundings come first."""

Key = tuple[str, str]


class Observed:
    """Objects in, view out. Nothing here remembers what an object was before."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._namespaces: dict[str, dict[str, str]] = {}
        self._pods: dict[Key, Pod] = {}
        self._policies: dict[Key, Policy] = {}
        self._cluster_policies: dict[Key, ClusterPolicy] = {}
        self._services: dict[Key, Obj] = {}
        self._slices: dict[Key, Obj] = {}
        self._translations: tuple[Service, ...] | None = None

    def put(self, resource: str, obj: dict[str, Any]) -> None:
        """An object exists, or has changed. Raises SandboxError when it cannot be read."""
        key = _key(obj)
        match resource:
            case "nodes":
                self._nodes[key[1]] = read_node(obj)
            case "namespaces":
                self._namespaces[key[1]] = obj["metadata"].get("labels") or {}
            case "pods":
                self._pods[key] = read_pod(obj)
            case "networkpolicies":
                self._policies[key] = read_policy(obj)
            case "clusternetworkpolicies" | "adminnetworkpolicies" | "baselineadminnetworkpolicies":
                self._cluster_policies[resource, key[1]] = read_cluster_policy(obj)
            case "services" | "endpointslices":
                (self._services if resource == "services" else self._slices)[key] = obj
                self._translations = None

    def drop(self, resource: str, obj: dict[str, Any]) -> None:
        """An object is gone."""
        key = _key(obj)
        match resource:
            case "nodes":
                self._nodes.pop(key[1], None)
            case "namespaces":
                self._namespaces.pop(key[1], None)
            case "pods":
                self._pods.pop(key, None)
            case "networkpolicies":
                self._policies.pop(key, None)
            case "clusternetworkpolicies" | "adminnetworkpolicies" | "baselineadminnetworkpolicies":
                self._cluster_policies.pop((resource, key[1]), None)
            case "services" | "endpointslices":
                (self._services if resource == "services" else self._slices).pop(key, None)
                self._translations = None

    @property
    def view(self) -> ClusterView:
        """Everything as it is now; policies in order of their names, so that equal clusters compile equally."""
        if self._translations is None:
            self._translations = read_services(self._services.values(), self._slices.values())
        return ClusterView(
            pods=tuple(self._pods.values()),
            namespaces=dict(self._namespaces),
            policies=tuple(self._policies[key] for key in sorted(self._policies)),
            services=self._translations,
            nodes=dict(self._nodes),
            cluster_policies=tuple(self._cluster_policies[key] for key in sorted(self._cluster_policies)),
        )


def _key(obj: dict[str, Any]) -> Key:
    meta = obj["metadata"]
    return meta.get("namespace") or "", meta["name"]
