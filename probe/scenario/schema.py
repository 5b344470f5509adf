"""The JSON Schemas (draft 2020-12) of the files that users write, for editors and for others' validators."""

from __future__ import annotations

import json
from typing import Any

from probe.scenario.format import ScenarioSpec, SharedFleetSpec
from probe.scenario.run_config_format import RunConfigSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def scenario_schema() -> dict[str, Any]:
    """The schema of one Scenario document. It knows the structure; ``validate`` also knows what it means."""
    return {"$schema": DIALECT, **_without_titles(ScenarioSpec.model_json_schema()), "title": "cni-probe scenario"}


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


def _without_titles(value: Any) -> Any:
    """pydantic's titles repeat the names of keys and classes; editors would show them instead of descriptions."""
    if isinstance(value, dict):
        return {
            key: _without_titles(item) for key, item in value.items() if not (key == "title" and isinstance(item, str))
        }
    return [_without_titles(item) for item in value] if isinstance(value, list) else value
