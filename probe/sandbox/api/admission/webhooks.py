"""Validating webhooks: others who are asked before an object is kept (admissionregistration.k8s.io/v1).

Which are asked about what. How they are asked: `webhook_call`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from probe.sandbox.api.admission.webhook_call import CallError, call
from probe.sandbox.api.auth.users import User
from probe.sandbox.api.errors import ApiError
from probe.sandbox.api.resources import Resource
from probe.sandbox.api.selectors import selects
from probe.sandbox.store import Obj, Store

CONFIGURATIONS: Final = "validatingwebhookconfigurations"

_ALL: Final = "*"


@dataclass(frozen=True, slots=True)
class Operation:
    """What somebody is about to do. ``kind``: CREATE, UPDATE, DELETE or CONNECT; ``old`` is the object before it.

    ``obj_kind`` is the object's group, version and kind where it is not the resource's.
    """

    kind: str
    resource: Resource
    user: User
    obj: Obj | None
    old: Obj | None = None
    subresource: str = ""
    name: str = ""
    namespace: str = ""
    dry_run: bool = False
    obj_kind: tuple[str, str, str] | None = None


async def ask(store: Store, operation: Operation) -> list[str]:
    """Ask all that want to be asked, at once; returns warnings for the client. Raises ApiError when one refuses."""
    if operation.resource.plural == CONFIGURATIONS:
        return []  # or a bad webhook could never be removed
    wanted = list(_interested(store, operation))
    if not wanted:
        return []
    answers = await asyncio.gather(*(_answer(webhook, operation) for webhook in wanted), return_exceptions=True)
    warnings: list[str] = []
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
        warnings += answer
    return warnings


def _interested(store: Store, operation: Operation) -> Iterator[Obj]:
    for configuration in store.list(CONFIGURATIONS):
        for webhook in configuration.get("webhooks") or ():
            if (
                any(_rules(rule, operation) for rule in webhook.get("rules") or ())
                and _in_namespace(store, webhook, operation)
                and _on_object(webhook, operation)
            ):
                yield webhook


def _rules(rule: dict[str, Any], operation: Operation) -> bool:
    resource = operation.resource
    scope = "Namespaced" if resource.namespaced else "Cluster"
    return (
        _has(rule.get("operations"), operation.kind)
        and _has(rule.get("apiGroups"), resource.group)
        and _has(rule.get("apiVersions"), resource.version)
        and rule.get("scope", _ALL) in (_ALL, scope)
        and any(_covers(stated, operation) for stated in rule.get("resources") or ())
    )


def _has(stated: list[str] | None, wanted: str) -> bool:
    return stated is not None and (_ALL in stated or wanted in stated)


def _covers(stated: str, operation: Operation) -> bool:
    """``pods`` and ``*``: no subresources; ``pods/*``: all of them, and pods themselves; ``*/status``: of all."""
    resource, _, subresource = stated.partition("/")
    if resource not in (_ALL, operation.resource.plural):
        return False
    if not subresource:
        return not operation.subresource
    return subresource in (_ALL, operation.subresource)


def _in_namespace(store: Store, webhook: Obj, operation: Operation) -> bool:
    selector = webhook.get("namespaceSelector") or {}
    if operation.resource.plural == "namespaces":
        return selects(selector, _labels(operation.obj or operation.old))
    if not operation.namespace:
        return True  # there is no namespace that could not match
    return selects(selector, _labels(store.find("namespaces", None, operation.namespace)))


def _on_object(webhook: Obj, operation: Operation) -> bool:
    selector = webhook.get("objectSelector") or {}
    return any(selects(selector, _labels(obj)) for obj in (operation.obj, operation.old) if obj is not None)


def _labels(obj: Obj | None) -> dict[str, str]:
    found: dict[str, str] = ((obj or {}).get("metadata") or {}).get("labels") or {}
    return found


async def _answer(webhook: Obj, operation: Operation) -> list[str]:
    request = _request(operation)
    name = webhook["name"]
    try:
        response = await call(webhook, request)
    except CallError as error:
        if webhook["failurePolicy"] == "Ignore":
            return []
        raise ApiError(
            500, "InternalError", f'Internal error occurred: failed calling webhook "{name}": {error}'
        ) from None
    if not response.get("allowed"):
        raise _denied(name, response.get("status") or {})
    return [str(warning) for warning in response.get("warnings") or ()]


def _denied(name: str, status: Obj) -> ApiError:
    """The webhook's own status, under its name."""
    why = status.get("message") or status.get("reason") or ""
    said = f'admission webhook "{name}" denied the request' + (f": {why}" if why else " without explanation")
    code = status.get("code") or 0
    return ApiError(code if code >= 400 else 400, status.get("reason") or "", said, status.get("details"))


def _request(operation: Operation) -> Obj:
    resource = operation.resource
    group, version, kind = operation.obj_kind or (resource.group, resource.version, resource.kind)
    what = {"group": group, "version": version, "kind": kind}
    where = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    options = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}.get(operation.kind)
    found: Obj = {
        "uid": str(uuid.uuid4()),
        "kind": what,
        "resource": where,
        "requestKind": what,
        "requestResource": where,
        "operation": operation.kind,
        "userInfo": operation.user.info,
        "object": operation.obj,
        "oldObject": operation.old,
        "dryRun": operation.dry_run,
        "options": {"apiVersion": "meta.k8s.io/v1", "kind": options} if options else None,
    }
    more = {"name": operation.name, "namespace": operation.namespace}
    if operation.subresource:
        more |= {"subResource": operation.subresource, "requestSubResource": operation.subresource}
    return found | {key: value for key, value in more.items() if value}
