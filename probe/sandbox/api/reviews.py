"""Questions about access: who one is, what one (or somebody else) may do. Answered by the authorizer itself."""

from __future__ import annotations

from typing import Any

from probe.sandbox.api.auth.attributes import Attributes
from probe.sandbox.api.auth.rbac import Rbac
from probe.sandbox.api.auth.users import User
from probe.sandbox.api.context import Context
from probe.sandbox.api.errors import ApiError, FieldError, bad_request, invalid, invalid_object, required
from probe.sandbox.api.request import Target
from probe.sandbox.api.tokens import ISSUER
from probe.sandbox.store import Obj


def review(ctx: Context, user: User, target: Target, asked: Obj) -> Obj:
    """The answered review. Raises ApiError 400, 422."""
    kind, spec, rbac = target.resource.kind, asked.get("spec") or {}, ctx.rbac
    match kind:
        case "SelfSubjectReview":
            status: Obj = {"userInfo": user.info}
        case "TokenReview":
            status = _token(ctx, spec)
        case "SelfSubjectRulesReview":
            if not spec.get("namespace"):
                raise bad_request("no namespace on request")
            status = _rules(rbac, user, spec["namespace"])
        case "SelfSubjectAccessReview":
            status = _access(rbac, user, _wanted(target, spec))
        case _:
            status = _access(rbac, _subject(target, spec), _wanted(target, spec))
    meta = {**(asked.get("metadata") or {}), "creationTimestamp": None}
    return {**asked, "apiVersion": target.resource.api_version, "kind": kind, "metadata": meta, "status": status}


def _token(ctx: Context, spec: Obj) -> Obj:
    user = ctx.tokens.authenticate(spec.get("token") or "")
    if user is None:
        return {"user": {}, "error": "[invalid bearer token]"}
    return {"authenticated": True, "user": user.info, "audiences": [ISSUER]}


def _access(rbac: Rbac, user: User, wanted: Attributes) -> Obj:
    decision = rbac.authorize(user, wanted)
    return {"allowed": decision.allowed, **({"reason": decision.reason} if decision.reason else {})}


def _subject(target: Target, spec: Obj) -> User:
    if not spec.get("user") and not spec.get("groups"):
        raise _refused(target, invalid("spec.user", "", "at least one of user or group must be specified"))
    extra = spec.get("extra") or {}
    return User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)


def _wanted(target: Target, spec: Obj) -> Attributes:
    resource, url = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is None and url is not None:
        return Attributes(url.get("verb") or "", path=url.get("path") or "")
    if resource is None or url is not None:
        what = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _refused(target, required("spec.resourceAttributes", what))
    namespace = resource.get("namespace") or ""
    if target.namespace is not None and namespace != target.namespace:
        why = f"must match metadata.namespace: {target.namespace}"
        raise _refused(target, invalid("spec.resourceAttributes.namespace", namespace, why))
    fields = ("verb", "group", "version", "resource", "subresource", "namespace", "name")
    return Attributes(**{field: resource.get(field) or "" for field in fields})


def _refused(target: Target, error: FieldError) -> ApiError:
    return invalid_object(target.resource, "", [error])


def _rules(rbac: Rbac, user: User, namespace: str) -> Obj:
    """All that the user may do in a namespace: one entry a rule."""
    resources: list[dict[str, Any]] = []
    urls: list[dict[str, Any]] = []
    missing = []
    for granted in rbac.granted(user, namespace):
        if granted.rule is None:
            missing.append(granted.source)
        elif granted.rule.get("nonResourceURLs"):
            urls.append({key: granted.rule[key] for key in ("verbs", "nonResourceURLs")})
        else:
            kept = ("verbs", "apiGroups", "resources", "resourceNames")
            resources.append({key: granted.rule[key] for key in kept if granted.rule.get(key)})
    status: Obj = {"resourceRules": resources, "nonResourceRules": urls, "incomplete": False}
    return {**status, "evaluationError": "; ".join(missing)} if missing else status
