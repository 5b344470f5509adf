"""What a request is about: resource, namespace, name, subresource, and the body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml
from aiohttp import web

from probe.sandbox.api.errors import ApiError, bad_request, no_such_path, unsupported_media
from probe.sandbox.api.protobuf import PROTOBUF, decode_protobuf
from probe.sandbox.api.resources import Resource, Served

JSON: Final = "application/json"
YAML: Final = "application/yaml"
MAX_BODY: Final = 3 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """What a path leads to. ``namespace`` is None for cluster-scoped resources and lists over all namespaces."""

    resource: Resource
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""


def resolve(path: str, served: Served) -> Target:
    """The target of ``/api/v1/...`` or ``/apis/group/version/...``. Raises ApiError 404."""
    parts = path.strip("/").split("/")
    group, rest = ("", parts[1:]) if parts[0] == "api" else (parts[1], parts[2:])
    version, rest = rest[0], rest[1:]
    namespace = None
    # /namespaces/x is the namespace itself; /namespaces/x/pods are the pods in it; so are its own subresources.
    if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = served.by_path.get((group, version, rest[0])) if rest else None
    if resource is None or len(rest) > 3 or (namespace is not None and not resource.namespaced):
        raise no_such_path()
    name = rest[1] if len(rest) > 1 else None
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in resource.subresources:
        raise no_such_path()
    if resource.namespaced and namespace is None and name is not None:
        raise no_such_path()
    return Target(resource, namespace, name, subresource)


async def read_object(request: web.Request) -> dict[str, Any]:
    """The body as an object, from JSON, YAML or what kubectl sends in protobuf. Raises ApiError 400, 415."""
    if request.content_type == PROTOBUF:
        return decode_protobuf(await request.read())
    if request.content_type not in (JSON, YAML, "application/octet-stream"):
        raise unsupported_media(request.content_type, (JSON, YAML))
    body = parse(await request.read())
    if not isinstance(body, dict):
        raise bad_request("the body of the request must be an object")
    return body


async def read_options(request: web.Request) -> dict[str, Any]:
    """The DeleteOptions in a body that may be missing. Raises ApiError 400, 415."""
    return await read_object(request) if request.can_read_body else {}


def parse(body: bytes) -> Any:
    """JSON, or else YAML. Raises ApiError 400."""
    try:
        return json.loads(body)
    except ValueError:
        pass
    try:
        return yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise bad_request(f"couldn't parse the body as JSON or YAML: {error}") from None


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean parameter as Go reads it."""
    return query.get(name, "") in ("1", "t", "T", "true", "TRUE", "True")


def number(query: Mapping[str, str], name: str) -> int | None:
    """A parameter that is a number, or None. Raises ApiError 400."""
    text = query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'invalid value for {name}: "{text}" is not a number') from None


def revision(text: str | None) -> int | None:
    """A resourceVersion, or None when it is not given. Raises ApiError 400."""
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise ApiError(400, "BadRequest", f'resourceVersion: Invalid value: "{text}": must be a number')
    return int(text)
