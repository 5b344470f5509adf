"""Whether a valid object may come in: its namespace, and the standards that the namespace enforces."""

from __future__ import annotations

from probe.sandbox.api.errors import forbidden, not_found
from probe.sandbox.api.resources import BY_PLURAL, Resource
from probe.sandbox.api.rules.podsecurity import admit_pod
from probe.sandbox.store import Obj, Store


def admit(store: Store, resource: Resource, obj: Obj, current: Obj | None = None) -> list[str]:
    """Warnings for the client. Raises ApiError 403, or 404 for a namespace that is not there."""
    if not resource.namespaced:
        return []
    name = obj["metadata"]["namespace"]
    namespace = store.find("namespaces", None, name)
    if namespace is None:
        raise not_found(BY_PLURAL["namespaces"], name)
    if current is None and "deletionTimestamp" in namespace["metadata"]:
        why = f"unable to create new content in namespace {name} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        raise forbidden(resource, obj["metadata"]["name"], why, [cause])
    # Of an existing pod only images can change, and those are no matter of Pod Security.
    return admit_pod(namespace, obj) if resource.plural == "pods" and current is None else []
