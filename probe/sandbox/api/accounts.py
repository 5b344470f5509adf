"""``serviceaccounts/token``: a token for a service account (authentication.k8s.io/v1 TokenRequest)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from probe.sandbox.api.context import Context
from probe.sandbox.api.errors import bad_request, conflict, invalid, invalid_object, method_not_allowed
from probe.sandbox.api.forms import encode
from probe.sandbox.api.request import Target, read_object
from probe.sandbox.api.resources import BY_PLURAL, Resource
from probe.sandbox.api.tokens import ISSUER
from probe.sandbox.store import Obj, timestamp

TOKEN_REQUEST: Final = Resource("tokenrequests", "TokenRequest", "authentication.k8s.io")

_DEFAULT_SECONDS: Final = 3600
_LEAST_SECONDS: Final = 600


async def serve_token(ctx: Context, target: Target, request: web.Request) -> web.StreamResponse:
    """POST of a TokenRequest. Raises ApiError, NotFound."""
    if request.method != "POST":
        raise method_not_allowed()
    asked = await read_object(request)
    spec = asked.get("spec") or {}
    namespace, name = target.namespace or "", target.name or ""
    seconds = spec.get("expirationSeconds") or _DEFAULT_SECONDS
    if seconds < _LEAST_SECONDS:
        why = "may not specify a duration less than 10 minutes"
        raise invalid_object(TOKEN_REQUEST, name, [invalid("spec.expirationSeconds", seconds, why)])
    audiences = spec.get("audiences") or [ISSUER]
    pod = _bound_pod(ctx, target, spec.get("boundObjectRef"))
    token = ctx.tokens.issue(namespace, name, pod, seconds=seconds, audiences=audiences)
    expires = timestamp(datetime.now(UTC) + timedelta(seconds=seconds))
    body: Obj = {
        "kind": TOKEN_REQUEST.kind,
        "apiVersion": TOKEN_REQUEST.api_version,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": timestamp()},
        "spec": {**spec, "audiences": audiences, "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": expires},
    }
    return web.Response(body=encode(body), status=201, content_type="application/json")


def _bound_pod(ctx: Context, target: Target, reference: dict[str, Any] | None) -> Obj | None:
    """The pod with which the token is to end."""
    if not reference:
        return None
    if reference.get("kind") != "Pod":
        raise bad_request(f"cannot bind token to object of type {reference.get('kind')}")
    pod = ctx.store.get("pods", target.namespace, reference.get("name") or "")
    if pod["spec"]["serviceAccountName"] != target.name:
        raise bad_request(
            f'cannot bind token for serviceaccount "{target.name}" to pod running with different serviceaccount name.'
        )
    if (uid := reference.get("uid")) and uid != pod["metadata"]["uid"]:
        why = f"the UID in the bound object reference ({uid}) does not match the UID in record. "
        why += "The object might have been deleted and then recreated"
        raise conflict(BY_PLURAL["pods"], pod["metadata"]["name"], why)
    return pod
