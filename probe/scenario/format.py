"""The scenario file format, version ``cni-probe/v1``: the structure that a document must have.

Only structure: whether names exist and rules match is ``build``'s matter. The descriptions of the fields are
the reference that the JSON Schema carries into editors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic import model_validator as _model_validator

from probe.model.cell import Computed, Expectation, Family, Fate, Protocol, Stated
from probe.model.scenario import MOST_RACERS, Spread, Timeouts, Watching
from probe.scenario import shorthand
from probe.scenario.shorthand import Shorthand

STATED: Final = (*Expectation, *Computed)
"""The words of expectations."""

API_VERSION: Final = "cni-probe/v1"
KIND: Final = "Scenario"
FLEET_KIND: Final = "Fleet"

T = TypeVar("T")


class Dropped:
    """Stands in a list for an item that was wrong, so that the others keep their indices."""


DROPPED: Final = Dropped()


def kept(items: Sequence[T]) -> Iterator[tuple[int, T]]:
    """The items that were not dropped, with their indices in the file."""
    return ((index, item) for index, item in enumerate(items) if not isinstance(item, Dropped))


def _let_dropped_pass(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, Dropped) else handler(value)


Item: TypeAlias = Annotated[T, WrapValidator(_let_dropped_pass)]

_STRING = {"type": "string"}
_INTEGER = {"type": "integer"}
_NULL = {"type": "null"}
_PORT = {"type": "string", "pattern": "^[0-9]+(/(TCP|UDP|SCTP))?$"}
_DURATION = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m)$"}

Globs: TypeAlias = Annotated[list[Item[str]], Shorthand(shorthand.one_or_some, (_STRING,))]
PortPattern: TypeAlias = Annotated[str, Shorthand(shorthand.port_pattern, (_INTEGER,))]
PortPatterns: TypeAlias = Annotated[list[Item[PortPattern]], Shorthand(shorthand.one_or_some, (_STRING, _INTEGER))]
WayPatterns: TypeAlias = Annotated[
    list[Item[Annotated[str, Shorthand(shorthand.way_pattern)]]], Shorthand(shorthand.one_or_some, (_STRING,))
]
ProtocolName: TypeAlias = Annotated[Protocol, Shorthand(shorthand.protocol)]
FamilyName: TypeAlias = Annotated[Family, Shorthand(shorthand.family)]
ExpectationWord: TypeAlias = Annotated[Stated, Shorthand(shorthand.expectation)]
Duration: TypeAlias = Annotated[
    float, Shorthand(shorthand.duration, ({"type": "number", "exclusiveMinimum": 0}, _DURATION), instead=True)
]
DurationOrNone: TypeAlias = Annotated[
    float, Shorthand(shorthand.duration_or_none, ({"type": "number", "minimum": 0}, _DURATION), instead=True)
]
Labels: TypeAlias = dict[str, str]


class Strict(BaseModel):
    """Unknown keys are errors, values are never converted, and a key with nothing behind it counts as absent."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @_model_validator(mode="before")
    @classmethod
    def _nothing_is_absent(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict):
            return value
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: item for key, item in value.items() if item is not None or key not in known}


class PortSpec(Strict):
    """A port that a pod serves."""

    port: Annotated[
        int, Shorthand(shorthand.check_port_number, ({"type": "integer", "minimum": 1, "maximum": 65535},), True)
    ] = Field(description="Port number, 1 to 65535.")
    protocol: ProtocolName = Field(default=Protocol.TCP, description="TCP (the default), UDP or SCTP.")
    name: str | None = Field(default=None, description="Port name that policies can refer to; at most 15 characters.")


Ports: TypeAlias = Annotated[
    list[Item[Annotated[PortSpec, Shorthand(shorthand.expand_port, (_PORT, _INTEGER))]]],
    Shorthand(shorthand.one_or_list, (_PORT, _INTEGER)),
]


class PodSpec(Strict):
    """A probe pod, or a group of equal ones."""

    labels: Labels = Field(default={}, description="Labels of the pod.")
    ports: Ports = Field(
        default=[], description="Ports the pod serves: 80/TCP, 80, or {port, protocol, name}. None: client only."
    )
    replicas: int | None = Field(
        default=None,
        ge=1,
        le=500,
        description="Makes pods NAME-0, NAME-1, ...; rules may call them one by one or all by NAME.",
    )
    node: Globs = Field(
        default=[],
        description="Placement symbol: pods with the same symbol share a node, different symbols get different nodes. "
        "With a list, replicas take the symbols in turn. Without it, the fleet's placement decides.",
    )
    grace_seconds: int | None = Field(
        default=None,
        alias="terminationGracePeriodSeconds",
        ge=2,
        le=300,
        description="The pod goes on for so long once a step terminates it (default: it ends at once).",
    )
    address_of: str | None = Field(
        default=None,
        alias="addressOf",
        description="An earlier pod, namespace/pod, whose address and node this pod is to get. Where a cluster gives "
        "it another one, as all but the embedded cluster may, its cells are unsupported.",
    )
    host_network: bool = Field(
        default=False,
        alias="hostNetwork",
        description="Run on the node's network (PodSpec.hostNetwork), serving ports of 1024 or more; needs the run's "
        "--allow-host-network. What policies do to such pods the API leaves open: see rules' path.",
    )


