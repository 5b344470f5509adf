"""docs/lint.md: every rule finds what its example shows, says what the page says, and is quiet of the better one."""

from __future__ import annotations

import pytest

from probe.lint.table import RULES, Rule
from tests.lint.conftest import Lint
from tests.lint.page import PAGE


def test_the_page_has_every_rule_and_no_other() -> None:
    assert list(PAGE.rules) == [rule.id for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_finds_what_its_example_shows(rule: Rule, lint_text: Lint) -> None:
    section = PAGE.rules[rule.id]
    assert section.level == rule.level
    assert section.text.startswith(rule.summary)
    found = next(each for each in lint_text(section.example).findings if each.rule == rule.id)
    place = f"{found.location.line}:{found.location.column}"
    hint = f"-> {found.hint}\n" if found.hint else ""
    assert section.said == f"{place} {found.level}: {found.message}\n{hint}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_is_quiet_of_what_is_as_it_should_be(rule: Rule, lint_text: Lint) -> None:
    assert [each for each in lint_text(PAGE.rules[rule.id].better).findings if each.rule == rule.id] == []


def test_whoever_follows_the_page_has_nothing_left_to_complain_of(lint_text: Lint) -> None:
    """But for the shop's own pods, which are open until there is a default deny, and rules that face the world."""
    for name, section in PAGE.rules.items():
        rest = {each.rule for each in lint_text(section.better).findings}
        assert rest <= {"no-default-deny", "allow-from-everywhere"}, name
