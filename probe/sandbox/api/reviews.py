"""Questions about oneself: there is one user, and that user may do everything."""

from __future__ import annotations

from typing import Any, Final

USER: Final = "cni-probe"

_GROUPS: Final = ["system:masters", "system:authenticated"]


def review(kind: str, asked: dict[str, Any]) -> dict[str, Any]:
    """The answered SelfSubjectAccessReview, SelfSubjectRulesReview or SelfSubjectReview."""
    return {**asked, "kind": kind, "metadata": {"creationTimestamp": None}, "status": _status(kind)}


def _status(kind: str) -> dict[str, Any]:
    if kind == "SelfSubjectAccessReview":
        return {"allowed": True, "reason": "this cluster has one user"}
    if kind == "SelfSubjectRulesReview":
        return {
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": False,
        }
    return {"userInfo": {"username": USER, "groups": _GROUPS}}
