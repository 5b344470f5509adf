"""The formats of the files that users write, as ``structure`` needs them."""

from __future__ import annotations

from typing import Final

from probe.scenario.format.document import API_VERSION, FLEET_KIND, KIND, ScenarioSpec, SharedFleetSpec
from probe.scenario.format.strict import DROPPED
from probe.scenario.structure import Format

_ENDPOINTS: Final = {"namespaces": {}, "external": {}, "addresses": [DROPPED], "ports": [DROPPED]}
_VERSION_HINT: Final = {"apiVersion": f"write apiVersion: {API_VERSION}"}

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
        **_ENDPOINTS,
    },
    hints={
        "expect": 'state what is expected; "expect: unchanged" repeats what the step before expects',
        "verdict": "allow, deny, drop, reject, either or computed",
        **_VERSION_HINT,
    },
)

SHARED_FLEET: Final = Format(
    SharedFleetSpec,
    stand_ins={"apiVersion": API_VERSION, "kind": FLEET_KIND, "spec": {}, **_ENDPOINTS},
    hints=_VERSION_HINT,
)
