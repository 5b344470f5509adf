"""Create, update, patch and delete: from a request's body to what the store keeps.

The order is Kubernetes': decode, defaults, admission, validation, webhooks, storage. From reading the stored object to
writing it is one atomic step, unless a webhook is asked in between: if somebody else was faster then, it is done again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from probe.sandbox.api.admission.chain import admit, admit_last
from probe.sandbox.api.admission.webhooks import Operation, ask
from probe.sandbox.api.apply import APPLY, UPDATE, Manager, apply, track_update
from probe.sandbox.api.auth.attributes import Attributes
from probe.sandbox.api.auth.middleware import require
from probe.sandbox.api.auth.users import ADMIN, User
from probe.sandbox.api.context import Context
from probe.sandbox.api.decode import WARN, decode
from probe.sandbox.api.entry import enter
from probe.sandbox.api.errors import ApiError, bad_request, conflict, forbidden, invalid, invalid_object
from probe.sandbox.api.kinds import KINDS
from probe.sandbox.api.request import Target, flag, number
from probe.sandbox.api.resources import Resource
from probe.sandbox.api.rules.nodeports import allocate_node_ports
from probe.sandbox.api.rules.strategies import strategy, validate
from probe.sandbox.controllers.namespaces import PERMANENT
from probe.sandbox.store import Obj, clone

_Written = TypeVar("_Written")

# What only the server sets.
_SYSTEM = ("uid", "creationTimestamp", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


@dataclass(slots=True)
class Write:
    """The circumstances of one write. ``warnings`` collects what the client is to be told."""

    dry_run: bool = False
    validation: str = WARN
    manager: str = "unknown"
    force: bool = False
    user: User = ADMIN
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, query: Mapping[str, str], user_agent: str, user: User) -> Write:
        """From query parameters. Raises ApiError 400."""
        dry_run = query.get("dryRun", "")
        if dry_run not in ("", "All"):
            raise bad_request(f'dryRun: Unsupported value: "{dry_run}": supported values: "All"')
        manager = query.get("fieldManager") or user_agent.partition("/")[0] or "unknown"
        return cls(bool(dry_run), query.get("fieldValidation") or WARN, manager, flag(query, "force"), user)


class _OvertakenError(Exception):
    """While a webhook was asked, somebody else changed the object."""


async def _until_first(attempt: Callable[[], Awaitable[_Written]]) -> _Written:
    while True:
        try:
            return await attempt()
        except _OvertakenError:
            continue


async def create(ctx: Context, target: Target, body: Obj, write: Write) -> Obj:
    """POST. Raises ApiError, AlreadyExists."""
    resource = target.resource
    write.warnings += decode(resource, body, write.validation)
    if body["metadata"].get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    return await _create(ctx, target, body, write)


async def _create(ctx: Context, target: Target, obj: Obj, write: Write) -> Obj:
    resource, meta = target.resource, obj["metadata"]
    for key in (*_SYSTEM, "resourceVersion"):
        meta.pop(key, None)
    # A kubelet states its node's status at once; anybody else's status is the server's to begin with.
    if resource.has_status and resource.plural != "nodes":
        obj.pop("status", None)
    _place(target, obj)
    made, warnings = await enter(ctx.store, resource, obj, write.user, ctx.families, dry_run=write.dry_run)
    write.warnings += warnings
    return made


async def _ask(ctx: Context, kind: str, target: Target, write: Write, obj: Obj | None, old: Obj | None = None) -> None:
    """Let webhooks have their say. Raises ApiError."""
    meta = (obj or old or {})["metadata"]
    place = {"name": meta["name"], "namespace": meta.get("namespace") or ""}
    operation = Operation(
        kind, target.resource, write.user, obj, old, target.subresource, dry_run=write.dry_run, **place
    )
    write.warnings += await ask(ctx.store, operation)


def _place(target: Target, obj: Obj) -> None:
    """The object goes where the path says; its own word may only repeat that."""
    meta = obj["metadata"]
    if not target.resource.namespaced:
        meta.pop("namespace", None)
        return
    if target.namespace is None:
        raise ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    if meta.get("namespace", target.namespace) != target.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    meta["namespace"] = target.namespace


async def update(ctx: Context, target: Target, body: Obj, write: Write) -> Obj:
    """PUT. Raises ApiError, NotFound, Conflict."""

    async def attempt() -> Obj:
        current, new = ctx.store.get(target.resource.plural, target.namespace, target.name or ""), clone(body)
        write.warnings += decode(target.resource, new, write.validation)
        return await _replace(ctx, target, current, new, write)

    return await _until_first(attempt)


async def patch(ctx: Context, target: Target, change: Callable[[Obj], Any], write: Write) -> Obj:
    """PATCH with a function from the current object to the patched one. Raises ApiError, NotFound, Conflict."""
    return await _until_first(lambda: _patch(ctx, target, change, write))


async def _patch(ctx: Context, target: Target, change: Callable[[Obj], Any], write: Write) -> Obj:
    current = ctx.store.get(target.resource.plural, target.namespace, target.name or "")
    patched = change(current)
    if not isinstance(patched, dict):
        raise bad_request("the patch must leave an object")
    # Patches share what they leave alone with the stored object, which the steps below change in place.
    patched = clone(patched)
    write.warnings += decode(target.resource, patched, write.validation)
    return await _replace(ctx, target, current, patched, write)


async def _replace(ctx: Context, target: Target, current: Obj, new: Obj, write: Write) -> Obj:
    resource = target.resource
    _check_identity(target, new)
    new = _restrict(target, current, new)
    manager = Manager(write.manager, UPDATE, target.subresource if target.subresource == "status" else "")
    strategy(resource).carry_over(new, current)
    strategy(resource).default(new)
    _check_update(resource, current, new)
    track_update(KINDS[resource.kind], current, new, manager)
    return await _store(ctx, target, current, new, write)


async def apply_object(ctx: Context, target: Target, config: Obj, write: Write) -> tuple[Obj, bool]:
    """Server-side apply: the object, and whether it was created. Raises ApiError, Conflict."""
    return await _until_first(lambda: _apply(ctx, target, clone(config), write))


async def _apply(ctx: Context, target: Target, config: Obj, write: Write) -> tuple[Obj, bool]:
    resource = target.resource
    write.warnings += decode(resource, config, write.validation)
    _check_identity(target, config)
    if config["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    current = ctx.store.find(resource.plural, target.namespace, target.name or "")
    manager = Manager(write.manager, APPLY, target.subresource)
    shape = KINDS[resource.kind]
    if current is None:
        if target.subresource:
            ctx.store.get(resource.plural, target.namespace, target.name or "")
        # Who applies what is not there creates it, and must be allowed to (withAuthorization in handlers/patch.go).
        place = (target.namespace or "", target.name or "")
        require(ctx, write.user, Attributes("create", resource.group, resource.version, resource.plural, "", *place))
        config["metadata"]["name"] = target.name
        wanted = apply(shape, None, config, manager, force=write.force, complete=lambda obj: None)
        return await _create(ctx, target, wanted, write), True
    if (uid := config["metadata"].get("uid")) and uid != current["metadata"]["uid"]:
        raise conflict(resource, target.name or "", f"uid mismatch: the provided object specified uid {uid}")

    def default(obj: Obj) -> None:
        strategy(resource).carry_over(obj, current)
        strategy(resource).default(obj)

    base = _without_status(config) if not target.subresource else config
    merged = apply(shape, current, base, manager, force=write.force, complete=default)
    new = _restrict(target, current, merged)
    _check_update(resource, current, new)
    return await _store(ctx, target, current, new, write), False


def _without_status(obj: Obj) -> Obj:
    return {key: value for key, value in obj.items() if key != "status"}


def _check_identity(target: Target, new: Obj) -> None:
    meta = new["metadata"]
    if meta.setdefault("name", target.name) != target.name:
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({target.name})")
    if target.resource.namespaced:
        _place(target, new)


def _restrict(target: Target, current: Obj, new: Obj) -> Obj:
    """A status update changes status and nothing else; any other update changes everything else."""
    if target.subresource == "status":
        meta = {**current["metadata"], "resourceVersion": new["metadata"].get("resourceVersion")}
        if "managedFields" in new["metadata"]:
            meta["managedFields"] = new["metadata"]["managedFields"]
        return {**clone(current), "metadata": clone(meta), "status": new.get("status", {})}
    if target.resource.plural == "namespaces":
        # Its finalizers change through the subresource of that name, and there is nothing else in its spec.
        finalizers = (new if target.subresource == "finalize" else current).get("spec") or {}
        new["spec"] = clone(finalizers)
    if target.resource.has_status:
        new = _without_status(new)
        if "status" in current:
            new["status"] = clone(current["status"])
    return new


def _check_update(resource: Resource, current: Obj, new: Obj) -> None:
    for key in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName"):
        stated = new["metadata"].get(key)
        if key == "uid" and stated and stated != current["metadata"]["uid"]:
            message = (
                f"Precondition failed: UID in precondition: {stated}, UID in object meta: {current['metadata']['uid']}"
            )
            raise conflict(resource, current["metadata"]["name"], message)
        if key in current["metadata"]:
            new["metadata"][key] = current["metadata"][key]
    added = set(new["metadata"].get("finalizers") or ()) - set(current["metadata"].get("finalizers") or ())
    errors = [*validate(resource, new), *strategy(resource).validate_update(new, current)]
    if "deletionTimestamp" in current["metadata"] and added:
        what = "no new finalizers can be added if the object is being deleted"
        errors.append(invalid("metadata.finalizers", sorted(added), what))
    if errors:
        raise invalid_object(resource, current["metadata"]["name"], errors)


async def _store(ctx: Context, target: Target, current: Obj, new: Obj, write: Write) -> Obj:
    resource = target.resource
    if resource.generation:
        old = current["metadata"].get("generation", 1)
        new["metadata"]["generation"] = old + (new.get("spec") != current.get("spec"))
    if resource.plural == "services" and (errors := allocate_node_ports(ctx.store, new)):
        raise invalid_object(resource, current["metadata"]["name"], errors)
    write.warnings += admit(ctx.store, resource, new, current)
    await _ask(ctx, "UPDATE", target, write, new, current)
    if ctx.store.find(resource.plural, target.namespace, target.name or "") is not current:
        raise _OvertakenError
    admit_last(ctx.store, resource, new, current)
    if write.dry_run:
        meta = new["metadata"]
        ctx.store.check(resource.plural, current, uid=meta.get("uid"), resource_version=meta.get("resourceVersion"))
        return {**new, "metadata": {**meta, "resourceVersion": current["metadata"]["resourceVersion"]}}
    return ctx.store.replace(resource.plural, new)


async def delete(
    ctx: Context, target: Target, options: Mapping[str, Any], query: Mapping[str, str], write: Write
) -> Obj:
    """DELETE of one object: its last state, marked or gone. Raises ApiError, NotFound, Conflict."""
    resource, name = target.resource.plural, target.name or ""
    if resource == "namespaces" and name in PERMANENT:
        raise forbidden(target.resource, name, "this namespace may not be deleted")
    conditions = options.get("preconditions") or {}
    grace = options.get("gracePeriodSeconds")
    if grace is None:
        grace = number(query, "gracePeriodSeconds")
    if isinstance(grace, bool) or not isinstance(grace, int | None) or (grace is not None and grace < 0):
        raise bad_request(f"gracePeriodSeconds: Invalid value: {grace}: must be a number and not negative")
    current = ctx.store.get(resource, target.namespace, name)
    await _ask(ctx, "DELETE", target, write, None, current)
    if write.dry_run:
        current = ctx.store.get(resource, target.namespace, name)
        ctx.store.check(
            resource, current, uid=conditions.get("uid"), resource_version=conditions.get("resourceVersion")
        )
        return current
    return ctx.store.delete(
        resource,
        target.namespace,
        name,
        uid=conditions.get("uid"),
        resource_version=conditions.get("resourceVersion"),
        grace_seconds=grace,
    )
