"""What is said of detections, and that the page of the docs says it of every fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from probe.sandbox.faults.registry import FAULTS
from tests.sandbox.detection.classes import CLASSES
from tests.sandbox.detection.detect import CLEAN, Catch, Detection
from tests.sandbox.detection.table import is_missed, page, text

PAGE = Path(__file__).parents[3] / "docs/detection.md"
CATCH = Catch("port-range", "80 to 82", "x/c -> x/a 82/TCP", "blocked", 4)
CLEAN_RUN = Detection(CLEAN, 80, 80)


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        (Detection("endport-exclusive", 2, 2, (CATCH,)), False),
        (Detection("endport-exclusive", 2, 2), True),
        (Detection("endport-exclusive", 2, 2, inconclusive=9), True),
        (Detection("endport-exclusive", 0, 0), True),
        (Detection("established-kept", 2, 2), False),
        (CLEAN_RUN, False),
        (Detection(CLEAN, 80, 80, (CATCH,)), True),
        (Detection(CLEAN, 80, 80, inconclusive=1), True),
        (Detection(CLEAN, 80, 1, problems=("the API server is gone",)), True),
    ],
)
def test_what_counts_as_missed(found: Detection, missed: bool) -> None:
    assert is_missed(found) is missed


def test_the_table_has_the_first_catch_and_says_what_was_missed() -> None:
    found = [
        CLEAN_RUN,
        Detection("endport-exclusive", 9, 4, (CATCH, CATCH, CATCH)),
        Detection("endport-ignored", 2, 2, inconclusive=3),
        Detection("established-kept", 2, 2),
    ]
    lines = [re.split(r"  +", line) for line in text(found).splitlines()]
    assert lines[2] == ["none", "0", "80", "clean"]
    assert lines[3] == ["endport-exclusive", "block", "yes", ">=3", "9", "port-range: x/c -> x/a 82/TCP", "blocked"]
    assert lines[4] == ["endport-ignored", "block", "NO", "0", "2", "3 inconclusive cells"]
    assert lines[5] == ["established-kept", "leak, open", "no, left open", "0", "2"]
    assert text(found).splitlines()[-3:] == [
        "1 of 2 faults caught (50%)",
        "missed: endport-ignored",
        "left open by the API: established-kept (not noticed)",
    ]


def test_a_detection_survives_its_way_into_a_file() -> None:
    found = Detection("endport-exclusive", 9, 4, (CATCH,), 1, ("a problem",), 3.5)
    assert Detection.from_json(found.to_json()) == found


def test_a_page_is_of_all_faults_and_says_which_were_not_tried() -> None:
    found = {name: Detection(name, 9, 4, (CATCH,)) for name in FAULTS} | {CLEAN: CLEAN_RUN}
    text = page(found)
    assert "Without a fault, 80 scenarios pass." in text
    assert text.count("| 1 of 4 | port-range | blocked |") == len(FAULTS)
    assert "| udp-not-enforced | UDP passes | `udp-unenforced` | port-range |  |" in text
    del found["endport-exclusive"]
    assert "; 1 could not be tried" in page(found)
    assert page(found).count("| not tried |") == 1


def test_every_class_of_reported_bugs_has_a_fault_or_says_why_not() -> None:
    assert len(CLASSES) == 47
    for name, each in CLASSES.items():
        assert {*each.faults} <= FAULTS.keys(), name
        assert each.note or any(not FAULTS[fault].left_open for fault in each.faults), name


def test_the_page_of_the_docs_has_every_fault_and_none_that_was_tried_and_missed() -> None:
    rows = {line.split("`")[1]: line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")}
    assert [*rows] == [*FAULTS], "write it again: make detection PAGE=docs/detection.md"
    for name, row in rows.items():
        *_, count, _, verdict, _ = (cell.strip() for cell in row.split("|"))
        assert FAULTS[name].left_open or count == "not tried" or verdict in ("leak", "blocked", "misrouted"), row
        assert f"| {FAULTS[name].summary()} |" in row, "the fault's summary has changed"
