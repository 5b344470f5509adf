"""The shape of ``matrix``, for the JSON Schema alone."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeAlias

from pydantic import WithJsonSchema

_NAMED: Final = {
    "type": "object",
    "properties": {"name": {"type": ["string", "number"], "description": "What the value is called."}},
    "required": ["name"],
}
_AXIS_VALUES: Final = {
    "type": "array",
    "minItems": 1,
    "items": {"anyOf": [{"type": ["string", "number", "boolean"]}, _NAMED]},
}
Matrix: TypeAlias = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "properties": {
                "exclude": {
                    "type": "array",
                    "items": {"type": "object", "minProperties": 1},
                    "description": "Combinations to leave out: names of values, or globs of them, by axis.",
                }
            },
            "additionalProperties": {
                "anyOf": [
                    _AXIS_VALUES,
                    {
                        "type": "object",
                        "properties": {"pairs": _AXIS_VALUES | {"description": "Every two of these values, once."}},
                        "required": ["pairs"],
                        "additionalProperties": False,
                    },
                ]
            },
        }
    ),
]
"""As the schema knows it; ``probe.scenario.matrix`` reads it, and is done with it before anything else is read."""
