"""Scenario files -> model: loading with positions, validation, expansion, plans. Never talks to a cluster."""

from probe.scenario.load import load_scenarios
from probe.scenario.names import map_manifest
from probe.scenario.plan import make_plan, ways_needed

__all__ = ["load_scenarios", "make_plan", "map_manifest", "ways_needed"]
