"""What must hold of scenarios and options together, before anything is created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from probe.engine.options import RunOptions
from probe.model.actions import Apply, CreateNamespace, CreatePod, Label
from probe.model.agent_options import MESH_LABELS
from probe.model.errors import UsageError
from probe.model.manifest import Manifest
from probe.model.scenario import Scenario

Uses: TypeAlias = dict[str, str]
"""Label keys, each with one place that uses it, for people."""


@dataclass(frozen=True, slots=True)
class LabelKeys:
    """The label keys that a scenario speaks of, of pods and of namespaces: set on them or selected by."""

    pods: Uses
    namespaces: Uses


def check_scenarios(scenarios: Sequence[Scenario], options: RunOptions) -> None:
    """Raises UsageError with everything about the scenarios that these options do not allow."""
    problems = [problem for scenario in scenarios for problem in _problems(scenario, options)]
    if problems:
        raise UsageError("\n".join(dict.fromkeys(problems)))


def _problems(scenario: Scenario, options: RunOptions) -> Iterator[str]:
    on_host = [pod.id for pod in _pods(scenario) if pod.host_network]
    if on_host and not options.allow_host_network:
        more = f" and {len(on_host) - 1} more" if len(on_host) > 1 else ""
        yield (
            f"{scenario.file}: {on_host[0]}{more} would be on the network of the nodes (hostNetwork); allow that with "
            "--allow-host-network"
        )
    if scenario.cluster_scoped and not options.allow_cluster_scoped:
        named = ", ".join(map(str, scenario.cluster_scoped))
        yield (
            f"{scenario.file}: {named} would be applied, which is cluster-scoped (a run narrows it down to pods of its "
            "own); allow that with --allow-cluster-scoped"
        )
    keys = label_keys(scenario)
    extra = options.agent.all_labels
    for key in extra.keys() & keys.pods.keys():
        way_out = (
            "--mesh-injection leaves it away" if key in MESH_LABELS and key not in options.agent.labels
            else "choose another key, or leave it away"
        )  # fmt: skip
        yield (
            f"{scenario.file}: the label {key}={extra[key]} that the options put on every pod could change what is "
            f"selected: {keys.pods[key]} has this key; {way_out}"
        )
    for key in options.namespaces.labels.keys() & keys.namespaces.keys():
        yield (
            f"{scenario.file}: the label {key}={options.namespaces.labels[key]} that the options put on every "
            f"namespace could change what is selected: {keys.namespaces[key]} has this key; choose another key, or "
            "leave it away"
        )


def _pods(scenario: Scenario) -> Iterator[Any]:
    yield from scenario.fleet.pods
    for action in _actions(scenario):
        if isinstance(action, CreatePod):
            yield action.pod


def _actions(scenario: Scenario) -> Iterator[Any]:
    return (action for step in scenario.steps for action in step.actions)


def label_keys(scenario: Scenario) -> LabelKeys:
    """Every label key that the scenario sets or selects by.

    A key that nobody says whether it is of pods or of namespaces counts as both: an options' label too many refused
    is better than a verdict that it changed.
    """
    keys = LabelKeys({}, {})
    for pod in _pods(scenario):
        _use(keys.pods, pod.labels, f"the pod {pod.id}")
    for namespace in scenario.fleet.namespaces:
        _use(keys.namespaces, namespace.labels, f"the namespace {namespace.name}")
    for action in _actions(scenario):
        match action:
            case CreateNamespace(namespace):
                _use(keys.namespaces, namespace.labels, f"the namespace {namespace.name}")
            case Label(ref, labels):
                _use(keys.namespaces if ref.kind == "namespace" else keys.pods, labels, f"the change of {ref}")
            case Apply():
                _see_manifest(action.manifest, f"a selector of {action.ref} ({action.origin})", keys)
    return keys


def _see_manifest(manifest: Manifest, where: str, keys: LabelKeys) -> None:
    spec = manifest.get("spec")
    if manifest.get("kind") == "Service" and isinstance(spec, Mapping):
        _use(keys.pods, spec.get("selector") or {}, where)
    _see_selectors(spec, where, (keys.pods, keys.namespaces), keys)


def _see_selectors(value: Any, where: str, of: tuple[Uses, ...], keys: LabelKeys) -> None:
    """Find LabelSelectors however deep they are; the field that they stand in says whose labels they ask for."""
    if isinstance(value, Mapping):
        _use_all(of, value.get("matchLabels") or {}, where)
        for expression in value.get("matchExpressions") or ():
            _use_all(of, [expression["key"]], where)
        for name, item in value.items():
            asks = {
                "podSelector": (keys.pods,),
                "namespaceSelector": (keys.namespaces,),
                "namespaces": (keys.namespaces,),
                "nodes": (),
            }
            _see_selectors(item, where, asks.get(name, of), keys)
    elif isinstance(value, list):
        for item in value:
            _see_selectors(item, where, of, keys)


def _use_all(of: tuple[Uses, ...], found: Any, where: str) -> None:
    for uses in of:
        _use(uses, found, where)


def _use(uses: Uses, found: Any, where: str) -> None:
    for key in found:
        uses.setdefault(key, where)
