"""The forms an answer can take: objects as they are, a table for people, or metadata only.

Chosen by the Accept header (``application/json;as=Table;v=v1;g=meta.k8s.io``). A form's name is the key under which
a watch event keeps its encoding, so that it is made once for all watchers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from probe.sandbox.api.events_v1 import from_core, to_core
from probe.sandbox.api.resources import Resource
from probe.sandbox.api.tables import cells, definitions
from probe.sandbox.store import Obj

_META_VERSION: Final = "meta.k8s.io/v1"


def encode(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True)
class Form:
    """Objects as they are stored."""

    resource: Resource
    name: str = "object"

    def one(self, obj: Obj, *, first: bool = True) -> Any:
        """One object. ``first`` is off for the later events of a watch, which repeat no headings."""
        return self.shown(obj)

    def shown(self, obj: Obj) -> Obj:
        """An object as its resource shows it."""
        return from_core(obj) if self.resource.view else obj

    def read(self, obj: Any) -> Any:
        """What `shown` was, or what a client wrote in its place."""
        return to_core(obj) if self.resource.view and isinstance(obj, dict) else obj

    def many(self, objects: Sequence[Obj], meta: Mapping[str, Any]) -> Any:
        """A list."""
        kind, version = f"{self.resource.kind}List", self.resource.api_version
        items = [self.shown(obj) for obj in objects] if self.resource.view else objects
        return {"kind": kind, "apiVersion": version, "metadata": meta, "items": items}

    def bookmark(self, meta: Mapping[str, Any]) -> Any:
        """The object of a BOOKMARK event."""
        return {"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": meta}


@dataclass(frozen=True, slots=True)
class MetadataForm(Form):
    """PartialObjectMetadata."""

    name: str = "metadata"

    def one(self, obj: Obj, *, first: bool = True) -> Any:
        return _partial(obj)

    def many(self, objects: Sequence[Obj], meta: Mapping[str, Any]) -> Any:
        items = [_partial(obj) for obj in objects]
        return {"kind": "PartialObjectMetadataList", "apiVersion": _META_VERSION, "metadata": meta, "items": items}

    def bookmark(self, meta: Mapping[str, Any]) -> Any:
        return {"kind": "PartialObjectMetadata", "apiVersion": _META_VERSION, "metadata": meta}


@dataclass(frozen=True, slots=True)
class TableForm(Form):
    """A Table. ``include`` is the includeObject parameter: what of the object each row carries."""

    name: str = "table"
    include: str = "Metadata"

    def one(self, obj: Obj, *, first: bool = True) -> Any:
        meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return self._table([obj], meta, headings=first)

    def many(self, objects: Sequence[Obj], meta: Mapping[str, Any]) -> Any:
        return self._table(objects, meta, headings=True)

    def bookmark(self, meta: Mapping[str, Any]) -> Any:
        row = {
            "cells": [],
            "object": {"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": meta},
        }
        return {"kind": "Table", "apiVersion": _META_VERSION, "metadata": meta, "columnDefinitions": [], "rows": [row]}

    def _table(self, objects: Sequence[Obj], meta: Mapping[str, Any], *, headings: bool) -> Any:
        return {
            "kind": "Table",
            "apiVersion": _META_VERSION,
            "metadata": meta,
            "columnDefinitions": definitions(self.resource) if headings else [],
            "rows": [{"cells": cells(self.resource, obj), "object": self._carried(obj)} for obj in objects],
        }

    def _carried(self, obj: Obj) -> Any:
        if self.include == "Object":
            return self.shown(obj)
        return None if self.include == "None" else _partial(obj)


def _partial(obj: Obj) -> Any:
    return {"kind": "PartialObjectMetadata", "apiVersion": _META_VERSION, "metadata": obj["metadata"]}


def negotiate(resource: Resource, accept: str, query: Mapping[str, str]) -> Form:
    """The first form of the Accept header that is served here; plain JSON when none is."""
    prefix = f"{resource.group}:" if resource.view else ""
    for choice in accept.split(","):
        media, *parameters = (part.strip() for part in choice.split(";"))
        wanted = dict(part.split("=", 1) for part in parameters if "=" in part)
        if media != "application/json" or (wanted.get("g"), wanted.get("v")) not in (
            ("meta.k8s.io", "v1"),
            (None, None),
        ):
            continue
        kind = wanted.get("as", "")
        if kind == "Table":
            include = query.get("includeObject") or "Metadata"
            return TableForm(resource, f"{prefix}table:{include}", include)
        if kind.startswith("PartialObjectMetadata"):
            return MetadataForm(resource)
        if not kind:
            break
    return Form(resource, f"{prefix}object")
