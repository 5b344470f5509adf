"""The formats of the files that users write, as ``structure`` needs them."""

from __future__ import annotations

from typing import Final

from probe.scenario.format import API_VERSION, DROPPED, KIND, ScenarioSpec
from probe.scenario.structure import Format

SCENARIO: Final = Format(
    ScenarioSpec,
    stand_ins={
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {},
        "name": "unnamed",
        "verdict": "either",
        "expect": "either",
        "spec": {},
        "fleet": {},
        "steps": [],
        "namespaces": {},
        "external": {},
        "addresses": [DROPPED],
        "ports": [DROPPED],
    },
    hints={
        "expect": 'state what is expected; "expect: unchanged" repeats what the step before expects',
        "verdict": "allow, deny, drop, reject, either or computed",
        "apiVersion": f"write apiVersion: {API_VERSION}",
    },
)
