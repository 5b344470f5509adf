"""The way of a new object into the store, whoever makes it: a client's request, or a controller."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from probe.model.cell import Family
from probe.sandbox.api.admission.chain import admit, admit_last, complete
from probe.sandbox.api.admission.webhooks import Operation, ask
from probe.sandbox.api.auth.users import AUTHENTICATED, User, account_groups, account_name
from probe.sandbox.api.errors import invalid_object
from probe.sandbox.api.resources import BY_PLURAL, Resource
from probe.sandbox.api.rules.metadata import generate_name
from probe.sandbox.api.rules.services import allocate
from probe.sandbox.api.rules.strategies import strategy, validate
from probe.sandbox.store import Obj, Store, timestamp


async def enter(
    store: Store,
    resource: Resource,
    obj: Obj,
    user: User,
    families: Sequence[Family],
    *,
    dry_run: bool = False,
) -> tuple[Obj, list[str]]:
    """Defaults, admission, validation, webhooks and storage, in Kubernetes' order; the object, and warnings.

    Raises ApiError, AlreadyExists.
    """
    meta = obj["metadata"]
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = generate_name(meta["generateName"])
    meta["uid"] = str(uuid.uuid4())
    strategy(resource).default(obj)
    complete(store, resource, obj)
    if resource.generation:
        meta["generation"] = 1
    errors = validate(resource, obj)
    if errors:
        raise invalid_object(resource, meta.get("name") or meta.get("generateName") or "", errors)
    warnings = admit(store, resource, obj)
    place = {"name": meta["name"], "namespace": meta.get("namespace") or ""}
    warnings += await ask(store, Operation("CREATE", resource, user, obj, dry_run=dry_run, **place))
    if resource.plural == "services" and (errors := allocate(store, obj, families)):
        raise invalid_object(resource, meta["name"], errors)
    admit_last(store, resource, obj)
    if dry_run:
        store.check_free(resource.plural, meta.get("namespace"), meta["name"])
        return {**obj, "metadata": {**meta, "creationTimestamp": timestamp()}}, warnings
    return store.create(resource.plural, obj), warnings


async def create_as_controller(store: Store, plural: str, obj: Obj, controller: str) -> Obj:
    """What a controller of the cluster makes meets the same rules. Raises ApiError, AlreadyExists."""
    name = account_name("kube-system", controller)
    user = User(name, (*account_groups(name), AUTHENTICATED))
    return (await enter(store, BY_PLURAL[plural], obj, user, ()))[0]
