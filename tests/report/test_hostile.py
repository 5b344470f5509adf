"""Names and messages that come from elsewhere: no format may break, lose a cell, or let them steer a terminal."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from junitparser import JUnitXml

from probe.model.cell import Verdict
from probe.model.record import RunRecord
from probe.report.outputs import FORMATS
from probe.report.render import RenderOptions
from probe.report.text import columns, command, duration, safe, shortened

EVIL = "evil|pipe\x1b[31m\x07\x00 \u202ereversed \ud800 <b>&amp;]]> 宽字\nsecond line"
LONG = f"{'n' * 63}/{'p' * 63}"
NAMES = ("a|b/c|d", "x\x1b[2J/y", "宽/字", LONG, "<a>/&b", "production/080")


@pytest.fixture
def hostile(build: Any) -> RunRecord:
    cells = build.mesh(
        NAMES, ("80/TCP", "443/TCP"), lambda cell: {"expected": "deny", "outcome": "connected", "reason": EVIL}
    )
    step = build.step(cells, name=EVIL, description=EVIL, changes=[EVIL], problems=[EVIL], completed=False)
    scenario = build.scenario(step, name=EVIL, description=EVIL, file=EVIL, problems=[EVIL + "2"], pods=[])
    record: RunRecord = build.run(scenario, problems=[EVIL + "3"])
    return record


def text_of(name: str, record: RunRecord) -> str:
    return "".join(FORMATS[name](record, RenderOptions(80)))


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_control_characters_through(hostile: RunRecord, name: str) -> None:
    text = text_of(name, hostile)
    if name == "csv":
        text = text.replace("\r\n", "\n")  # RFC 4180 ends lines so
    assert [char for char in text if char != "\n" and not char.isprintable()] == []
    text.encode("utf-8")


@pytest.mark.parametrize("name", sorted({*FORMATS} - {"prometheus", "summary"}))  # which count cells
def test_every_cell_that_did_not_pass_is_in_every_format(build: Any, red: RunRecord, name: str) -> None:
    text = text_of(name, red)
    for cell in red.scenarios[0].steps[0].cells:
        if cell.verdict is Verdict.PASS:
            continue
        words = [cell.verdict.value, cell.source, cell.destination, str(cell.port), cell.protocol.value]
        if name == "junit" and cell.verdict in (Verdict.UNSUPPORTED, Verdict.UNDEFINED):
            words[0] = "skipped"
        pattern = ".*?".join(map(re.escape, words))
        # In XML the verdict follows the name, in JSON it does so too.
        backwards = ".*?".join(map(re.escape, [*words[1:], words[0]]))
        assert re.search(pattern, text, re.S | re.I) or re.search(backwards, text, re.S | re.I), cell


def test_hostile_names_read_back_from_xml_and_json(hostile: RunRecord) -> None:
    xml = JUnitXml.fromstring(text_of("junit", hostile).encode())
    keys = [(case.classname, case.name) for suite in xml for case in suite]
    assert len(keys) == len(set(keys))
    assert any("a|b/c|d -> <a>/&b 80/TCP" in name for _, name in keys)
    data = json.loads(text_of("json", hostile))
    assert data["scenarios"][0]["name"] == EVIL


def test_long_names_are_shown_whole_somewhere(hostile: RunRecord) -> None:
    assert LONG in text_of("table", hostile)
    assert LONG in text_of("wide", hostile)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("naïve 宽", "naïve 宽"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb", "a\\nb"),
        ("\u202e", "\\u202e"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
    ],
)
def test_safe_spells_out_what_is_not_printable(text: str, expected: str) -> None:
    assert safe(text) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 ms"),
        (0.00084, "0.8 ms"),
        (0.00996, "10 ms"),
        (0.12, "120 ms"),
        (0.9996, "1.0 s"),
        (1.7, "1.7 s"),
        (123, "2 min 3 s"),
    ],
)
def test_durations_have_the_unit_that_people_would_use(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_names_are_shortened_in_the_middle() -> None:
    assert shortened("production/frontend", 40) == "production/frontend"
    assert shortened("production/frontend-web-1", 12) == "produ..web-1"


def test_wide_characters_take_two_columns() -> None:
    assert (columns("abc"), columns("宽字"), columns("e\u0301")) == (3, 4, 1)


def test_a_command_is_continued_only_where_a_shell_accepts_it() -> None:
    line = "kubectl exec -n a b -- python3 -m x"
    assert command(line, 80, "  ") == ["  " + line]
    assert command(line, 30, "  ") == ["  kubectl exec -n a b -- \\", "      python3 -m x"]
