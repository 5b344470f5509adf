"""Slips and words of their own."""

from __future__ import annotations

import pytest

from probe.lint.spelling import slip_for


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("Web", "web", "web"),
        ("frontned", "frontend", "frontend"),
        ("fronend", "frontend", "frontend"),
        ("monitorign-x", "monitoring-x", "monitoring-x"),
        ("platfrom", "platform", "platform"),
        ("web", "web", None),
        ("v1", "v2", None),
        ("stage-1", "stage-2", None),
        ("db", "dc", None),
        ("frontend", "backend", None),
        ("production", "prod", None),
    ],
)
def test_slips(word: str, known: str, meant: str | None) -> None:
    assert slip_for(word, [known, "something-else"]) == meant
