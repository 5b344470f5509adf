"""The format of run configuration files (``--config FILE``), version ``cni-probe/v1``: only their structure."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field

from probe.model.agent_options import DEFAULT_REQUESTS, PULL_POLICIES, parse_secret
from probe.model.quantity import parse_quantity
from probe.model.toleration import EFFECTS, OPERATORS, parse_toleration
from probe.scenario.format.document import API_VERSION
from probe.scenario.format.strict import Item, Strict
from probe.scenario.format.values import Globs, Labels
from probe.scenario.shorthand import Shorthand, mistake, one_or_list
from probe.scenario.structure import Format
from probe.scenario.suggest import suggest

RUN_CONFIG_KIND: Final = "RunConfig"

_STRING = {"type": "string"}
_NUMBER = {"type": "number"}


def _pull_policy(value: Any) -> Any:
    return _word(value, PULL_POLICIES, "pull policy")


def _operator(value: Any) -> Any:
    return _word(value, OPERATORS, "operator")


def _effect(value: Any) -> Any:
    return _word(value, EFFECTS, "effect")


def _word(value: Any, known: tuple[str, ...], what: str) -> Any:
    if isinstance(value, str) and value not in known:
        raise mistake(f'"{value}" is not a known {what}', suggest(value, known))
    return value


def _quantity(value: Any) -> Any:
    """Amounts may be plain numbers, as for kubectl."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, str):
        try:
            if parse_quantity(value) < 0:
                raise mistake("must not be below zero")
        except ValueError as error:
            raise mistake(str(error)) from None
    return value


def _secret(value: Any) -> Any:
    if isinstance(value, str):
        try:
            parse_secret(value)
        except ValueError as error:
            raise mistake(str(error)) from None
    return value


def _toleration(value: Any) -> Any:
    """``dedicated=probe:NoSchedule`` as a mapping."""
    if not isinstance(value, str):
        return value
    try:
        return parse_toleration(value).manifest()
    except ValueError as error:
        hint = "write key=value:Effect, key:Effect, key, or * for all taints"
        raise mistake(f'"{value}" is not a toleration: {error}', hint) from None


Amounts: TypeAlias = dict[str, Annotated[str, Shorthand(_quantity, (_NUMBER,))]]


class TolerationSpec(Strict):
    """A toleration, as in PodSpec.tolerations."""

    key: str = Field(default="", description="Key of the taint; none with the operator Exists: any taint.")
    operator: Annotated[Literal["Equal", "Exists"], Shorthand(_operator)] = Field(
        default="Equal", description="Equal (the default) compares the value, Exists does not."
    )
    value: str = Field(default="", description="Value of the taint.")
    effect: Annotated[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None, Shorthand(_effect)] = Field(
        default=None, description="NoSchedule, PreferNoSchedule or NoExecute; none: any."
    )
    seconds: int | None = Field(
        default=None, alias="tolerationSeconds", description="How long a NoExecute taint is borne; none: for ever."
    )


class ResourcesSpec(Strict):
    """Requests and limits of the agent's container."""

    requests: Amounts = Field(
        default={},
        description=f"Requests (default: {', '.join(f'{key} {value}' for key, value in DEFAULT_REQUESTS.items())}).",
    )
    limits: Amounts = Field(default={}, description="Limits (default: none).")


class AgentSpec(Strict):
    """Image of the agents and fields of their pods."""

    image: str | None = Field(default=None, description="Image of the agents.")
    pull_policy: Annotated[Literal["Always", "IfNotPresent", "Never"] | None, Shorthand(_pull_policy)] = Field(
        default=None, alias="imagePullPolicy", description="Always, IfNotPresent (the default) or Never."
    )
    pull_secrets: Annotated[list[Item[Annotated[str, Shorthand(_secret)]]], Shorthand(one_or_list, (_STRING,))] = Field(
        default=[],
        alias="imagePullSecrets",
        description="Secrets NAMESPACE/NAME of type kubernetes.io/dockerconfigjson, copied to the run's namespaces.",
    )
    from_configmap: bool = Field(
        default=False,
        alias="fromConfigMap",
        description="Bring the agent's code in a ConfigMap: the image may be any with Python 3.11 or newer.",
    )
    tolerations: Annotated[
        list[Item[Annotated[TolerationSpec, Shorthand(_toleration, (_STRING,))]]], Shorthand(one_or_list, (_STRING,))
    ] = Field(default=[], description="Taints to tolerate: key=value:Effect, key:Effect, key, *, or as in PodSpec.")
    node_selector: Labels = Field(
        default={}, alias="nodeSelector", description="Labels of the nodes that agents may run on."
    )
    priority_class: str | None = Field(
        default=None, alias="priorityClassName", description="PriorityClass of the pods."
    )
    runtime_class: str | None = Field(default=None, alias="runtimeClassName", description="RuntimeClass of the pods.")
    resources: ResourcesSpec = Field(
        default=ResourcesSpec(), description="Requests and limits of the agent's container."
    )
    labels: Labels = Field(default={}, description="Labels of every agent pod; no key that scenarios set or select by.")
    annotations: Labels = Field(default={}, description="Annotations of every agent pod.")
    mesh_injection: bool = Field(
        default=False,
        alias="meshInjection",
        description="Let Istio and Linkerd inject their proxies as the cluster would have it; by default they are "
        "told not to, since a proxy answers in the agent's place.",
    )


class NamespacesSpec(Strict):
    """What the run's namespaces carry beside what the scenarios say."""

    labels: Labels = Field(default={}, description="Labels of every namespace; no key that scenarios set or select by.")
    annotations: Labels = Field(default={}, description="Annotations of every namespace.")


class ConfigSpec(Strict):
    """Options of runs on one cluster."""

    agent: AgentSpec = Field(default=AgentSpec(), description="Image of the agents and fields of their pods.")
    namespaces: NamespacesSpec = Field(
        default=NamespacesSpec(), description="Labels and annotations of the run's namespaces."
    )
    externals: dict[str, Globs] = Field(
        default={},
        description="Where agents run that are the scenarios' external endpoints, by name: one address or several.",
    )
    node_groups: dict[str, Labels] = Field(
        default={},
        alias="nodeGroups",
        description="Groups of nodes that scenarios' placements may name: the labels that all of a group's nodes have.",
    )


class RunConfigSpec(Strict):
    """What a run is told of the cluster it is on: image, pod options, endpoints outside, groups of nodes."""

    model_config = ConfigDict(title="cni-probe run configuration")

    api_version: Literal["cni-probe/v1"] = Field(alias="apiVersion", description="Version of the format.")
    kind: Literal["RunConfig"] = Field(description="RunConfig.")
    spec: ConfigSpec = Field(description="The options; what is absent has its default.")


RUN_CONFIG: Final = Format(
    RunConfigSpec,
    stand_ins={"apiVersion": API_VERSION, "kind": RUN_CONFIG_KIND, "spec": {}},
    hints={"apiVersion": f"write apiVersion: {API_VERSION}", "kind": f"write kind: {RUN_CONFIG_KIND}"},
)
