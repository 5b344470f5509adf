"""A fleet: namespaces with their pods, endpoints outside, and where they are placed."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import ConfigDict, Field

from probe.model.cell import Protocol
from probe.model.fleet import Spread
from probe.scenario import shorthand
from probe.scenario.format.selection import ProbeSpec
from probe.scenario.format.strict import Item, Strict
from probe.scenario.format.values import INTEGER, NULL, PORT, Globs, Labels, ProtocolName
from probe.scenario.shorthand import Shorthand


class PortSpec(Strict):
    """A port that a pod serves."""

    port: Annotated[
        int, Shorthand(shorthand.check_port_number, ({"type": "integer", "minimum": 1, "maximum": 65535},), True)
    ] = Field(description="Port number, 1 to 65535.")
    protocol: ProtocolName = Field(default=Protocol.TCP, description="TCP (the default), UDP or SCTP.")
    name: str | None = Field(default=None, description="Port name that policies can refer to; at most 15 characters.")


Ports: TypeAlias = Annotated[
    list[Item[Annotated[PortSpec, Shorthand(shorthand.expand_port, (PORT, INTEGER))]]],
    Shorthand(shorthand.one_or_list, (PORT, INTEGER)),
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
    pods: dict[str, Annotated[PodSpec, Shorthand(shorthand.expand_pod, (PORT, INTEGER, {"type": "array"}, NULL))]] = (
        Field(default={}, description="Pods by name. A pod may be written as its ports alone.")
    )


Namespaces: TypeAlias = dict[str, Annotated[NamespaceSpec, Shorthand(shorthand.nothing_is_empty, (NULL,))]]


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
