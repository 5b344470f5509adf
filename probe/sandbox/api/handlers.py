"""From an HTTP request on a resource to its verb."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from probe.sandbox.api.accounts import serve_token
from probe.sandbox.api.auth.middleware import user_of
from probe.sandbox.api.context import CONTEXT, Context
from probe.sandbox.api.errors import bad_request, details, method_not_allowed, unsupported_media
from probe.sandbox.api.exec import serve_exec
from probe.sandbox.api.forms import Form, encode, negotiate
from probe.sandbox.api.kinds import KINDS
from probe.sandbox.api.logs import serve_log
from probe.sandbox.api.patch_json import json_patch, merge_patch
from probe.sandbox.api.patch_strategic import strategic_merge
from probe.sandbox.api.podverbs import bind, evict
from probe.sandbox.api.reads import get, list_objects, select
from probe.sandbox.api.request import JSON, Target, flag, parse, read_object, read_options, resolve
from probe.sandbox.api.resources import BY_PLURAL, Resource
from probe.sandbox.api.reviews import review
from probe.sandbox.api.watch import watch
from probe.sandbox.api.writes import Write, apply_object, create, delete, patch, update
from probe.sandbox.store import NotFound, Obj

MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"


async def serve_resource(request: web.Request) -> web.StreamResponse:
    """Everything below ``/api/v1/`` and ``/apis/<group>/<version>/``. Raises ApiError, StoreError."""
    ctx = request.app[CONTEXT]
    target = resolve(request.path, ctx.served)
    if target.subresource in _SUBRESOURCES:
        return await _SUBRESOURCES[target.subresource](ctx, target, request)
    form = negotiate(target.resource, request.headers.get("Accept", ""), request.query)
    if target.resource.view:
        target = replace(target, resource=BY_PLURAL[target.resource.plural])
    verb = _verb(request, target)
    if verb not in _allowed(target):
        raise method_not_allowed()
    if target.resource.verbs == ("create",):
        return answer(review(ctx, user_of(request), target, await read_object(request)), 201)
    match verb:
        case "get":
            return answer(get(ctx, target, form))
        case "list":
            return answer(list_objects(ctx, target, request.query, form))
        case "watch":
            return await watch(ctx, target, request, form)
        case "create":
            return await _create(ctx, target, request, form)
        case "update":
            body, write = form.read(await read_object(request)), _write(request)
            return _written(form, await update(ctx, target, body, write), write)
        case "patch":
            return await _patch(ctx, target, request, form)
        case "delete":
            return await _delete(ctx, target, request, form)
        case _:
            return await _delete_collection(ctx, target, request, form)


def _verb(request: web.Request, target: Target) -> str:
    one = target.name is not None
    match request.method:
        case "GET" | "HEAD":
            if flag(request.query, "watch"):
                return "watch"
            return "get" if one else "list"
        case "POST" if not one:
            return "create"
        case "PUT" if one:
            return "update"
        case "PATCH" if one:
            return "patch"
        case "DELETE":
            return "delete" if one else "deletecollection"
        case _:
            return ""


def _allowed(target: Target) -> tuple[str, ...]:
    return target.resource.subresources[target.subresource] if target.subresource else target.resource.verbs


def _write(request: web.Request) -> Write:
    return Write.of(request.query, request.headers.get("User-Agent", ""), user_of(request))


async def _create(ctx: Context, target: Target, request: web.Request, form: Form) -> web.Response:
    body, write = form.read(await read_object(request)), _write(request)
    return _written(form, await create(ctx, target, body, write), write, 201)


async def _patch(ctx: Context, target: Target, request: web.Request, form: Form) -> web.Response:
    kind, write = request.content_type, _write(request)
    # What merges custom resources knows no merge keys.
    accepted = [it for it in (*_PATCHES, APPLY_PATCH) if it != STRATEGIC_PATCH or not target.resource.custom]
    if kind not in accepted:
        raise unsupported_media(kind, accepted)
    body = parse(await request.read())
    if kind == APPLY_PATCH:
        if not request.query.get("fieldManager"):
            raise bad_request("fieldManager: Required value: is required for apply patch")
        if not isinstance(body, dict):
            raise bad_request("the body of the request must be an object")
        applied, created = await apply_object(ctx, target, form.read(body), write)
        return _written(form, applied, write, 201 if created else 200)

    def change(current: Obj) -> Any:
        return form.read(_PATCHES[kind](form.resource, form.shown(current), body))

    return _written(form, await patch(ctx, target, change, write), write)


_PATCHES: Final[dict[str, Callable[[Resource, Obj, Any], Any]]] = {
    JSON_PATCH: lambda resource, current, body: json_patch(current, body),
    MERGE_PATCH: lambda resource, current, body: merge_patch(current, body),
    STRATEGIC_PATCH: lambda resource, current, body: strategic_merge(KINDS[resource.shape], current, body),
}


async def _delete(ctx: Context, target: Target, request: web.Request, form: Form) -> web.Response:
    options, write = await read_options(request), _write(request)
    write.dry_run = write.dry_run or bool(options.get("dryRun"))
    deleted = await delete(ctx, target, options, request.query, write)
    # Those that others finish deleting are answered as they are; of the others nothing is left to show.
    if target.resource.plural == "pods" or "deletionTimestamp" in deleted["metadata"]:
        return _written(form, deleted, write)
    gone = {**details(target.resource, target.name), "uid": deleted["metadata"]["uid"]}
    return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": gone})


async def _delete_collection(ctx: Context, target: Target, request: web.Request, form: Form) -> web.Response:
    options, write = await read_options(request), _write(request)
    if target.resource.namespaced and target.namespace is None:
        raise method_not_allowed()
    deleted = []
    for obj in select(ctx, target, request.query):
        one = Target(target.resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
        try:
            deleted.append(await delete(ctx, one, options, request.query, write))
        except NotFound:
            continue
    return answer(form.many(deleted, {"resourceVersion": str(ctx.store.revision)}))


_SUBRESOURCES: Final = {
    "exec": serve_exec,
    "log": serve_log,
    "binding": bind,
    "eviction": evict,
    "token": serve_token,
}


def answer(body: Any, status: int = 200) -> web.Response:
    """A JSON response."""
    return web.Response(body=encode(body), status=status, content_type=JSON)


def _written(form: Form, obj: Obj, write: Write, status: int = 200) -> web.Response:
    response = answer(form.one(obj), status)
    for warning in dict.fromkeys(write.warnings):
        text = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    return response