class NamespaceSpec(Strict):
    """A namespace with its pods."""

    labels: Labels = Field(
        default={}, description="Labels of the namespace; kubernetes.io/metadata.name is set by the cluster."
    )
    pods: dict[
        str, Annotated[PodSpec, Shorthand(shorthand.expand_pod, (_PORT, _INTEGER, {"type": "array"}, _NULL))]
    ] = Field(default={}, description="Pods by name. A pod may be written as its ports alone.")


Namespaces: TypeAlias = dict[str, Annotated[NamespaceSpec, Shorthand(shorthand.nothing_is_empty, (_NULL,))]]


class ExternalSpec(Strict):
    """An endpoint outside the cluster."""

    addresses: Globs = Field(description="IPv4 and IPv6 addresses of the endpoint.")
    ports: Ports = Field(description="Ports the endpoint serves.")


class PlacementSpec(Strict):
    """Where pods without a node symbol go."""

    spread: Annotated[Spread, Shorthand(shorthand.spread)] = Field(
        default=Spread.SPREAD,
        description="spread: over the nodes in turn (the default); same: all on one node; different: each on a node of "
        "its own.",
    )
    group: str | None = Field(
        default=None, description="Only on the nodes of this group, which the run's configuration defines (nodeGroups)."
    )


class ProbeSpec(Strict):
    """Which cells are tried. Globs as in rules; what is absent does not restrict."""

    from_: Globs | None = Field(
        default=None, alias="from", description="Sources to try: namespace/pod, globs and lists."
    )
    to: Globs | None = Field(
        default=None, description="Destinations to try: namespace/pod, external/name, cluster/dns, globs and lists."
    )
    ports: PortPatterns | None = Field(
        default=None, description="Ports to try: 80/TCP, 80, UDP, a port's name, globs and lists."
    )
    protocols: list[Item[ProtocolName]] | None = Field(default=None, description="Protocols to try.")
    families: list[Item[FamilyName]] | None = Field(
        default=None, description="Address families to try, of those the cluster has."
    )
    self_: bool | None = Field(
        default=None, alias="self", description="Whether pods also try themselves (default true)."
    )
    paths: WayPatterns | None = Field(
        default=None,
        description="Ways to try: pod-ip, node-ip (to pods with hostNetwork), external, cluster-ip/same-port, "
        "cluster-ip/other-port, node-port/cluster, node-port/other-node, node-port/local, dns; a path alone means all "
        "its ways; globs and lists. Default: pod-ip, node-ip and external.",
    )


class FleetBody(Strict):
    """Namespaces with their pods, endpoints outside, placement, and what is tried among them."""

    namespaces: Namespaces = Field(description="Namespaces by logical name; a run maps them to namespaces of its own.")
    external: dict[str, ExternalSpec] = Field(
        default={}, description="Endpoints outside the cluster by name; rules call them external/NAME."
    )
    placement: Annotated[PlacementSpec, Shorthand(shorthand.expand_placement, ({"enum": list(Spread)},))] = Field(
        default=PlacementSpec(),
        description="Where pods without a node symbol go: spread (the default), same, different, or {spread, group}.",
    )
    probe: ProbeSpec | None = Field(
        default=None, description="Which cells scenarios of this fleet try, unless their own probe says otherwise."
    )


def _namespaces_are_somewhere(schema: dict[str, Any]) -> None:
    schema["required"].remove("namespaces")
    schema |= {"if": {"not": {"required": ["from"]}}, "then": {"required": ["namespaces"]}}


class FleetSpec(FleetBody):
    """What is deployed before the first step."""

    model_config = ConfigDict(json_schema_extra=_namespaces_are_somewhere)

    from_: str | None = Field(
        default=None,
        alias="from",
        description="A file of kind Fleet to begin with, from this file's directory; what stands here goes over it, "
        "mappings key by key.",
    )


class CreateSpec(Strict):
    """Pods and namespaces to create, in the fleet's shape."""

    namespaces: Namespaces = Field(description="New namespaces, or new pods in namespaces that exist.")


