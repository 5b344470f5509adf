"""What all JSON documents of ours share: keys in camelCase, every key always there, a version, and a JSON Schema that
comes from the very types that they are rendered from."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from probe.model.record import RECORD_API_VERSION

FIRST_KEYS = ("apiVersion", "kind")

# Adapters are of tuples, because pydantic hands a configuration down to plain dataclasses but takes none for one at the
# top.
CONFIG = ConfigDict(
    alias_generator=to_camel,
    extra="forbid",
    json_schema_serialization_defaults_required=True,
    allow_inf_nan=False,
)


def document_schema(adapter: TypeAdapter[Any], top_type: type, id_: str, title: str, kind: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a document; ``adapter`` is of a tuple of its type."""
    schema = adapter.json_schema(mode="serialization", by_alias=True)
    definitions = {name: _tidy(definition) for name, definition in schema["$defs"].items()}
    top = definitions.pop(top_type.__name__)
    properties = top["properties"] | {"apiVersion": {"const": RECORD_API_VERSION}, "kind": {"const": kind}}
    order = (*FIRST_KEYS, *(key for key in properties if key not in FIRST_KEYS))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": id_,
        **top,
        "title": title,
        "properties": {key: properties[key] for key in order},
        "required": list(order),
        "$defs": definitions,
    }


def _tidy(definition: dict[str, Any]) -> dict[str, Any]:
    """A definition without generated titles and defaults, its description in the document's own spelling."""
    tidy = {key: value for key, value in definition.items() if key != "title"}
    if "description" in tidy:
        flat = " ".join(tidy["description"].split())
        tidy["description"] = re.sub(
            r"``([^`]+)``", lambda found: f"`{to_camel(found[1]) if '_' in found[1] else found[1]}`", flat
        )
    if "properties" in tidy:
        tidy["properties"] = {
            key: {name: value for name, value in field.items() if name not in ("title", "default")}
            for key, field in tidy["properties"].items()
        }
    return tidy
