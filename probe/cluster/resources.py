"""Paths of the API for the kinds of objects that scenarios may change."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from probe.model.scenario import ObjectRef

_COLLECTIONS = {
    "networkpolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "service": ("/api/v1", "services"),
    "configmap": ("/api/v1", "configmaps"),
    "pod": ("/api/v1", "pods"),
}


def object_path(ref: ObjectRef, namespaces: Mapping[str, str]) -> str:
    """The path of an object; its logical namespace is looked up in ``namespaces``."""
    if ref.kind == "namespace":
        return f"/api/v1/namespaces/{quote(namespaces[ref.name])}"
    prefix, plural = _COLLECTIONS[ref.kind]
    return f"{prefix}/namespaces/{quote(namespaces[ref.namespace or ''])}/{plural}/{quote(ref.name)}"


def policy_path(namespace: str, name: str) -> str:
    """The path of a NetworkPolicy in an actual namespace."""
    prefix, plural = _COLLECTIONS["networkpolicy"]
    return f"{prefix}/namespaces/{quote(namespace)}/{plural}/{quote(name)}"
