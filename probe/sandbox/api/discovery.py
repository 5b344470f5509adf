"""Discovery: which groups, versions and resources there are, aggregated (one request) or in the old form."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from probe.sandbox.api.context import CONTEXT, KUBERNETES_VERSION
from probe.sandbox.api.errors import no_such_path
from probe.sandbox.api.forms import encode
from probe.sandbox.api.resources import Resource, Served

_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
_SUBRESOURCE_KINDS: Final = {
    ("pods", "binding"): ("", "v1", "Binding"),
    ("pods", "eviction"): ("policy", "v1", "Eviction"),
    ("serviceaccounts", "token"): ("authentication.k8s.io", "v1", "TokenRequest"),
    ("pods", "exec"): ("", "v1", "PodExecOptions"),
}


def version() -> dict[str, str]:
    """What ``/version`` says. ``+cni-probe`` in the git version tells this server from a real one."""
    major, minor = KUBERNETES_VERSION.split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{KUBERNETES_VERSION}.0+cni-probe",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": f"linux/{'arm64' if platform.machine() == 'aarch64' else 'amd64'}",
    }


async def serve_root(request: web.Request) -> web.Response:
    """``/api`` (the core group) and ``/apis`` (all others)."""
    core = request.path.rstrip("/") == "/api"
    accept = request.headers.get("Accept", "")
    for api_version in ("v2", "v2beta1"):
        if f"g=apidiscovery.k8s.io;v={api_version};as=APIGroupDiscoveryList" in accept.replace(" ", ""):
            body = _aggregated(_served(request), core, api_version)
            return web.Response(body=encode(body), headers={"Content-Type": _AGGREGATED.format(api_version)})
    body = {"kind": "APIVersions", "versions": ["v1"]} if core else _groups(_served(request))
    return web.Response(body=encode(body), content_type="application/json")


async def serve_group(request: web.Request) -> web.Response:
    """``/apis/<group>``."""
    wanted = request.match_info["group"]
    found = [group for group in _groups(_served(request))["groups"] if group["name"] == wanted]
    if not found:
        raise no_such_path()
    return web.Response(
        body=encode({"kind": "APIGroup", "apiVersion": "v1", **found[0]}), content_type="application/json"
    )


async def serve_resources(request: web.Request) -> web.Response:
    """``/api/v1`` and ``/apis/<group>/<version>``."""
    group, api_version = request.match_info.get("group", ""), request.match_info["version"]
    resources = _served(request).of(group, api_version)
    if not resources:
        raise no_such_path()
    body = {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{api_version}" if group else api_version,
        "resources": list(_entries(resources)),
    }
    return web.Response(body=encode(body), content_type="application/json")


def _served(request: web.Request) -> Served:
    return request.app[CONTEXT].served


def _groups(served: Served) -> dict[str, Any]:
    groups = []
    for group, versions in served.groups.items():
        if group:
            stated = [{"groupVersion": f"{group}/{it}", "version": it} for it in versions]
            groups.append({"name": group, "versions": stated, "preferredVersion": stated[0]})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _entries(resources: Iterable[Resource]) -> Iterable[dict[str, Any]]:
    for resource in resources:
        entry: dict[str, Any] = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if resource.short_names:
            entry["shortNames"] = list(resource.short_names)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        yield entry
        for name, verbs in resource.subresources.items():
            group, api_version, kind = _subresource_kind(resource, name)
            sub = {
                "name": f"{resource.plural}/{name}",
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": kind,
                "verbs": list(verbs),
            }
            if kind != resource.kind:
                sub |= {"group": group, "version": api_version}
            yield sub


def _subresource_kind(resource: Resource, name: str) -> tuple[str, str, str]:
    return _SUBRESOURCE_KINDS.get((resource.plural, name), (resource.group, resource.version, resource.kind))


def _aggregated(served: Served, core: bool, api_version: str) -> dict[str, Any]:
    items = []
    for group, group_versions in served.groups.items():
        if bool(group) != core:
            meta = {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None}
            versions = [
                {"version": it, "resources": list(map(_aggregated_entry, served.of(group, it))), "freshness": "Current"}
                for it in group_versions
            ]
            items.append({"metadata": meta, "versions": versions})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{api_version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_entry(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {"subresource": name, "responseKind": _group_version_kind(resource, name), "verbs": list(verbs)}
            for name, verbs in resource.subresources.items()
        ]
    return entry


def _group_version_kind(resource: Resource, name: str) -> dict[str, str]:
    group, api_version, kind = _subresource_kind(resource, name)
    return {"group": group, "version": api_version, "kind": kind}
