"""Truth tables: rules as a drawing, with mistakes located inside of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from probe.model.cell import Expectation
from probe.model.errors import Problem
from probe.model.scenario import Scenario
from probe.scenario import make_plan
from probe.scenario.table import parse_table


def stated(text: str) -> dict[tuple[str, str, str], str]:
    table = parse_table(text)
    assert table.mistakes == ()
    return {
        (entry.ports.text, entry.source.text, entry.destination.text): str(entry.verdict) for entry in table.entries
    }


def test_each_word_of_a_row_is_for_the_destination_above_it() -> None:
    assert stated("80/TCP  a/x  a/y\na/x  .  X\na/y  deny  ?\n") == {
        ("80/TCP", "a/x", "a/x"): "allow",
        ("80/TCP", "a/x", "a/y"): "deny",
        ("80/TCP", "a/y", "a/x"): "deny",
        ("80/TCP", "a/y", "a/y"): "either",
    }


def test_an_empty_line_begins_a_table_of_other_ports() -> None:
    assert stated("\n80  a/x\na/y  .\n\n53/UDP  a/z\na/y  drop\n\n") == {
        ("80", "a/y", "a/x"): "allow",
        ("53/UDP", "a/y", "a/z"): "drop",
    }


def test_rulers_bars_and_comments_mean_nothing_and_a_dash_states_nothing() -> None:
    text = "| *   | a/x | a/y |   # who reaches whom\n|-----|-----|-----|\n| a/x | -   | reject |\n"
    assert stated(text) == {("*", "a/x", "a/y"): "reject"}


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("80 a/x a/y\na/x .\n", (1, 0), "1 words for 2 destinations"),
        ("80 a/x\na/x Y\n", (1, 4), '"Y" is not a word'),
        ("80 a/x\na/x alow\n", (1, 4), '"alow" is not a word'),
        ("80 a/x\na/y X\na/y .\n", (2, 4), "stated twice"),
        ("80\na/y\n", (0, 0), "no destination"),
        ("80 a/x\n", (0, 0), "no row"),
        ("80 a/x\na/y -\n", (0, 0), "states nothing"),
        ("\n", (0, 0), "states nothing"),
    ],
)
def test_mistakes_are_at_their_word(text: str, at: tuple[int, int], message: str) -> None:
    token, (said, _hint) = parse_table(text).mistakes[0]
    assert (token.line, token.column) == at
    assert message in said


TABLE = """\
    - name: second
      expect:
        table: |
          80/TCP                production/*  development/web
          production/frontend   .             X
          production/backend    X             .
          development/*         .             ?

          8080/TCP,dns,443      *
          *                     deny
"""


def test_a_table_that_states_every_cell_needs_no_default(base: str, load: Callable[..., Scenario]) -> None:
    plan = make_plan(load(base + TABLE))
    expected = {
        (item.cell.source, item.cell.destination, item.cell.port): item.expectation
        for item in plan.steps[1].cells
        if not item.cell.is_self
    }
    assert expected["production/frontend", "production/backend", 80] is Expectation.ALLOW
    assert expected["production/frontend", "development/web-1", 80] is Expectation.DENY
    assert expected["development/client", "development/web-0", 80] is Expectation.EITHER
    assert expected["development/client", "development/web-0", 8080] is Expectation.DENY
    assert expected["development/client", "production/frontend", 53] is Expectation.DENY
    assert all(item.decided_by for item in plan.steps[1].cells if not item.cell.is_self)


def test_rules_are_read_after_the_table(base: str, load: Callable[..., Scenario]) -> None:
    rule = "        rules: [{from: production/backend, to: production/frontend, port: 80, verdict: allow}]\n"
    plan = make_plan(load(base + TABLE + rule))
    wanted = [i for i in plan.steps[1].cells if (i.cell.source, i.cell.destination, i.cell.port) == (
        "production/backend", "production/frontend", 80
    )]  # fmt: skip
    assert [item.expectation for item in wanted] == [Expectation.ALLOW]


@pytest.mark.parametrize(
    ("old", "new", "position", "message"),
    [
        ("production/backend    X", "production/backends   X", (27, 11), 'unknown pod "production/backends"'),
        ("production/*  ", "prodution/*   ", (25, 33), '"prodution/*" matches no pod'),
        ("dns", "dsn", (30, 11), "nobody serves dsn"),
        ("?", "!", (28, 47), '"!" is not a word'),
        ("8080/TCP,dns,443      *", "8080/TCP,dns,443  development/client", (31, 33), "is not tried on 8080/TCP, dns"),
    ],
)
def test_mistakes_in_a_table_are_located_in_the_file(
    base: str,
    problems_of: Callable[..., tuple[Problem, ...]],
    old: str,
    new: str,
    position: tuple[int, int],
    message: str,
) -> None:
    assert TABLE.count(old) == 1
    (problem,) = problems_of(base + TABLE.replace(old, new))
    assert (problem.location.line, problem.location.column) == position
    assert problem.field == "spec.steps[1].expect.table"
    assert message in problem.message


def test_a_table_must_be_a_literal_block(base: str, problems_of: Callable[..., tuple[Problem, ...]]) -> None:
    (problem,) = problems_of(base + TABLE.replace("table: |", "table: >"))
    assert "must be a literal block" in problem.message
