"""Get and list, with the semantics of resourceVersion, limit and continue."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from probe.sandbox.api.context import Context
from probe.sandbox.api.errors import ApiError, bad_request
from probe.sandbox.api.forms import Form
from probe.sandbox.api.request import Target, number, revision
from probe.sandbox.api.selectors import matcher
from probe.sandbox.store import Obj


def get(ctx: Context, target: Target, form: Form) -> Any:
    """One object. Raises NotFound."""
    return form.one(ctx.store.get(target.resource.plural, target.namespace, target.name or ""))


def select(ctx: Context, target: Target, query: Mapping[str, str]) -> list[Obj]:
    """All objects that the namespace and the selectors of a request select. Raises ApiError 400."""
    match = matcher(target.resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    objects = ctx.store.list(target.resource.plural, target.namespace)
    return objects if match is None else [obj for obj in objects if match(obj)]


def list_objects(ctx: Context, target: Target, query: Mapping[str, str], form: Form) -> Any:
    """A list, or a page of one.

    Later pages show the objects as they are by then under the first page's resourceVersion: a watch from there
    repeats what changed meanwhile, so nothing is missed. Raises ApiError 400, 410, 504.
    """
    at, after = ctx.store.revision, ("", "")
    if token := query.get("continue"):
        at, after = _read_token(token)
        ctx.store.check_history(target.resource.plural, at)
    else:
        _check_version(ctx, query)
    objects = select(ctx, target, query)
    if token:
        objects = [obj for obj in objects if _key(obj) > after]
    meta: dict[str, Any] = {"resourceVersion": str(at)}
    limit = number(query, "limit")
    if limit and limit < len(objects):
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            meta["remainingItemCount"] = len(objects) - limit
        objects = objects[:limit]
        meta["continue"] = _write_token(at, objects[-1])
    return form.many(objects, meta)


def _check_version(ctx: Context, query: Mapping[str, str]) -> None:
    """Of the versions one may ask for, only the present one is kept: older exact ones have expired."""
    asked, how = revision(query.get("resourceVersion")), query.get("resourceVersionMatch", "")
    if how not in ("", "Exact", "NotOlderThan"):
        raise bad_request(f'resourceVersionMatch: Unsupported value: "{how}"')
    if asked is not None and asked > ctx.store.revision:
        message = f"Too large resource version: {asked}, current: {ctx.store.revision}"
        raise ApiError(504, "Timeout", message, {"causes": [{"reason": "ResourceVersionTooLarge", "message": message}]})
    if asked is not None and how == "Exact" and asked != ctx.store.revision:
        raise ApiError(410, "Expired", f"The provided resource version {asked} is too old")


def _key(obj: Obj) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _write_token(at: int, last: Obj) -> str:
    return base64.urlsafe_b64encode(json.dumps([at, *_key(last)]).encode()).decode()


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        at, namespace, name = json.loads(base64.urlsafe_b64decode(token))
        return int(at), (str(namespace), str(name))
    except (ValueError, TypeError):
        raise bad_request("continue key is not valid") from None
