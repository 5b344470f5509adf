"""A run configuration file -> ``RunConfig``, or every mistake in it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from probe.model.agent_options import (
    AgentOptions,
    NamespaceOptions,
    RunConfig,
    SecretRef,
    balance_error,
    class_error,
    image_error,
    own_annotation_error,
    own_label_error,
    parse_secret,
    resource_error,
    selector_error,
)
from probe.model.errors import Problem, ScenarioError
from probe.model.syntax import dns_label_error, label_value_error
from probe.model.toleration import Toleration, toleration_error
from probe.scenario.document import Document, Place
from probe.scenario.fleet import canonical_address
from probe.scenario.format.strict import kept
from probe.scenario.run_config_format import (
    RUN_CONFIG,
    RUN_CONFIG_KIND,
    AgentSpec,
    ConfigSpec,
    NamespacesSpec,
    ResourcesSpec,
)
from probe.scenario.structure import parse
from probe.scenario.yaml import read_yaml


def load_run_config(path: Path) -> RunConfig:
    """The configuration that a file holds. Raises ScenarioError with every mistake in it."""
    reading = read_yaml(path, str(path))
    problems = list(reading.problems)
    config = RunConfig()
    for index, document in enumerate(reading.documents):
        if index:
            problems.append(document.root.problem("a second document", f"a file holds one {RUN_CONFIG_KIND}"))
        elif not isinstance(document.value, dict):
            problems.append(document.root.problem(f"a {RUN_CONFIG_KIND} must be a mapping"))
        else:
            taken = {problem.location for problem in problems}
            config, found = _build(document)
            problems += [problem for problem in found if problem.location not in taken]
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))
    return config


def is_run_config(path: Path) -> bool:
    """Whether a file's first document says that it is one."""
    if not path.is_file():
        return False
    first = next(iter(read_yaml(path, str(path)).documents), None)
    return first is not None and isinstance(first.value, dict) and first.value.get("kind") == RUN_CONFIG_KIND


def _build(document: Document) -> tuple[RunConfig, list[Problem]]:
    parsed = parse(document, RUN_CONFIG)
    problems = list(parsed.problems)
    if parsed.spec is None:
        return RunConfig(), problems
    place, spec = parsed.document.root.child("spec"), parsed.spec.spec
    return (
        RunConfig(
            agent=_agent(spec.agent, place.child("agent"), problems),
            namespaces=_namespaces(spec.namespaces, place.child("namespaces"), problems),
            externals=_externals(spec, place.child("externals"), problems),
            node_groups=_node_groups(spec, place.child("nodeGroups"), problems),
        ),
        problems,
    )


def _agent(spec: AgentSpec, place: Place, problems: list[Problem]) -> AgentOptions:
    default = AgentOptions()
    for key, value, check in (
        ("image", spec.image, image_error),
        ("priorityClassName", spec.priority_class, class_error),
        ("runtimeClassName", spec.runtime_class, class_error),
    ):
        if value is not None and (error := check(value)):
            problems.append(place.child(key).problem(error))
    problems += _wrong(spec.node_selector, place.child("nodeSelector"), selector_error)
    problems += _wrong(spec.labels, place.child("labels"), own_label_error)
    problems += _wrong(spec.annotations, place.child("annotations"), own_annotation_error)
    problems += _resources(spec.resources, place.child("resources"))
    return AgentOptions(
        image=spec.image or default.image,
        pull_policy=spec.pull_policy or default.pull_policy,
        from_configmap=spec.from_configmap,
        pull_secrets=_secrets(spec, place.child("imagePullSecrets"), problems),
        tolerations=_tolerations(spec, place.child("tolerations"), problems),
        node_selector=dict(spec.node_selector),
        priority_class=spec.priority_class,
        runtime_class=spec.runtime_class,
        requests=dict(spec.resources.requests),
        limits=dict(spec.resources.limits),
        labels=dict(spec.labels),
        annotations=dict(spec.annotations),
        mesh_injection=spec.mesh_injection,
    )


def _wrong(values: Mapping[str, str], place: Place, check: Callable[[str, str], str | None]) -> Iterator[Problem]:
    for key, value in values.items():
        if error := check(key, value):
            yield place.child(key).key_problem(error)


def _resources(spec: ResourcesSpec, place: Place) -> Iterator[Problem]:
    yield from _wrong(spec.requests, place.child("requests"), resource_error)
    yield from _wrong(spec.limits, place.child("limits"), resource_error)
    if error := balance_error(spec.requests, spec.limits):
        yield place.key_problem(error)


def _secrets(spec: AgentSpec, place: Place, problems: list[Problem]) -> tuple[SecretRef, ...]:
    found: dict[str, SecretRef] = {}
    for index, text in kept(spec.pull_secrets):
        secret = parse_secret(text)
        if secret.name in found:
            problems.append(place.child(index).problem(f"a second secret is called {secret.name}", "rename one"))
        found[secret.name] = secret
    return tuple(found.values())


def _tolerations(spec: AgentSpec, place: Place, problems: list[Problem]) -> tuple[Toleration, ...]:
    found = []
    for index, each in kept(spec.tolerations):
        toleration = Toleration(each.key, each.operator, each.value, each.effect or "", each.seconds)
        if error := toleration_error(toleration):
            problems.append(place.child(index).problem(error))
        found.append(toleration)
    return tuple(found)


def _namespaces(spec: NamespacesSpec, place: Place, problems: list[Problem]) -> NamespaceOptions:
    problems += _wrong(spec.labels, place.child("labels"), own_label_error)
    problems += _wrong(spec.annotations, place.child("annotations"), own_annotation_error)
    return NamespaceOptions(dict(spec.labels), dict(spec.annotations))


def _externals(spec: ConfigSpec, place: Place, problems: list[Problem]) -> dict[str, tuple[str, ...]]:
    externals: dict[str, tuple[str, ...]] = {}
    for name, texts in spec.externals.items():
        at = place.child(name)
        if error := dns_label_error(name):
            problems.append(at.key_problem(f'"{name}" cannot be an endpoint\'s name: {error}'))
        addresses = []
        for index, text in kept(texts):
            address, error = canonical_address(text)
            if error:
                problems.append(at.child(index).problem(f'"{text}" {error}'))
            addresses.append(address)
        externals[name] = tuple(addresses)
    return externals


def _node_groups(spec: ConfigSpec, place: Place, problems: list[Problem]) -> dict[str, dict[str, str]]:
    for name, labels in spec.node_groups.items():
        at = place.child(name)
        if error := label_value_error(name) or (None if name else "must not be empty"):
            problems.append(at.key_problem(f'"{name}" cannot be a group\'s name: {error}'))
        if not labels:
            problems.append(at.key_problem("a group without labels is every node", "name a label of its nodes"))
        problems += _wrong(labels, at, selector_error)
    return {name: dict(labels) for name, labels in spec.node_groups.items()}
