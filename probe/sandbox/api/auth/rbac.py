"""The authorizer: roles and bindings as they are in the store at the moment of the request.

What no rule allows is denied; there are no rules that deny. https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from probe.sandbox.api.auth.attributes import Attributes
from probe.sandbox.api.auth.rules import allows
from probe.sandbox.api.auth.users import MASTERS, User, account_name
from probe.sandbox.store import Obj, Store


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether, and why; a denial needs no reason unless a role is missing."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """One rule that somebody has, and through what. ``rule`` is None for a binding whose role is not there."""

    rule: dict[str, Any] | None
    source: str


class Rbac:
    """Answers from the store; keeps nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def authorize(self, user: User, wanted: Attributes) -> Decision:
        """Whether the user may do it."""
        if MASTERS in user.groups:
            return Decision(True)
        missing = []
        for granted in self.granted(user, wanted.namespace):
            if granted.rule is None:
                missing.append(granted.source)
            elif allows(granted.rule, wanted):
                return Decision(True, f"RBAC: allowed by {granted.source}")
        if len(missing) > 1:
            return Decision(False, f"RBAC: [{', '.join(dict.fromkeys(missing))}]")
        return Decision(False, f"RBAC: {missing[0]}" if missing else "")

    def granted(self, user: User, namespace: str) -> Iterator[Granted]:
        """All rules that hold for the user at the cluster scope and, unless it is empty, in the namespace."""
        for binding in self._store.list("clusterrolebindings"):
            yield from self._bound(user, binding, "")
        for binding in self._store.list("rolebindings", namespace) if namespace else ():
            yield from self._bound(user, binding, namespace)

    def _bound(self, user: User, binding: Obj, namespace: str) -> Iterator[Granted]:
        subject = next((item for item in binding.get("subjects") or () if _is(user, item, namespace)), None)
        if subject is None:
            return
        reference = binding["roleRef"]
        kind, name = reference["kind"], reference["name"]
        plural, space = ("clusterroles", None) if kind == "ClusterRole" else ("roles", namespace)
        role = self._store.find(plural, space, name)
        if role is None:
            yield Granted(None, f'{kind.lower()}.rbac.authorization.k8s.io "{name}" not found')
            return
        bound = binding["metadata"]["name"] + (f"/{namespace}" if namespace else "")
        source = f'{binding["kind"]} "{bound}" of {kind} "{name}" to {_described(subject, namespace)}'
        for rule in role.get("rules") or ():
            yield Granted(rule, source)


def _is(user: User, subject: dict[str, Any], namespace: str) -> bool:
    match subject.get("kind"):
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            space = subject.get("namespace") or namespace
            return bool(space) and account_name(space, subject["name"]) == user.name
        case _:
            return False


def _described(subject: dict[str, Any], namespace: str) -> str:
    if subject["kind"] == "ServiceAccount":
        return f'ServiceAccount "{subject["name"]}/{subject.get("namespace") or namespace}"'
    return f'{subject["kind"]} "{subject["name"]}"'
