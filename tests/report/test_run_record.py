"""The run record as JSON: round trip, published schema, refusals."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import probe.report
from probe.model.errors import UsageError
from probe.model.record import RunRecord
from probe.report.render import RenderOptions
from probe.report.run_record import record_from_json, record_schema, record_to_json, render, schema_text


def check(data: Any) -> None:
    _validator().validate(data)


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = record_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_a_record_survives_the_round_trip_through_text(red: RunRecord, green: RunRecord) -> None:
    for record in (red, green):
        assert record_from_json(json.loads(render(record, RenderOptions()))) == record


def test_the_rendered_record_matches_the_schema(red: RunRecord, green: RunRecord) -> None:
    check(record_to_json(red))
    check(record_to_json(green))


def test_keys_are_camel_case_and_start_with_what_the_document_is(red: RunRecord) -> None:
    data = record_to_json(red)
    assert list(data)[:2] == ["apiVersion", "kind"]
    assert data["exitCode"] == 1
    assert data["scenarios"][0]["steps"][0]["cells"][1]["sourceNode"] == "node-1"
    assert list(data["counts"]) == [
        "pass", "leak", "blocked", "misrouted", "wrong-denial", "inconclusive", "unsupported", "undefined",
    ]  # fmt: skip


def test_labels_of_the_users_keep_their_spelling(build: Any) -> None:
    record = build.run(build.scenario(labels={"snake_case_key": "a_b"}))
    assert record_to_json(record)["scenarios"][0]["labels"] == {"snake_case_key": "a_b"}


def test_rendering_twice_gives_the_same_bytes_in_ascii(red: RunRecord, build: Any) -> None:
    assert render(red, RenderOptions()) == render(red, RenderOptions())
    strange = build.run(build.scenario(description="naïve \x1b[31m 宽"))
    text = render(strange, RenderOptions())
    assert text.isascii()
    assert "\x1b" not in text


def test_the_document_has_one_line_for_every_cell(red: RunRecord, green: RunRecord, build: Any) -> None:
    several = build.run(*red.scenarios, build.scenario(build.step([])), *green.scenarios, problems=['"cells": []'])
    text = render(several, RenderOptions())
    assert json.loads(text) == record_to_json(several)
    cells = [line.strip().rstrip(",") for line in text.splitlines() if line.strip().startswith('{"source"')]
    assert [json.loads(line)["verdict"] for line in cells[:2]] == ["pass", "leak"]
    assert len(cells) == 8 + 54


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"apiVersion": "cni-probe/v9"}, "cni-probe/v9"),
        ({"surprise": 1}, "surprise"),
        ({"seconds": "soon"}, "seconds"),
        ({"counts": {"fine": 3}}, "counts"),
        ({"scenarios": [{}]}, r"scenarios\[0\]"),
    ],
)
def test_what_is_not_a_record_is_refused_with_the_place(green: RunRecord, change: Any, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        record_from_json(record_to_json(green) | change)
    with pytest.raises(jsonschema.ValidationError):
        check(record_to_json(green) | change)


def test_a_record_from_before_a_field_was_added_is_still_read(green: RunRecord) -> None:
    data = record_to_json(green)
    for step in data["scenarios"][0]["steps"]:
        del step["policies"]
        for cell in step["cells"]:
            del cell["decidedBy"]
    assert record_from_json(data) == green


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_has_not_is_refused(green: RunRecord, number: float) -> None:
    with pytest.raises(UsageError, match="seconds: Input should be a finite number"):
        record_from_json(record_to_json(green) | {"seconds": number})


@pytest.mark.parametrize("data", [[], {}, None, "record"])
def test_other_json_is_refused(data: Any) -> None:
    with pytest.raises(UsageError, match="not a run record"):
        record_from_json(data)


def test_every_object_of_the_schema_is_closed_and_described() -> None:
    schema = record_schema()
    for name, definition in schema["$defs"].items():
        assert definition["description"], name
        if definition["type"] == "object":
            assert definition["additionalProperties"] is False, name
            assert definition["required"] == list(definition["properties"]), name


def test_the_published_schema_is_current() -> None:
    published = Path(probe.report.__file__).with_name("run-record.schema.json")
    assert published.read_text(encoding="utf-8") == schema_text(), "run: make schema"
