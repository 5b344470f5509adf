"""Values that stand in many places of a document, each with its short spellings."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from probe.model.cell import Family, Protocol, Stated
from probe.scenario import shorthand
from probe.scenario.format.strict import Item
from probe.scenario.shorthand import Shorthand

STRING = {"type": "string"}
INTEGER = {"type": "integer"}
NULL = {"type": "null"}
PORT = {"type": "string", "pattern": "^[0-9]+(/(TCP|UDP|SCTP))?$"}
DURATION = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m)$"}
"""Spellings, for the JSON Schema."""

Globs: TypeAlias = Annotated[list[Item[str]], Shorthand(shorthand.one_or_some, (STRING,))]
PortPattern: TypeAlias = Annotated[str, Shorthand(shorthand.port_pattern, (INTEGER,))]
PortPatterns: TypeAlias = Annotated[list[Item[PortPattern]], Shorthand(shorthand.one_or_some, (STRING, INTEGER))]
WayPatterns: TypeAlias = Annotated[
    list[Item[Annotated[str, Shorthand(shorthand.way_pattern)]]], Shorthand(shorthand.one_or_some, (STRING,))
]
ProtocolName: TypeAlias = Annotated[Protocol, Shorthand(shorthand.protocol)]
FamilyName: TypeAlias = Annotated[Family, Shorthand(shorthand.family)]
ExpectationWord: TypeAlias = Annotated[Stated, Shorthand(shorthand.expectation)]
Duration: TypeAlias = Annotated[
    float, Shorthand(shorthand.duration, ({"type": "number", "exclusiveMinimum": 0}, DURATION), instead=True)
]
DurationOrNone: TypeAlias = Annotated[
    float, Shorthand(shorthand.duration_or_none, ({"type": "number", "minimum": 0}, DURATION), instead=True)
]
Labels: TypeAlias = dict[str, str]
