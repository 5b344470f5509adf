"""What the page's script draws from: scenarios, endpoints, layouts and cells, as JSON, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import yaml

from probe.model.fleet import EXTERNAL
from probe.model.record import RunRecord, ScenarioRecord, StepRecord
from probe.report.filling import filled
from probe.report.findings import names_by_uid
from probe.report.fold import count_cells
from probe.report.html.answer import tone_of
from probe.report.html.cells import FIELDS, Texts, rows
from probe.report.html.embed import embedded
from probe.report.html.layout import WIDTH, layout
from probe.report.matrix import namespace_of
from probe.report.symbols import ABSENT, EXPECTED_MEANINGS, GLYPHS, MIXED, OBSERVED_MEANINGS, WORST_FIRST
from probe.report.text import one_line, safe
from probe.report.topology import marks_of
from probe.report.words import fleet_words, scenario_name, step_word


def data_pieces(record: RunRecord, texts: Texts) -> Iterator[str]:
    """Everything but the texts, which are complete when the last piece has been taken."""
    manifests: dict[tuple[str, ...], int] = {}
    outline = {
        "fields": FIELDS,
        "symbols": {
            "wanted": EXPECTED_MEANINGS,
            "seen": OBSERVED_MEANINGS,
            "mixed": MIXED,
            "absent": ABSENT,
            "worst": WORST_FIRST,
            "glyphs": GLYPHS,
        },
        "scenarios": [_scenario(each, manifests) for each in record.scenarios],
        "manifests": list(manifests),
    }
    names = names_by_uid(record)
    steps = (step for scenario in record.scenarios for step in scenario.steps)
    cells = (map(embedded, rows(step.cells, texts, names)) for step in steps)
    yield from filled(embedded(outline, spaced=True), "cells", cells)


def _scenario(scenario: ScenarioRecord, manifests: dict[tuple[str, ...], int]) -> dict[str, Any]:
    ids = _endpoints(scenario)
    marks, pods = marks_of(scenario), {pod.id: pod for pod in scenario.pods}
    placed = layout(ids)
    return {
        "name": scenario_name(scenario),
        "file": safe(scenario.file),
        "description": one_line(scenario.description),
        "fleet": fleet_words(scenario),
        "endpoints": [
            {
                "id": safe(id_),
                "mark": marks.get(id_, ""),
                "node": safe(pods[id_].node or "") if id_ in pods else "",
                "kind": "external" if id_.startswith(f"{EXTERNAL}/") else "pod" if id_ in pods else "service",
                "addresses": [safe(address) for address in pods[id_].addresses] if id_ in pods else [],
                "labels": [safe(f"{key}={value}") for key, value in pods[id_].labels.items()] if id_ in pods else [],
            }
            for id_ in ids
        ],
        "layout": {
            "byNamespace": placed.by_namespace,
            "width": WIDTH,
            "height": placed.height,
            "nodes": [asdict(node) | {"id": safe(node.id), "label": safe(node.label)} for node in placed.nodes],
            "groups": [asdict(group) | {"name": safe(group.name)} for group in placed.groups],
        },
        "steps": [_step(step, manifests) for step in scenario.steps],
    }


def _endpoints(scenario: ScenarioRecord) -> list[str]:
    """The ends of the scenario's cells: pods as they were deployed, then what is no pod; each namespace in one piece.

    A pod that no cell is about only served the run itself.
    """
    ends: dict[str, None] = {}
    for step in scenario.steps:
        for cell in step.cells:
            ends[cell.source] = ends[cell.destination] = None
    found = dict.fromkeys(pod.id for pod in scenario.pods if pod.id in ends) | ends
    order = {name: number for number, name in enumerate(dict.fromkeys(map(namespace_of, found)))}
    return sorted(found, key=lambda id_: order[namespace_of(id_)])


def _step(step: StepRecord, manifests: dict[tuple[str, ...], int]) -> dict[str, Any]:
    counts = count_cells(step.cells)
    word, _ = step_word(step, counts)
    return {
        "name": safe(step.name),
        "description": one_line(step.description),
        "changes": [one_line(change) for change in step.changes],
        "word": word,
        "problems": [one_line(problem) for problem in step.problems],
        "counts": [[verdict.value, number, tone_of(verdict)] for verdict, number in counts.items()],
        "policies": [
            {
                "name": safe(policy.name),
                "kind": safe(policy.kind),
                "changed": policy.changed,
                "manifest": manifests.setdefault(manifest_lines(policy.manifest), len(manifests)),
            }
            for policy in step.policies
        ],
        "cells": [],
    }


def manifest_lines(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """A manifest as lines of YAML."""
    text = yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=True, width=100)
    return tuple(map(safe, text.splitlines()))
