"""Namespaces: those every cluster has, and the end of those that are deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from probe.sandbox.api.resources import NAMESPACED, Resource
from probe.sandbox.controllers.conditions import set_condition
from probe.sandbox.store import Obj, Store

FIRST_NAMESPACES: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
FINALIZER: Final = "kubernetes"
PERMANENT: Final = ("default", "kube-public", "kube-system")


def new_namespace(name: str) -> Obj:
    """A namespace as the API server completes it."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
        "spec": {"finalizers": [FINALIZER]},
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
    if not _finalizers(namespace):
        # Somebody took the last finalizer away by hand: it goes, whatever is in it.
        store.finalize("namespaces", None, name, namespace["metadata"]["uid"])
        return
    for resource in _due(store, name):
        for obj in store.list(resource.plural, name):
            if "deletionTimestamp" not in obj["metadata"]:
                store.delete(resource.plural, name, obj["metadata"]["name"])
    left = [(resource, objects) for resource in NAMESPACED if (objects := store.list(resource.plural, name))]
    store.modify("namespaces", None, name, lambda draft: _tell(draft, left))
    if not left:
        _release(store, name)


def _due(store: Store, name: str) -> Iterable[Resource]:
    """What may be deleted now: while there are pods these alone, so that their policies hold to the end (KEP-5080)."""
    pods = [resource for resource in NAMESPACED if resource.plural == "pods"]
    return pods if store.list("pods", name) else NAMESPACED


def _finalizers(namespace: Obj) -> list[str]:
    spec: list[str] = (namespace.get("spec") or {}).get("finalizers") or []
    return [*spec, *(namespace["metadata"].get("finalizers") or ())]


def _release(store: Store, name: str) -> None:
    """Nothing is left in it: Kubernetes holds it no more; others may."""

    def drop(draft: Obj) -> None:
        draft["spec"]["finalizers"] = [item for item in draft["spec"].get("finalizers") or () if item != FINALIZER]

    namespace = store.modify("namespaces", None, name, drop)
    if namespace is not None and not _finalizers(namespace):
        store.finalize("namespaces", None, name, namespace["metadata"]["uid"])


def _tell(namespace: Obj, left: Sequence[tuple[Resource, list[Obj]]]) -> None:
    """Why the namespace is still there, in place, in the words of Kubernetes' namespace controller."""
    counts = sorted(f"{item.plural}.{item.group} has {len(objects)} resource instances" for item, objects in left)
    holders = Counter(
        holder for _, objects in left for obj in objects for holder in obj["metadata"].get("finalizers") or ()
    )
    held = sorted(f"{holder} in {count} resource instances" for holder, count in holders.items())
    for kind, reason, message in _FINE:
        _condition(namespace, kind, "False", reason, message)
    for kind, trouble, prefix, found, fine, message in (
        ("NamespaceContentRemaining", "SomeResourcesRemain", "Some resources are remaining: ", counts, *_REMOVED),
        ("NamespaceFinalizersRemaining", "SomeFinalizersRemain", _HELD, held, *_FINISHED),
    ):
        if found:
            _condition(namespace, kind, "True", trouble, prefix + ", ".join(found))
        else:
            _condition(namespace, kind, "False", fine, message)


_FINE: Final = (
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    ("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
)
_REMOVED: Final = ("ContentRemoved", "All content successfully removed")
_HELD: Final = "Some content in the namespace has finalizers remaining: "
_FINISHED: Final = ("ContentHasNoFinalizers", "All content-preserving finalizers finished")


def _condition(namespace: Obj, kind: str, status: str, reason: str, message: str) -> None:
    set_condition(namespace, kind, status, reason, message)
    for item in namespace["status"]["conditions"]:
        item.pop("lastProbeTime", None)  # pods have it, namespaces do not
