"""What a PolicyRule of a role covers (rbac.authorization.k8s.io/v1, pkg/apis/rbac/v1/evaluation_helpers.go)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from probe.sandbox.api.auth.attributes import Attributes

ALL = "*"


def allows(rule: dict[str, Any], wanted: Attributes) -> bool:
    """Whether one rule allows what a request wants."""
    if not _has(rule.get("verbs"), wanted.verb):
        return False
    if wanted.path:
        return any(_covers_path(url, wanted.path) for url in rule.get("nonResourceURLs") or ())
    return (
        _has(rule.get("apiGroups"), wanted.group)
        and _covers_resource(rule.get("resources") or (), wanted)
        and (not rule.get("resourceNames") or wanted.name in rule["resourceNames"])
    )


def _has(stated: Sequence[str] | None, wanted: str) -> bool:
    return stated is not None and (ALL in stated or wanted in stated)


def _covers_resource(resources: Sequence[str], wanted: Attributes) -> bool:
    if ALL in resources or wanted.full_resource in resources:
        return True
    return bool(wanted.subresource) and f"{ALL}/{wanted.subresource}" in resources


def _covers_path(url: str, path: str) -> bool:
    return url in (ALL, path) or (url.endswith(ALL) and path.startswith(url.rstrip(ALL)))
