"""Namespaces: those every cluster has, and the end of those that are deleted."""

from __future__ import annotations

from typing import Final

from probe.sandbox.api.resources import NAMESPACED
from probe.sandbox.store import Obj, Store

FIRST_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
PERMANENT: Final = ("default", "kube-public", "kube-system")


def new_namespace(name: str) -> Obj:
    """A namespace as the API server completes it."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def create_first_namespaces(store: Store) -> None:
    """What is there before anybody asks."""
    for name in FIRST_NAMESPACES:
        if store.find("namespaces", None, name) is None:
            store.create("namespaces", new_namespace(name))


def is_active(store: Store, name: str) -> bool:
    """Whether new objects may be created in the namespace."""
    namespace = store.find("namespaces", None, name)
    return namespace is not None and "deletionTimestamp" not in namespace["metadata"]


async def run_namespaces(store: Store) -> None:
    """Empty terminating namespaces, wait for those who finish their objects, and remove what is empty."""
    plurals = tuple(resource.plural for resource in NAMESPACED)
    async with store.subscribe("namespaces", *plurals) as changes:
        while True:
            touched = {
                event.obj["metadata"]["name" if event.resource == "namespaces" else "namespace"]
                for event in await changes.batch()
                if event.resource == "namespaces" or event.type == "DELETED"
            }
            for name in sorted(touched):
                _terminate(store, name)


def _terminate(store: Store, name: str) -> None:
    namespace = store.find("namespaces", None, name)
    if namespace is None or "deletionTimestamp" not in namespace["metadata"]:
        return
    for resource in NAMESPACED:
        for obj in store.list(resource.plural, name):
            if "deletionTimestamp" not in obj["metadata"]:
                store.delete(resource.plural, name, obj["metadata"]["name"])
    if not any(store.list(resource.plural, name) for resource in NAMESPACED):
        store.finalize("namespaces", None, name, namespace["metadata"]["uid"])
