"""The JSON Schemas (draft 2020-12) of the files that users write, for editors and for others' validators."""

from __future__ import annotations

import json
from typing import Any

from probe.scenario.format.document import ScenarioSpec, SharedFleetSpec
from probe.scenario.run_config_format import RunConfigSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = "matrixReference"
_WRITTEN = r"\$\{\{ *matrix\."
"""Found in whatever has a reference in it."""


def scenario_schema() -> dict[str, Any]:
    """The schema of one Scenario document. It knows the structure; ``validate`` also knows what it means."""
    schema = _without_titles(ScenarioSpec.model_json_schema())
    schema["$defs"] = {name: _with_references(each) for name, each in schema["$defs"].items()}
    schema["$defs"][_REFERENCE] = {"type": "string", "pattern": _WRITTEN}
    return {"$schema": DIALECT, **schema, "title": "cni-probe scenario"}


def fleet_schema() -> dict[str, Any]:
    """The schema of one Fleet document."""
    return {"$schema": DIALECT, **_without_titles(SharedFleetSpec.model_json_schema()), "title": "cni-probe fleet"}


def run_config_schema() -> dict[str, Any]:
    """The schema of one RunConfig document."""
    schema = _without_titles(RunConfigSpec.model_json_schema())
    return {"$schema": DIALECT, **schema, "title": "cni-probe run configuration"}


def schema_text(schema: dict[str, Any]) -> str:
    """A schema as it is printed and kept in the repository."""
    return json.dumps(schema, indent=2) + "\n"


def _with_references(node: Any) -> Any:
    """A schema in which ``${{ matrix.NAME }}`` may stand for each value below, and in each key."""
    if not isinstance(node, dict):
        return node
    result = dict(node)
    if "properties" in node:
        result["properties"] = {key: _or_reference(each) for key, each in node["properties"].items()}
    if node.get("additionalProperties") is False:
        result["patternProperties"] = {_WRITTEN: True}
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            result[key] = _or_reference(node[key])
    if "anyOf" in node:
        result["anyOf"] = [_with_references(branch) for branch in node["anyOf"]]
    return result


def _or_reference(node: dict[str, Any]) -> dict[str, Any]:
    branches = node.get("anyOf", [{key: each for key, each in node.items() if key != "description"}])
    if any(branch.get("type") == "string" and len(branch.keys() - {"description"}) == 1 for branch in branches):
        return node
    about = {key: each for key, each in node.items() if key not in branches[0] and key != "anyOf"}
    return about | {"anyOf": [*map(_with_references, branches), {"$ref": f"#/$defs/{_REFERENCE}"}]}


def _without_titles(value: Any) -> Any:
    """pydantic's titles repeat the names of keys and classes; editors would show them instead of descriptions."""
    if isinstance(value, dict):
        return {
            key: _without_titles(item) for key, item in value.items() if not (key == "title" and isinstance(item, str))
        }
    return [_without_titles(item) for item in value] if isinstance(value, list) else value
