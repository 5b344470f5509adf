"""Paths of the API for the kinds of objects that scenarios may change."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from probe.model.clusterpolicy import API_VERSIONS, PLURALS
from probe.model.manifest import ObjectRef

CLUSTER_POLICIES = {kind.lower(): (f"/apis/{version}", PLURALS[kind]) for kind, version in API_VERSIONS.items()}
"""Kinds of policies outside of any namespace: where they are."""

POLICIES = ("networkpolicy", *CLUSTER_POLICIES)
"""Kinds of policies."""

_COLLECTIONS = {
    "networkpolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "service": ("/api/v1", "services"),
    "configmap": ("/api/v1", "configmaps"),
    "pod": ("/api/v1", "pods"),
    "namespace": ("/api/v1", "namespaces"),
    **CLUSTER_POLICIES,
}


def object_path(ref: ObjectRef, namespaces: Mapping[str, str]) -> str:
    """The path of an object in a namespace, or of a namespace; its logical name is looked up in ``namespaces``."""
    if ref.kind == "namespace":
        return f"{collection_path(ref.kind)}/{quote(namespaces[ref.name])}"
    prefix, plural = _COLLECTIONS[ref.kind]
    return f"{prefix}/namespaces/{quote(namespaces[ref.namespace or ''])}/{plural}/{quote(ref.name)}"


def policy_path(namespace: str, name: str) -> str:
    """The path of a NetworkPolicy in an actual namespace."""
    prefix, plural = _COLLECTIONS["networkpolicy"]
    return f"{prefix}/namespaces/{quote(namespace)}/{plural}/{quote(name)}"


def cluster_policy_path(kind: str, name: str) -> str:
    """The path of a cluster-scoped policy of an actual name."""
    return f"{collection_path(kind)}/{quote(name)}"


def collection_path(kind: str) -> str:
    """The path of all objects of a kind, of whatever namespace."""
    prefix, plural = _COLLECTIONS[kind]
    return f"{prefix}/{plural}"
