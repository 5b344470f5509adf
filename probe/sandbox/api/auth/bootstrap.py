"""The cluster roles and bindings that a cluster has before anybody makes one.

After plugin/pkg/auth/authorizer/rbac/bootstrappolicy of Kubernetes, as far as their resources are served here. The
roles ``view``, ``edit`` and ``admin`` are aggregated from roles with a label, as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from probe.sandbox.api.auth.users import AUTHENTICATED, MASTERS
from probe.sandbox.api.selectors import selects
from probe.sandbox.store import Obj, Store

GROUP: Final = "rbac.authorization.k8s.io"

_API_VERSION: Final = f"{GROUP}/v1"
_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
_HEALTH: Final = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_DISCOVERY: Final = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_HEALTH)


def create_first_roles(store: Store) -> None:
    """Create what is missing."""
    for plural, obj in _first_objects():
        if store.find(plural, None, obj["metadata"]["name"]) is None:
            store.create(plural, obj)
    aggregate(store)


def aggregate(store: Store) -> None:
    """Give every ClusterRole with an aggregationRule the rules of those that it selects."""
    changed = True
    while changed:  # once more: what is collected may be collected from
        changed = False
        for role in store.list("clusterroles"):
            if role.get("aggregationRule") and not _same(rules := _collected(store, role), role.get("rules") or []):
                _set_rules(store, role, rules)
                changed = True


def _same(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> bool:
    """In any order: roles that select each other would trade places for ever."""
    return len(one) == len(other) and all(rule in other for rule in one)


def _collected(store: Store, role: Obj) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for selector in role["aggregationRule"].get("clusterRoleSelectors") or ():
        for other in store.list("clusterroles"):
            same = other["metadata"]["name"] == role["metadata"]["name"]
            if not same and selects(selector, other["metadata"].get("labels") or {}):
                found += (rule for rule in other.get("rules") or () if rule not in found)
    return found


def _set_rules(store: Store, role: Obj, rules: list[dict[str, Any]]) -> None:
    store.modify("clusterroles", None, role["metadata"]["name"], lambda draft: draft.update(rules=rules))


def _first_objects() -> Iterator[tuple[str, Obj]]:
    everything = [_rule(("*",), ("*",), ("*",)), {"verbs": ["*"], "nonResourceURLs": ["*"]}]
    yield "clusterroles", _role("cluster-admin", everything)
    yield "clusterroles", _role("system:public-info-viewer", [{"verbs": ["get"], "nonResourceURLs": [*_HEALTH]}])
    yield "clusterroles", _role("system:discovery", [{"verbs": ["get"], "nonResourceURLs": [*_DISCOVERY]}])
    asking = _rule(("authorization.k8s.io",), ("selfsubjectaccessreviews", "selfsubjectrulesreviews"), ("create",))
    oneself = _rule(("authentication.k8s.io",), ("selfsubjectreviews",), ("create",))
    yield "clusterroles", _role("system:basic-user", [asking, oneself])
    yield "clusterroles", _aggregated("admin", ("admin", "edit", "view"))
    yield "clusterroles", _aggregated("edit", ("edit", "view"), "admin")
    yield "clusterroles", _aggregated("view", ("view",), "edit")
    for name, rules in (("view", _VIEW), ("edit", _EDIT), ("admin", _ADMIN)):
        yield "clusterroles", _role(f"system:aggregate-to-{name}", list(rules), {_label(name): "true"})
    yield "clusterrolebindings", _binding("cluster-admin", MASTERS)
    for name in ("system:basic-user", "system:discovery", "system:public-info-viewer"):
        yield "clusterrolebindings", _binding(name, AUTHENTICATED)


def _label(name: str) -> str:
    return f"{GROUP}/aggregate-to-{name}"


def _rule(groups: Sequence[str], resources: Sequence[str], verbs: Sequence[str]) -> dict[str, Any]:
    return {"verbs": [*verbs], "apiGroups": [*groups], "resources": [*resources]}


def _object(kind: str, name: str, labels: dict[str, str]) -> Obj:
    marks = {"kubernetes.io/bootstrapping": "rbac-defaults", **labels}
    keep = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": {"name": name, "labels": marks, "annotations": keep}}


def _role(name: str, rules: list[dict[str, Any]], labels: dict[str, str] | None = None) -> Obj:
    return {**_object("ClusterRole", name, labels or {}), "rules": rules}


def _aggregated(name: str, sources: Sequence[str], into: str = "") -> Obj:
    selectors = [{"matchLabels": {_label(source): "true"}} for source in sources]
    labels = {_label(into): "true"} if into else {}
    return {**_role(name, [], labels), "aggregationRule": {"clusterRoleSelectors": selectors}}


def _binding(name: str, group: str) -> Obj:
    return {
        **_object("ClusterRoleBinding", name, {}),
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": GROUP, "kind": "Group", "name": group}],
    }


_VIEW: Final = (
    _rule(
        ("",),
        ("configmaps", "endpoints", "events", "limitranges", "namespaces", "pods", "pods/log", "pods/status"),
        _READ,
    ),
    _rule(
        ("",),
        ("resourcequotas", "resourcequotas/status", "serviceaccounts", "services", "services/status"),
        _READ,
    ),
    _rule(("apps",), ("daemonsets", "daemonsets/status", "deployments", "deployments/status"), _READ),
    _rule(("batch",), ("jobs", "jobs/status"), _READ),
    _rule(("discovery.k8s.io",), ("endpointslices",), _READ),
    _rule(("networking.k8s.io",), ("networkpolicies",), _READ),
)
_EDIT: Final = (
    _rule(("",), ("pods/exec", "secrets"), _READ),
    _rule(("",), ("serviceaccounts",), ("impersonate",)),
    _rule(("",), ("pods", "pods/exec"), _WRITE),
    _rule(("",), ("pods/eviction", "serviceaccounts/token"), ("create",)),
    _rule(("",), ("configmaps", "events", "secrets", "serviceaccounts", "services"), _WRITE),
    _rule(("apps",), ("daemonsets", "deployments"), _WRITE),
    _rule(("batch",), ("jobs",), _WRITE),
    _rule(("networking.k8s.io",), ("networkpolicies",), _WRITE),
)
_ADMIN: Final = (
    _rule(("authorization.k8s.io",), ("localsubjectaccessreviews",), ("create",)),
    _rule((GROUP,), ("rolebindings", "roles"), (*_READ, *_WRITE)),
)
