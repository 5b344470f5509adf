"""What a request wants to do, in the words that roles are written in.

As Kubernetes' RequestInfoFactory reads a path, before anybody asks whether such a resource exists: who may not know
is not told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from aiohttp import web

from probe.sandbox.api.errors import ApiError, details_of

_VERBS: Final = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_NAMESPACE_SUBRESOURCES: Final = ("status", "finalize")
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_STREAMS: Final = ("attach", "exec", "portforward")


@dataclass(frozen=True, slots=True)
class Attributes:
    """A verb on a resource, or (``path`` set) on a URL that is none. ``namespace`` is empty at the cluster scope."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """``pods`` or ``pods/exec``."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def attributes_of(request: web.Request) -> Attributes:
    """What the request's URL and method say."""
    parts = [part for part in request.path.split("/") if part]
    grouped = bool(parts) and parts[0] == "apis"
    if len(parts) < (4 if grouped else 3) or parts[0] not in ("api", "apis"):
        return Attributes(request.method.lower(), path=request.path)
    group, parts = (parts[1], parts[2:]) if grouped else ("", parts[1:])
    version, rest = parts[0], parts[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    verb = _VERBS.get(request.method, request.method.lower())
    found = Attributes(verb, group, version, resource, subresource, namespace, name)
    return found if name else _collection(found, request.query)


def _collection(found: Attributes, query: Mapping[str, str]) -> Attributes:
    if found.verb == "delete":
        return replace(found, verb="deletecollection")
    if found.verb != "get":
        return found
    watching = query.get("watch", "") not in ("", "0", "false", "False")
    return replace(found, verb="watch" if watching else "list", name=_selected_name(query.get("fieldSelector", "")))


def _selected_name(selector: str) -> str:
    """The one object that a field selector can match: naming it lets resourceNames allow the list or watch."""
    for part in selector.split(","):
        field, sign, value = part.strip().partition("=")
        if field == "metadata.name" and sign:
            return value.removeprefix("=")
    return ""


def needed(found: Attributes) -> tuple[Attributes, ...]:
    """All that must be allowed.

    A stream that is opened with GET (a WebSocket) needs ``create`` as well since Kubernetes 1.35, so that a role for
    reading cannot run commands (KEP 4006, gate AuthorizePodWebsocketUpgradeCreatePermission).
    """
    if found.resource == "pods" and found.verb == "get" and found.subresource in _STREAMS:
        return found, replace(found, verb="create")
    return (found,)


def denied(user: str, found: Attributes, reason: str) -> ApiError:
    """403 in the API server's words."""
    if found.path:
        text = f'User "{user}" cannot {found.verb} path "{found.path}"'
    else:
        where = f'in the namespace "{found.namespace}"' if found.namespace else "at the cluster scope"
        text = (
            f'User "{user}" cannot {found.verb} resource "{found.full_resource}" in API group "{found.group}" {where}'
        )
    text = text.translate(_ESCAPES) + (f": {reason}" if reason else "")
    if not found.resource:
        return ApiError(403, "Forbidden", f"forbidden: {text}", {})
    qualified = f"{found.resource}.{found.group}" if found.group else found.resource
    shown = f'{qualified} "{found.name}"' if found.name else qualified
    return ApiError(
        403, "Forbidden", f"{shown} is forbidden: {text}", details_of(found.group, found.resource, found.name)
    )