class RuleSpec(Strict):
    """An expectation for the cells it matches; the last matching rule wins."""

    from_: Globs = Field(
        default=[], alias="from", description="Sources: namespace/pod, a group of replicas, globs and lists."
    )
    to: Globs = Field(default=[], description="Destinations: namespace/pod, external/name, cluster/dns, globs, lists.")
    port: PortPatterns = Field(default=[], description="Ports: 80/TCP, 80, UDP, a port's name, globs and lists.")
    path: WayPatterns = Field(
        default=[],
        description="Ways, as in probe.paths. Absent: any, but those that the API leaves open (node-port, node-ip, a "
        "pod to itself through a service, pods with hostNetwork) stay either.",
    )
    verdict: ExpectationWord = Field(
        description="What is expected; deny accepts a drop and a reject, computed is what the step's policies say."
    )


class ExpectSpec(Strict):
    """What is expected of every cell after the step's changes."""

    default: ExpectationWord | None = Field(
        default=None, description="Expectation of cells that no rule or table decides."
    )
    rules: list[Item[RuleSpec]] = Field(
        default=[], description="Exceptions; the last matching rule wins, over the table too."
    )
    table: str | None = Field(
        default=None,
        description="Truth table as a literal block: the first line has the ports (80/TCP or *) and the destinations, "
        "every other line a source and a word for each destination: . or allow, X or deny, drop, reject, ? or "
        "either, computed, - for not stated. An empty line begins another table.",
    )


UNCHANGED: Final = ExpectSpec()
"""What ``expect: unchanged`` is read as (compare by identity)."""


def _expand_expect(value: Any) -> Any:
    if value == "unchanged":
        return UNCHANGED
    return {"default": value} if isinstance(value, str) else value


def _expect_may_be_absent(schema: dict[str, Any]) -> None:
    schema["required"].remove("expect")


_NAMED: Final = {
    "type": "object",
    "properties": {"name": {"type": ["string", "number"], "description": "What the value is called."}},
    "required": ["name"],
}
_AXIS_VALUES: Final = {
    "type": "array",
    "minItems": 1,
    "items": {"anyOf": [{"type": ["string", "number", "boolean"]}, _NAMED]},
}
Matrix: TypeAlias = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "properties": {
                "exclude": {
                    "type": "array",
                    "items": {"type": "object", "minProperties": 1},
                    "description": "Combinations to leave out: names of values, or globs of them, by axis.",
                }
            },
            "additionalProperties": {
                "anyOf": [
                    _AXIS_VALUES,
                    {
                        "type": "object",
                        "properties": {"pairs": _AXIS_VALUES | {"description": "Every two of these values, once."}},
                        "required": ["pairs"],
                        "additionalProperties": False,
                    },
                ]
            },
        }
    ),
]
"""As the schema knows it; ``matrix`` reads it, and is done with it before anything else is read."""


class ConnectionsSpec(Strict):
    """Connections that are opened and held: those that all of this matches; what is absent does not restrict."""

    from_: Globs = Field(
        default=[], alias="from", description="Sources: namespace/pod, a group of replicas, globs and lists."
    )
    to: Globs = Field(default=[], description="Destinations: namespace/pod, external/name, globs and lists.")
    port: PortPatterns = Field(default=[], description="Ports: 80/TCP, 80, UDP, a port's name, globs and lists.")


class EstablishedSpec(ConnectionsSpec):
    """Connections that are opened before the step's changes and followed through them."""

    expect: Annotated[Fate, Shorthand(shorthand.fate)] = Field(
        default=Fate.EITHER,
        description="Where a new connection is denied after the changes: either (the default: the API leaves it open, "
        "and what was seen is recorded), cut or kept. Where it is allowed the open one must be kept in any case.",
    )
    for_: Duration | None = Field(
        default=None,
        alias="for",
        description="How long they are watched after the changes, at least; default: timeouts.confirm.",
    )


