"""The documents: a scenario, and a fleet that scenarios share."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, model_validator

from probe.model.cell import Expectation
from probe.model.scenario import Timeouts
from probe.scenario.format.expect import STATED
from probe.scenario.format.fleet import FleetBody, FleetSpec
from probe.scenario.format.matrix import Matrix
from probe.scenario.format.selection import ProbeSpec
from probe.scenario.format.step import StepSpec
from probe.scenario.format.strict import Item, Strict
from probe.scenario.format.values import Duration, ExpectationWord, Labels
from probe.scenario.format.watching import WatchSpec

API_VERSION: Final = "cni-probe/v1"
KIND: Final = "Scenario"
FLEET_KIND: Final = "Fleet"


class Metadata(Strict):
    """Name and labels of the scenario."""

    name: str = Field(description="Name of the scenario, unique in a run; a DNS label.")
    labels: Labels = Field(default={}, description="Labels to select scenarios by.")


def _timeout(name: str, description: str) -> Any:
    return Field(default=None, description=f"{description} (default {getattr(Timeouts(), name):g}s).")


class TimeoutsSpec(Strict):
    """Durations: seconds as a number, or 1.5s, 500ms, 2m."""

    ready: Duration | None = _timeout("ready", "Until all pods answer")
    baseline: Duration | None = _timeout("baseline", "Until every pair has connected once")
    attempt: Duration | None = _timeout("attempt", "One attempt while converging")
    converge: Duration | None = _timeout("converge", "Until every cell is as expected")
    confirm: Duration | None = _timeout("confirm", "One attempt of the final confirmation")
    enforcement: Duration | None = Field(
        default=None,
        description="A cell that is not as expected so long after the change was acknowledged is a leak, or blocked, "
        "though it be enforced later (default: no limit but converge).",
    )
    grace: Duration | None = Field(
        default=None,
        description="So long after the change was acknowledged nothing at all may get through where a denial is "
        "expected (default: until it is enforced); what was denied before and still is has no grace.",
    )


_EXPECT_IS_SOMEWHERE: Final[dict[str, Any]] = {
    "if": {"not": {"required": ["expect"]}},
    "then": {"properties": {"steps": {"description": "Each with its own.", "items": {"required": ["expect"]}}}},
}


class Spec(Strict):
    """Fleet and steps."""

    model_config = ConfigDict(json_schema_extra=_EXPECT_IS_SOMEWHERE)

    @model_validator(mode="before")
    @classmethod
    def _general_expectation(cls, value: Any) -> Any:
        """Steps without ``expect`` take the general one; if that is wrong, it is reported once, by itself."""
        if not isinstance(value, dict) or value.get("expect") is None or not isinstance(value.get("steps"), list):
            return value
        general = value["expect"] if value["expect"] in STATED else Expectation.EITHER
        steps = [{"expect": str(general)} | step if isinstance(step, dict) else step for step in value["steps"]]
        return value | {"steps": steps}

    description: str = Field(default="", description="What the scenario shows, in a sentence.")
    matrix: Matrix | None = Field(
        default=None, description="As a step's, but for all of the file: a scenario for each combination."
    )
    fleet: FleetSpec = Field(description="What is deployed before the first step.")
    probe: ProbeSpec | None = Field(
        default=None,
        description="Which cells are tried, for all steps (default: all); its keys override those of the fleet's.",
    )
    expect: ExpectationWord | None = Field(
        default=None,
        description="Expectation of cells that a step says nothing of; 'computed' leaves them to the step's policies.",
    )
    timeouts: TimeoutsSpec = Field(default=TimeoutsSpec(), description="Durations of this scenario's run.")
    watch: WatchSpec | None = Field(
        default=None, description="How the scenario is watched, by `cni-probe watch`; a run takes no notice of it."
    )
    steps: list[Item[StepSpec]] = Field(description="The steps, in order.", json_schema_extra={"minItems": 1})


class ScenarioSpec(Strict):
    """A cni-probe scenario: a fleet of pods, and steps of changes and expectations."""

    model_config = ConfigDict(title="cni-probe scenario")

    api_version: Literal["cni-probe/v1"] = Field(alias="apiVersion", description="Version of the format.")
    kind: Literal["Scenario"] = Field(description="Scenario.")
    metadata: Metadata = Field(description="Name and labels of the scenario.")
    spec: Spec = Field(description="Fleet and steps.")


class SharedFleetSpec(Strict):
    """A fleet for scenarios to begin with (``spec.fleet.from``)."""

    model_config = ConfigDict(title="cni-probe fleet")

    api_version: Literal["cni-probe/v1"] = Field(alias="apiVersion", description="Version of the format.")
    kind: Literal["Fleet"] = Field(description="Fleet.")
    spec: FleetBody = Field(description="The fleet, in the shape of a scenario's spec.fleet.")
