"""Tables of roles and bindings."""

from __future__ import annotations

from probe.sandbox.api.columns import AGE, CREATED, NAME, Column
from probe.sandbox.store import Obj


def access_tables() -> dict[str, tuple[Column, ...]]:
    """By plural."""
    binding = (
        NAME,
        Column("Role", lambda obj: f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}"),
        AGE,
        Column("Users", lambda obj: _subjects(obj, "User"), wide=True),
        Column("Groups", lambda obj: _subjects(obj, "Group"), wide=True),
        Column("ServiceAccounts", lambda obj: _subjects(obj, "ServiceAccount"), wide=True),
    )
    return {
        "roles": (NAME, CREATED),
        "clusterroles": (NAME, CREATED),
        "rolebindings": binding,
        "clusterrolebindings": binding,
    }


def _subjects(binding: Obj, kind: str) -> str:
    found = (subject for subject in binding.get("subjects") or () if subject["kind"] == kind)
    return ", ".join(f"{item['namespace']}/{item['name']}" if "namespace" in item else item["name"] for item in found)