class StartRaceSpec(Strict):
    """Pods that are created under policies in force, watched from their first instant on, and removed again."""

    namespace: str = Field(description="The namespace that they are created in.")
    name: str = Field(default="racer", description="They are called NAME-0, NAME-1, ...")
    pods: int = Field(default=10, ge=1, le=MOST_RACERS, description="How many; spread over the nodes.")
    at_once: int | None = Field(
        default=None,
        alias="at-once",
        ge=1,
        description="How many of them are created at a time (default: all, which is a load of its own).",
    )
    labels: Labels = Field(default={}, description="Their labels.")
    ports: Ports = Field(default=[], description="Ports that they serve, as in the fleet; for `from` to try.")
    to: Globs = Field(
        default=[], description="Pods and endpoints outside that they try, from their agent's first instant on."
    )
    from_: Globs = Field(
        default=[], alias="from", description="Pods that try them, from the moment that their address is known."
    )
    expect: Annotated[Expectation, Shorthand(shorthand.race_expectation)] = Field(
        description="deny: nothing may get through; allow: something must, and how long that takes is measured."
    )
    max_window: Duration | None = Field(
        default=None,
        alias="max-window",
        description="With deny, for how long something may get through. Default: not at all, since a pod must be "
        "isolated before it starts; with relabel: any time, which is recorded.",
    )
    max_wait: Duration | None = Field(
        default=None, alias="max-wait", description="With allow, how long a pod may wait; default: any time."
    )
    relabel: dict[str, str | None] = Field(
        default={}, description="Labels that they get when they run; they are watched from then on. null removes one."
    )
    reuse_address: bool = Field(
        default=False,
        alias="reuse-address",
        description="Create and delete as many pods before, whose addresses the new ones are to get. Where a cluster "
        "does not give them these, up to twice as many are created until it does; else it is unsupported.",
    )
    for_: Duration | None = Field(default=None, alias="for", description="How long they are watched (default 2s).")


Manifests: TypeAlias = Annotated[
    list[Item[Annotated[Any, Shorthand(shorthand.manifest_source, (_STRING, {"type": "object"}), True)]]],
    Shorthand(lambda value: [value] if isinstance(value, str | dict) else value, (_STRING, {"type": "object"})),
]


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
    delete: Annotated[list[Item[str]], Shorthand(shorthand.one_or_list, (_STRING,))] = Field(
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
    expect: Annotated[ExpectSpec, Shorthand(_expand_expect, ({"enum": ["unchanged", *STATED]},))] = Field(
        description="Expectations; a word alone is the default, 'unchanged' repeats those of the step before. May be "
        "absent where spec.expect is there."
    )


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


_USUAL: Final = Watching()


def _watch(usual: float | None, description: str, unit: str = "s", **more: Any) -> Any:
    default = "no bound" if usual is None else f"{usual:g}{unit}"
    return Field(default=None, description=f"{description} (default: {default}).", **more)


class WatchSpec(Strict):
    """How the scenario is watched (``cni-probe watch``), and what is still good then. Options go over it."""

    step: str | None = Field(default=None, description="The step that is established and watched (default: the last).")
    settle: DurationOrNone | None = _watch(_USUAL.settle, "How long is watched after the command")
    rate: float | None = _watch(_USUAL.rate, "Attempts a second for each cell", "", gt=0, le=100)
    max_load: float | None = _watch(
        _USUAL.max_load, "Attempts and heartbeats a second in all, to which both give way", "",
        alias="max-load", gt=0, allow_inf_nan=False,
    )  # fmt: skip
    connections: Annotated[
        list[Item[ConnectionsSpec]], Shorthand(shorthand.all_or_list, ({"type": "boolean"}, {"type": "object"}))
    ] = Field(
        default=[],
        description="Connections that are held meanwhile, TCP, SCTP and UDP flows, of the allowed cells of the step: "
        "{from, to, port}, a list of these, or true for all.",
    )
    heartbeat: Duration | None = _watch(_USUAL.heartbeat, "Time between two heartbeats of a held connection")
    max_leak: int | None = _watch(
        _USUAL.budget.leak, "Packets that may pass through a denied cell", "", alias="max-leak", ge=0
    )
    max_leak_total: int | None = _watch(
        _USUAL.budget.leak_total, "And through all of them", alias="max-leak-total", ge=0
    )
    max_outage: DurationOrNone | None = _watch(
        _USUAL.budget.outage, "The longest outage of a cell, or stall of a held connection", alias="max-outage"
    )
    max_outage_total: DurationOrNone | None = _watch(
        _USUAL.budget.outage_total, "The time in which any cell may be out", alias="max-outage-total"
    )
    max_cut: int | None = _watch(
        _USUAL.budget.cut, "Held connections that may be cut or ended", "", alias="max-cut", ge=0
    )
    max_gap: DurationOrNone | None = _watch(
        _USUAL.budget.gap,
        "The longest time of which nothing may be known of a cell; more proves nothing",
        alias="max-gap",
    )


class Metadata(Strict):
    """Name and labels of the scenario."""

    name: str = Field(description="Name of the scenario, unique in a run; a DNS label.")
    labels: Labels = Field(default={}, description="Labels to select scenarios by.")


_EXPECT_IS_SOMEWHERE: Final[dict[str, Any]] = {
    "if": {"not": {"required": ["expect"]}},
    "then": {"properties": {"steps": {"description": "Each with its own.", "items": {"required": ["expect"]}}}},
}


class Spec(Strict):
    """Fleet and steps."""

    model_config = ConfigDict(json_schema_extra=_EXPECT_IS_SOMEWHERE)

    @_model_validator(mode="before")
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
