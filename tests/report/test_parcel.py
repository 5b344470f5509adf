"""Results in the size of one object: complete as long as they fit, and honest about what is missing."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

from probe.model.cell import Verdict
from probe.model.record import RunRecord
from probe.report.parcel import COMPRESSED, MAX_BYTES, PART, RECORD, pack
from probe.report.run_record import record_from_json, record_to_json


def test_a_small_record_is_there_as_it_is(red: RunRecord) -> None:
    parcel = pack(red)
    assert json.loads(parcel.text[RECORD]) == record_to_json(red)
    assert parcel.text["exit-code"] == str(red.exit_code)
    assert "exit code" in parcel.text["summary"]
    assert parcel.binary == {}
    assert parcel.size < MAX_BYTES


def test_one_that_does_not_fit_is_compressed(red: RunRecord) -> None:
    parcel = pack(red, limit=pack(red).size - 1)
    assert set(parcel.binary) == {COMPRESSED}
    assert record_from_json(json.loads(gzip.decompress(parcel.binary[COMPRESSED]))) == red
    assert parcel.text["contents"] == "run.json.gz: the run record, complete, gzip"


def test_of_one_that_does_not_fit_compressed_the_cells_that_passed_are_left_out_and_it_says_so(
    red: RunRecord,
) -> None:
    (step,) = red.scenarios[0].steps
    passed = [cell for cell in step.cells if cell.verdict is Verdict.PASS]
    step.cells = [*step.cells, *(replace(each, destination=f"production/{n}") for n in range(20) for each in passed)]
    compressed = pack(red, limit=pack(red).size - 1)
    parcel = pack(red, limit=compressed.size - 1)
    assert set(parcel.binary) == {PART}
    part = record_from_json(json.loads(gzip.decompress(parcel.binary[PART])))
    left = [cell.verdict for scenario in part.scenarios for step in scenario.steps for cell in step.cells]
    assert left
    assert Verdict.PASS not in left
    assert part.counts == red.counts
    assert f"left out: {red.counts[Verdict.PASS]} cells that passed" in parcel.text["contents"]


def test_at_the_least_there_are_counts(red: RunRecord) -> None:
    parcel = pack(red, limit=100)
    assert parcel.binary == {}
    assert json.loads(parcel.text["counts.json"])["pass"] == red.counts[Verdict.PASS]
    assert "counts and summary alone" in parcel.text["contents"]
