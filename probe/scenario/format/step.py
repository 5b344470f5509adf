"""A step: changes, and what is expected after them."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import ConfigDict, Field

from probe.scenario import shorthand
from probe.scenario.format.established import EstablishedSpec
from probe.scenario.format.expect import STATED, ExpectSpec, expand_expect
from probe.scenario.format.fleet import Namespaces
from probe.scenario.format.matrix import Matrix
from probe.scenario.format.selection import ProbeSpec
from probe.scenario.format.start_race import StartRaceSpec
from probe.scenario.format.strict import Item, Strict
from probe.scenario.format.values import STRING, Globs
from probe.scenario.shorthand import Shorthand


class CreateSpec(Strict):
    """Pods and namespaces to create, in the fleet's shape."""

    namespaces: Namespaces = Field(description="New namespaces, or new pods in namespaces that exist.")


Manifests: TypeAlias = Annotated[
    list[Item[Annotated[Any, Shorthand(shorthand.manifest_source, (STRING, {"type": "object"}), True)]]],
    Shorthand(lambda value: [value] if isinstance(value, str | dict) else value, (STRING, {"type": "object"})),
]


def _expect_may_be_absent(schema: dict[str, Any]) -> None:
    schema["required"].remove("expect")


class StepSpec(Strict):
    """Changes, made in the order of the keys below, and what is expected after them."""

    model_config = ConfigDict(json_schema_extra=_expect_may_be_absent)

    name: str = Field(min_length=1, description="Name of the step, unique in the scenario.")
    description: str = Field(default="", description="What the step shows.")
    matrix: Matrix | None = Field(
        default=None,
        description="Lists of values by name: a step for each combination, with ${{ matrix.NAME }} standing for the "
        "value; a value that is no word or number is a mapping with a name.",
    )
    create: CreateSpec | None = Field(default=None, description="Pods and namespaces to create.")
    label: dict[str, dict[str, str | None]] = Field(
        default={}, description="Labels to set, by namespace or namespace/pod; null removes a label."
    )
    unlabel: dict[str, Globs] = Field(default={}, description="Labels to remove, by namespace or namespace/pod.")
    apply: Manifests = Field(
        default=[],
        description="Manifests to apply: paths from this file's directory, globs, or manifests in place. "
        "Cluster-scoped policies need the run's --allow-cluster-scoped.",
    )
    replace: Manifests = Field(
        default=[],
        description="Manifests, as under apply, of objects in namespaces that are there: each object is deleted and "
        "created again at once, as kubectl replace --force does it.",
    )
    delete: Annotated[list[Item[str]], Shorthand(shorthand.one_or_list, (STRING,))] = Field(
        default=[],
        description="What to delete: networkpolicy/NAMESPACE/NAME, service/.., configmap/.., pod/.., namespace/NAME, "
        "clusternetworkpolicy/NAME, adminnetworkpolicy/.., baselineadminnetworkpolicy/..",
    )
    complete: Globs = Field(
        default=[],
        description="Pods, namespace/pod, whose containers end: the pods stay as those of finished jobs do, and their "
        "addresses are free.",
    )
    terminate: Globs = Field(
        default=[],
        description="Pods, namespace/pod, or whole namespaces (no slash), whose deletion begins: the pods go on in "
        "their terminationGracePeriodSeconds, until a later step deletes them.",
    )
    established: Annotated[
        list[Item[EstablishedSpec]], Shorthand(shorthand.one_mapping_or_list, ({"type": "object"},))
    ] = Field(
        default=[],
        description="Connections that are opened before the changes and followed through them, of the cells that the "
        "step tries: {from, to, port, expect, for}, or a list of these, of which the last that matches counts.",
    )
    start_race: StartRaceSpec | None = Field(
        default=None,
        alias="start-race",
        description="New pods in their first moments, once all else of the step is confirmed.",
    )
    probe: ProbeSpec | None = Field(
        default=None, description="Which cells are tried in this step; its keys override spec.probe's."
    )
    expect: Annotated[ExpectSpec, Shorthand(expand_expect, ({"enum": ["unchanged", *STATED]},))] = Field(
        description="Expectations; a word alone is the default, 'unchanged' repeats those of the step before. May be "
        "absent where spec.expect is there."
    )
