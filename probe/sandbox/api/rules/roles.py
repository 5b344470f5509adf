"""Roles and bindings (pkg/apis/rbac/validation of Kubernetes)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from probe.sandbox.api.errors import FieldError, invalid, required, unsupported
from probe.sandbox.store import Obj

_GROUP: Final = "rbac.authorization.k8s.io"
_SUBJECTS: Final = ("Group", "ServiceAccount", "User")


def validate_role(role: Obj) -> Iterator[FieldError]:
    """The rules of a Role or ClusterRole."""
    namespaced = role["kind"] == "Role"
    for index, rule in enumerate(role.get("rules") or ()):
        yield from _rule(rule, f"rules[{index}]", namespaced)


def _rule(rule: dict[str, Any], path: str, namespaced: bool) -> Iterator[FieldError]:
    if not rule.get("verbs"):
        yield required(f"{path}.verbs", "verbs must contain at least one value")
    if urls := rule.get("nonResourceURLs"):
        where = f"{path}.nonResourceURLs"
        if namespaced:
            yield invalid(where, " ".join(urls), "namespaced rules cannot apply to non-resource URLs")
        if any(rule.get(field) for field in ("apiGroups", "resources", "resourceNames")):
            yield invalid(where, " ".join(urls), "rules cannot apply to both regular resources and non-resource URLs")
        return
    if not rule.get("apiGroups"):
        yield required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(f"{path}.resources", "resource rules must supply at least one resource")


def default_binding(binding: Obj) -> None:
    """Groups that are left out, in place."""
    if binding.get("roleRef"):
        binding["roleRef"]["apiGroup"] = binding["roleRef"].get("apiGroup") or _GROUP
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
            subject["apiGroup"] = _GROUP


def validate_binding(binding: Obj) -> Iterator[FieldError]:
    """Who is bound, and to what."""
    namespaced = binding["kind"] == "RoleBinding"
    reference = binding.get("roleRef") or {}
    kinds = ("Role", "ClusterRole") if namespaced else ("ClusterRole",)
    if reference.get("apiGroup", _GROUP) != _GROUP:
        yield unsupported("roleRef.apiGroup", reference["apiGroup"], (_GROUP,))
    if reference.get("kind") not in kinds:
        yield unsupported("roleRef.kind", reference.get("kind", ""), kinds)
    if not reference.get("name"):
        yield required("roleRef.name")
    for index, subject in enumerate(binding.get("subjects") or ()):
        path = f"subjects[{index}]"
        if not subject.get("name"):
            yield required(f"{path}.name")
        if subject.get("kind") not in _SUBJECTS:
            yield unsupported(f"{path}.kind", subject.get("kind", ""), _SUBJECTS)
        elif subject["kind"] == "ServiceAccount":
            if subject.get("apiGroup"):
                yield unsupported(f"{path}.apiGroup", subject["apiGroup"], ("",))
            if not namespaced and not subject.get("namespace"):
                yield required(f"{path}.namespace")
        elif subject.get("apiGroup") != _GROUP:
            yield unsupported(f"{path}.apiGroup", subject["apiGroup"], (_GROUP,))


def keep_role(new: Obj, old: Obj) -> Iterator[FieldError]:
    """A binding is for one role for life."""
    if new["roleRef"] != old["roleRef"]:
        reference = new["roleRef"]
        shown = f'{{"apiGroup":"{reference["apiGroup"]}","kind":"{reference["kind"]}","name":"{reference["name"]}"}}'
        yield FieldError("roleRef", "FieldValueInvalid", f"Invalid value: {shown}: cannot change roleRef")
