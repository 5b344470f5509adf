"""The order of admission: what is filled in before validation, and what may refuse a valid object."""

from __future__ import annotations

from probe.sandbox.api.admission.accounts import admit_account
from probe.sandbox.api.admission.classes import set_priority, set_runtime
from probe.sandbox.api.admission.limits import check_limits, set_limits
from probe.sandbox.api.admission.quota import check_quota
from probe.sandbox.api.errors import forbidden, not_found
from probe.sandbox.api.resources import BY_PLURAL, Resource
from probe.sandbox.api.rules.pod_defaults import qos_class
from probe.sandbox.api.rules.podsecurity import admit_pod
from probe.sandbox.store import Obj, Store


def complete(store: Store, resource: Resource, obj: Obj) -> None:
    """Fill in a new object what the cluster knows better, in place.

    Raises ApiError 403, or 404 for a namespace that is not there.
    """
    if resource.namespaced:
        _check_namespace(store, resource, obj)
    if resource.plural == "pods":
        set_limits(store, obj)
        admit_account(store, obj)
        set_priority(store, obj)
        set_runtime(store, obj)
        obj["status"]["qosClass"] = qos_class(obj["spec"])


def _check_namespace(store: Store, resource: Resource, obj: Obj) -> None:
    name = obj["metadata"]["namespace"]
    namespace = store.find("namespaces", None, name)
    if namespace is None:
        raise not_found(BY_PLURAL["namespaces"], name)
    if "deletionTimestamp" in namespace["metadata"]:
        why = f"unable to create new content in namespace {name} because it is being terminated"
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        raise forbidden(resource, obj["metadata"].get("name") or "", why, [cause])


def admit(store: Store, resource: Resource, obj: Obj, current: Obj | None = None) -> list[str]:
    """Warnings for the client about a valid object, new or changed. Raises ApiError 403."""
    if resource.plural != "pods" or current is not None:
        return []  # of an existing pod only images can change, and those are no matter of Pod Security
    check_limits(store, obj)
    return admit_pod(store.get("namespaces", None, obj["metadata"]["namespace"]), obj)


def admit_last(store: Store, resource: Resource, obj: Obj, current: Obj | None = None) -> None:
    """What is counted, right before the object is kept. Raises ApiError 403, 404."""
    if resource.namespaced:
        if current is None:
            _check_namespace(store, resource, obj)  # again: a webhook may have taken its time
        check_quota(store, resource, obj, current)
