"""Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from probe import __version__
from probe.lint.finding import Finding, Level
from probe.lint.lint import Report
from probe.lint.table import RULES, Rule

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.INFO: "note"}
_INDEX: Final = {rule.id: index for index, rule in enumerate(RULES)}


def sarif(report: Report) -> dict[str, Any]:
    """One run with all rules. What comments silenced is there as suppressed in source."""
    driver = {"name": "cni-probe", "version": __version__, "rules": [_rule(rule) for rule in RULES]}
    results = _results(report.findings) + [
        result | {"suppressions": [{"kind": "inSource"}]} for result in _results(report.ignored)
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.summary},
        "defaultConfiguration": {"level": _LEVELS[rule.level]},
    }


def _results(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [_result(each) for each in findings]


def _result(finding: Finding) -> dict[str, Any]:
    about = f"{finding.subject}: " if finding.subject else ""
    hint = f" ({finding.hint})" if finding.hint else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": _INDEX[finding.rule],
        "level": _LEVELS[finding.level],
        "message": {"text": f"{about}{finding.message}{hint}"},
        "locations": [{"physicalLocation": _location(finding)}],
    }


def _location(finding: Finding) -> dict[str, Any]:
    """A relative path is relative to where the command ran, as code hosts want it."""
    place = finding.location
    region = {"startLine": max(place.line, 1), "startColumn": max(place.column, 1)}
    return {"artifactLocation": {"uri": quote(place.file)}, "region": region}
