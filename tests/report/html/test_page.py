"""What the page says without its script, and the data that the script gets."""

from __future__ import annotations

import json
import re
from typing import Any

from probe.model.record import DecisionRecord, RunRecord
from probe.report.html import pieces
from probe.report.html.answer import MAX_FINDINGS, answer
from probe.report.html.cells import FIELDS, Texts, rows
from probe.report.html.data import data_pieces
from probe.report.render import RenderOptions


def data_of(record: RunRecord) -> tuple[dict[str, Any], list[str]]:
    texts = Texts()
    return json.loads("".join(data_pieces(record, texts))), texts.all()


def test_the_first_words_are_the_answer(red: RunRecord, green: RunRecord) -> None:
    said = answer(red)
    assert (said.word, said.tone) == ("FAIL", "bad")
    assert said.sentence.startswith("1 leak, 1 blocked cell")
    assert answer(green).sentence == "Every cell did what was expected: 54 cells in 2 steps"
    assert answer(green).tone == "good"


def test_leaks_come_first_among_counts_and_findings(red: RunRecord) -> None:
    said = answer(red)
    assert [count.verdict for count in said.counts][:2] == ["leak", "blocked"]
    assert said.counts[-1].verdict == "pass"
    assert [finding.verdict for finding in said.findings][:2] == ["leak", "blocked"]


def test_a_finding_names_its_cells_its_step_and_the_policies_reason(build: Any) -> None:
    decision = DecisionRecord("deny", "a to b is denied: no rule allows it")
    leak = build.cell(expected="deny", outcome="connected", decision=decision)
    (finding,) = answer(build.run(build.scenario(build.step([build.cell("x/y", "x/z"), leak])))).findings
    assert finding.place == "0.0.1"
    assert finding.where == "frontend-ingress: frontend-policy"
    assert finding.lines == ["production/backend -> production/frontend 80/TCP"]
    assert finding.sentences == ["expected deny, but it connected", "a to b is denied: no rule allows it"]


def test_more_findings_than_people_read_are_counted(build: Any) -> None:
    cells = [build.cell(f"a/p{n}", "b/q", expected="deny", outcome="connected") for n in range(MAX_FINDINGS + 7)]
    said = answer(build.run(build.scenario(build.step(cells))))
    assert (len(said.findings), said.findings_left) == (MAX_FINDINGS, 7)


def test_problems_and_untested_things_are_on_the_first_screen(build: Any, green: RunRecord) -> None:
    (scenario,) = green.scenarios
    scenario.untested.append("no second node")
    green.problems.append("the API server went away")
    problems = answer(green).problems
    assert problems == ["the API server went away", "frontend-ingress: not tested: no second node"]


def test_a_run_that_measured_nothing_has_a_page(build: Any) -> None:
    text = "".join(pieces(build.run(), RenderOptions()))
    assert "INCONCLUSIVE" in text
    assert "No scenario was run" in text
    assert "not one cell was proven" in text.lower()


def test_a_row_has_a_value_for_every_field_and_its_texts_read_back(red: RunRecord) -> None:
    texts = Texts()
    cells = red.scenarios[0].steps[0].cells
    found = list(rows(cells, texts, {}))
    table = texts.all()
    for cell, row in zip(cells, found, strict=True):
        read = dict(zip(FIELDS, row, strict=True))
        assert table[read["source"]] == cell.source
        assert table[read["port"]] == f"{cell.port}/{cell.protocol}"
        assert table[read["verdict"]] == cell.verdict
        assert table[read["repeat"]] == cell.repeat
        assert len(read["history"]) == 5 * len(cell.history)


def test_every_step_has_its_cells_in_the_data(green: RunRecord, red: RunRecord, build: Any) -> None:
    data, _ = data_of(build.run(*green.scenarios, build.scenario(build.step([])), *red.scenarios))
    assert [[len(step["cells"]) for step in each["steps"]] for each in data["scenarios"]] == [[27, 27], [0], [8]]


def test_a_pod_that_no_cell_is_about_is_left_out(build: Any) -> None:
    witness = build.pod("cni-probe-witness/witness")
    scenario = build.scenario(build.step([build.cell()]))
    scenario.pods.append(witness)
    data, _ = data_of(build.run(scenario))
    assert [each["id"] for each in data["scenarios"][0]["endpoints"]] == ["production/backend", "production/frontend"]


def test_the_ends_of_a_namespace_stay_together(build: Any) -> None:
    cells = [build.cell("a/1", "b/1"), build.cell("a/2", "external/vault"), build.cell("a/2", "b/2")]
    data, _ = data_of(build.run(build.scenario(build.step(cells))))
    kinds = {each["id"]: each["kind"] for each in data["scenarios"][0]["endpoints"]}
    assert list(kinds) == ["a/1", "a/2", "b/1", "b/2", "external/vault"]
    assert (kinds["b/2"], kinds["external/vault"]) == ("service", "external")


def test_the_page_is_the_same_every_time(red: RunRecord) -> None:
    one, other = ("".join(pieces(red, RenderOptions())) for _ in range(2))
    assert one == other
    assert re.search(r"<title>FAIL: 1 leak", one)
