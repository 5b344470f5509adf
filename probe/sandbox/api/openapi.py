"""OpenAPI documents: what kubectl reads before it sends anything.

kubectl looks into ``/openapi/v3/<group version>`` for a PATCH operation of the kind with the query parameter
``fieldValidation``: then the server validates, and ``kubectl apply`` needs no ``--validate=false``. The shapes come
from ``kinds``. PATCH operations name no strategic merge patch on purpose: kubectl then makes its three-way patch from
its own built-in types, which know every merge key.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from aiohttp import web

from probe.sandbox.api.context import CONTEXT, KUBERNETES_VERSION
from probe.sandbox.api.errors import no_such_path
from probe.sandbox.api.forms import encode
from probe.sandbox.api.kinds import KINDS
from probe.sandbox.api.resources import Resource, Served
from probe.sandbox.api.schema import AnyShape, Fields, ListOf, MapOf, Scalar, Shape

_INFO: Final = {"title": "Kubernetes (cni-probe sandbox)", "version": f"v{KUBERNETES_VERSION}.0"}
_V2_PROTOBUF: Final = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_V2_NO_KINDS: Final = b"\x0a\x032.0"  # openapi.v2.Document: field 1, swagger = "2.0"
_WRITE_PARAMETERS: Final = ("dryRun", "fieldManager", "fieldValidation")


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


async def serve_openapi_index(request: web.Request) -> web.Response:
    """``/openapi/v3``: where the document of each group version is."""
    paths, served = {}, request.app[CONTEXT].served
    for group, version in served.group_versions:
        digest = hashlib.sha256(encode(document(served, group, version))).hexdigest()[:32].upper()
        path = _path(group, version)
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return _json({"paths": paths})


async def serve_openapi_v3(request: web.Request) -> web.Response:
    """``/openapi/v3/api/v1`` and the like. Raises ApiError 404."""
    served = request.app[CONTEXT].served
    for group, version in served.group_versions:
        if request.match_info["path"] == _path(group, version):
            return _json(document(served, group, version))
    raise no_such_path()


async def serve_openapi_v2(request: web.Request) -> web.Response:
    """``/openapi/v2``: the kinds without their paths, for clients that know nothing newer.

    In protobuf, which kubectl asks for before it sends a manifest of kind List, it is a document without any kind:
    kubectl then leaves the validation of the list's objects to the server.
    """
    if _V2_PROTOBUF in request.headers.get("Accept", ""):
        return web.Response(body=_V2_NO_KINDS, content_type=_V2_PROTOBUF.replace("@", "."))  # "@" is no legal type
    definitions = {_name(resource): _kind_schema(resource) for resource in request.app[CONTEXT].served.resources}
    return _json({"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": definitions})


def document(served: Served, group: str, version: str) -> dict[str, Any]:
    """The OpenAPI v3 document of a group version."""
    resources = served.of(group, version)
    paths: dict[str, Any] = {}
    for resource in resources:
        base = f"/{_path(group, version)}/" + ("namespaces/{namespace}/" if resource.namespaced else "")
        paths[base + resource.plural] = {"post": _operation(resource, "post")}
        if "patch" in resource.verbs:
            operations = {method: _operation(resource, method) for method in ("get", "put", "patch", "delete")}
            paths[f"{base}{resource.plural}/{{name}}"] = operations
    schemas = {_name(resource): _kind_schema(resource) for resource in resources}
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def _operation(resource: Resource, method: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{_name(resource)}"}
    operation: dict[str, Any] = {
        "operationId": f"{method}{resource.kind}",
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
        "x-kubernetes-group-version-kind": _group_version_kind(resource),
        "x-kubernetes-action": method,
    }
    if method in ("post", "put", "patch"):
        names = (*_WRITE_PARAMETERS, "force") if method == "patch" else _WRITE_PARAMETERS
        operation["parameters"] = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
        media = {"post": "*/*", "put": "*/*", "patch": "application/merge-patch+json"}[method]
        operation["requestBody"] = {"required": True, "content": {media: {"schema": reference}}}
    return operation


def _name(resource: Resource) -> str:
    group = ".".join(reversed(resource.group.split("."))) if resource.group else "io.k8s.core"
    return f"{group}.{resource.version}.{resource.kind}"


def _group_version_kind(resource: Resource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _kind_schema(resource: Resource) -> dict[str, Any]:
    return {**_schema(KINDS[resource.shape]), "x-kubernetes-group-version-kind": [_group_version_kind(resource)]}


def _schema(shape: Shape) -> dict[str, Any]:
    match shape:
        case Scalar(name="int-or-string"):
            return {"x-kubernetes-int-or-string": True, "oneOf": [{"type": "integer"}, {"type": "string"}]}
        case Scalar(name=name):
            return {"type": name}
        case Fields(fields=fields, atomic=atomic):
            properties = {name: _schema(inner) for name, inner in fields.items()}
            extra = {"x-kubernetes-map-type": "atomic"} if atomic else {}
            return {"type": "object", "properties": properties, **extra}
        case MapOf(value=value):
            return {"type": "object", "additionalProperties": _schema(value)}
        case ListOf():
            return {"type": "array", "items": _schema(shape.item), **_list_extensions(shape)}
        case AnyShape():
            return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _list_extensions(shape: ListOf) -> dict[str, Any]:
    found: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}
    if shape.keys is not None:
        found["x-kubernetes-list-type"] = "map" if shape.keys else "set"
    if shape.keys:
        found["x-kubernetes-list-map-keys"] = list(shape.keys)
    if shape.merge_key is not None:
        found["x-kubernetes-patch-strategy"] = "merge"
    if shape.merge_key:
        found["x-kubernetes-patch-merge-key"] = shape.merge_key
    return found


def _json(body: Any) -> web.Response:
    return web.Response(body=encode(body), content_type="application/json")
