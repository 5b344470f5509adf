"""The ``json`` format: the run record itself, to be kept, compared and read by other programs.

Keys are camelCase, every key is always there, and the order is that of the types, so that two records can be
compared line by line. The same pydantic type renders, reads back and describes itself as JSON Schema, which is
published as ``run-record.schema.json`` beside this module.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from probe.model.errors import UsageError
from probe.model.record import RECORD_API_VERSION, RECORD_KIND, CellRecord, RunRecord, StepRecord
from probe.report.document import CONFIG, FIRST_KEYS, document_schema
from probe.report.filling import filled
from probe.report.render import RenderOptions

SCHEMA_ID = "https://cni-probe.dev/schemas/v1/run-record.schema.json"


@cache
def _adapter() -> TypeAdapter[tuple[RunRecord]]:
    return TypeAdapter(tuple[RunRecord], config=CONFIG)


@cache
def _cell_adapter() -> TypeAdapter[tuple[CellRecord]]:
    return TypeAdapter(tuple[CellRecord], config=CONFIG)


def record_to_json(record: RunRecord) -> dict[str, Any]:
    """A record as plain JSON data."""
    record = _with_cells(record, list)
    (data,) = _adapter().dump_python((record,), mode="json", by_alias=True)
    return {key: data[key] for key in (*FIRST_KEYS, *(key for key in data if key not in FIRST_KEYS))}


def record_from_json(data: dict[str, Any]) -> RunRecord:
    """A record from plain JSON data; raises UsageError when it is not a run record of this version."""
    found = tuple(data.get(key) for key in FIRST_KEYS) if isinstance(data, dict) else (None, None)
    if found != (RECORD_API_VERSION, RECORD_KIND):
        raise UsageError(f"not a run record: expected {RECORD_API_VERSION} {RECORD_KIND}, found {found[0]} {found[1]}")
    try:
        (record,) = _adapter().validate_python((data,))
    except ValidationError as error:
        lines = (f"  {_place(line['loc'])}: {line['msg']}" for line in error.errors()[:10])
        raise UsageError("\n".join((f"not a valid run record ({error.error_count()} errors):", *lines))) from None
    return record


def _place(location: tuple[int | str, ...]) -> str:
    """``scenarios[0].steps[1].cells`` out of pydantic's path, whose first item is our tuple's index."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", ".".join(map(str, location[1:]))) or "record"


def render(record: RunRecord, options: RenderOptions) -> str:
    """The document in one piece."""
    return "".join(pieces(record, options))


def pieces(record: RunRecord, options: RenderOptions) -> Iterator[str]:
    """The record as an indented JSON document with one line per cell: good for grep and for comparing runs.

    ASCII, so that no encoding can spoil it.
    """
    outline = json.dumps(record_to_json(_with_cells(record, lambda cells: [])), indent=2)
    steps = (step for scenario in record.scenarios for step in scenario.steps)
    yield from filled(outline, "cells", (map(cell_json, step.cells) for step in steps), indent=" " * 12)
    yield "\n"


def cell_json(cell: CellRecord) -> str:
    """A cell as JSON text, on one line."""
    return json.dumps(_cell_adapter().dump_python((cell,), mode="json", by_alias=True)[0])


def _with_cells(record: RunRecord, cells: Callable[[Sequence[CellRecord]], list[CellRecord]]) -> RunRecord:
    """The record with something else for each step's cells; packed ones are nothing to pydantic."""

    def step(each: StepRecord) -> StepRecord:
        return replace(each, cells=cells(each.cells))

    scenarios = [replace(each, steps=[step(one) for one in each.steps]) for each in record.scenarios]
    return replace(record, scenarios=scenarios)


def record_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a rendered record; the types' docstrings are its descriptions."""
    return document_schema(_adapter(), RunRecord, SCHEMA_ID, "cni-probe run record", RECORD_KIND)


def schema_text() -> str:
    """The published file's content."""
    return json.dumps(record_schema(), indent=2) + "\n"
