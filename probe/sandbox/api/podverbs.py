"""Pods' verbs of their own: binding to a node, and eviction."""

from __future__ import annotations

from aiohttp import web

from probe.sandbox.api.context import Context
from probe.sandbox.api.errors import conflict, invalid_object, method_not_allowed, required
from probe.sandbox.api.forms import encode
from probe.sandbox.api.request import Target, read_object
from probe.sandbox.controllers.conditions import set_condition
from probe.sandbox.controllers.scheduler import assign
from probe.sandbox.store import Obj


async def bind(ctx: Context, target: Target, request: web.Request) -> web.StreamResponse:
    """POST of a Binding: what a scheduler does. Raises ApiError, NotFound."""
    if request.method != "POST":
        raise method_not_allowed()
    node = ((await read_object(request)).get("target") or {}).get("name")
    name = target.name or ""
    if not node:
        raise invalid_object(target.resource, name, [required("target.name")])
    pod = ctx.store.get("pods", target.namespace, name)
    if pod["spec"].get("nodeName"):
        raise conflict(target.resource, name, f'pod {name} is already assigned to node "{pod["spec"]["nodeName"]}"')
    ctx.store.modify("pods", target.namespace, name, lambda draft: assign(draft, node))
    return _success(201)


async def evict(ctx: Context, target: Target, request: web.Request) -> web.StreamResponse:
    """POST of an Eviction: a delete, as there are no disruption budgets. Raises ApiError, NotFound, Conflict."""
    if request.method != "POST":
        raise method_not_allowed()
    options = (await read_object(request)).get("deleteOptions") or {}
    uid = (options.get("preconditions") or {}).get("uid")
    grace, name = options.get("gracePeriodSeconds"), target.name or ""
    pod = ctx.store.get("pods", target.namespace, name)
    ctx.store.check("pods", pod, uid=uid, resource_version=None)
    if request.query.get("dryRun") != "All" and not options.get("dryRun"):
        ctx.store.modify("pods", target.namespace, name, _disrupt)
        ctx.store.delete("pods", target.namespace, name, uid=uid, grace_seconds=grace)
    return _success(201)


def _disrupt(pod: Obj) -> None:
    """Say, in place, that the pod was evicted: what tells its end from any other."""
    set_condition(pod, "DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting")


def _success(status: int) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": status}
    return web.Response(body=encode(body), status=status, content_type="application/json")
