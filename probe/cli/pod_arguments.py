"""What a run may be told of its pods: image and fields of pods and namespaces, on the command line and in a file.

The command line goes over the file: a value replaces the file's, a key of a mapping (labels, requests ...) that key,
and a list (tolerations, pull secrets) the whole list.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from probe.cli.fleet_arguments import external_addresses
from probe.model.agent_options import (
    DEFAULT_REQUESTS,
    PULL_POLICIES,
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
from probe.model.errors import UsageError
from probe.model.toleration import parse_toleration

T = TypeVar("T")


def add_pod_arguments(parser: argparse._ActionsContainer) -> None:
    """The arguments that ``run_config`` reads. Those of ``add_fleet_arguments`` must be there, too."""
    some: dict[str, Any] = {"action": "append", "default": []}
    requests = ", ".join(f"{name}={amount}" for name, amount in DEFAULT_REQUESTS.items())
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="a RunConfig: all of these options and more (`schema config`)"
    )
    parser.add_argument("--image", metavar="NAME", help=f"image of the agents (default: {AgentOptions().image})")
    parser.add_argument("--image-pull-policy", choices=PULL_POLICIES, help="default: IfNotPresent")
    parser.add_argument(
        "--image-pull-secret", **some, metavar="NAMESPACE/NAME",
        help="a dockerconfigjson secret to copy into the run's namespaces; this and most below may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--agent-from-configmap", action="store_true", default=None,
        help="the image has Python alone (3.11 or newer, such as python:3.13-alpine): bring the agent's code along",
    )  # fmt: skip
    parser.add_argument(
        "--toleration", **some, metavar="TAINT", help="key=value:Effect, key:Effect, key, or * for every taint"
    )
    parser.add_argument("--node-selector", **some, metavar="KEY=VALUE", help="only nodes with this label")
    parser.add_argument("--priority-class", metavar="NAME", help="priorityClassName of the pods")
    parser.add_argument("--runtime-class", metavar="NAME", help="runtimeClassName of the pods")
    parser.add_argument("--request", **some, metavar="RESOURCE=AMOUNT", help=f"resource request (default: {requests})")
    parser.add_argument("--limit", **some, metavar="RESOURCE=AMOUNT", help="resource limit (default: none)")
    parser.add_argument("--pod-label", **some, metavar="KEY=VALUE", help="a label for all pods")
    parser.add_argument("--pod-annotation", **some, metavar="KEY=VALUE", help="an annotation for all pods")
    parser.add_argument("--namespace-label", **some, metavar="KEY=VALUE", help="a label for all namespaces")
    parser.add_argument("--namespace-annotation", **some, metavar="KEY=VALUE", help="an annotation for all namespaces")
    parser.add_argument(
        "--mesh-injection", action="store_true", default=None,
        help="let Istio and Linkerd inject their proxies, which the pods forbid by default",
    )  # fmt: skip


def run_config(args: argparse.Namespace) -> RunConfig:
    """The configuration file with the command line over it.

    Raises UsageError with every mistake of the command line, ScenarioError with every one of the file.
    """
    config = RunConfig()
    if args.config is not None:
        from probe.scenario.run_config import load_run_config

        config = load_run_config(args.config)
    wrong: list[str] = []
    agent = _agent(args, config.agent, wrong)
    namespaces = NamespaceOptions(
        labels=dict(config.namespaces.labels) | _pairs(args, "namespace_label", own_label_error, wrong),
        annotations=dict(config.namespaces.annotations)
        | _pairs(args, "namespace_annotation", own_annotation_error, wrong),
    )
    try:
        externals = dict(config.externals) | external_addresses(args.external)
    except UsageError as error:
        wrong.append(str(error))
    if wrong:
        raise UsageError("\n".join(wrong))
    return replace(config, agent=agent, namespaces=namespaces, externals=externals)


def _agent(args: argparse.Namespace, agent: AgentOptions, wrong: list[str]) -> AgentOptions:
    merged = replace(
        agent,
        **_given(args, wrong),
        pull_secrets=_secrets(args, wrong) or agent.pull_secrets,
        tolerations=_parsed(args, "toleration", parse_toleration, wrong) or agent.tolerations,
        node_selector=dict(agent.node_selector) | _pairs(args, "node_selector", selector_error, wrong),
        requests=dict(agent.requests) | _pairs(args, "request", resource_error, wrong),
        limits=dict(agent.limits) | _pairs(args, "limit", resource_error, wrong),
        labels=dict(agent.labels) | _pairs(args, "pod_label", own_label_error, wrong),
        annotations=dict(agent.annotations) | _pairs(args, "pod_annotation", own_annotation_error, wrong),
    )
    if not wrong and (error := balance_error(merged.requests, merged.limits)):
        wrong.append(error)
    return merged


def _given(args: argparse.Namespace, wrong: list[str]) -> dict[str, Any]:
    """The single values that the command line states."""
    checks: dict[str, tuple[str, Callable[[Any], str | None]]] = {
        "image": ("image", image_error),
        "image_pull_policy": ("pull_policy", _anything),
        "agent_from_configmap": ("from_configmap", _anything),
        "priority_class": ("priority_class", class_error),
        "runtime_class": ("runtime_class", class_error),
        "mesh_injection": ("mesh_injection", _anything),
    }
    found = {}
    for argument, (field, check) in checks.items():
        value = getattr(args, argument)
        if value is not None:
            found[field] = value
            if error := check(value):
                wrong.append(f"{_flag(argument)} {value}: {error}")
    return found


def _anything(value: object) -> str | None:
    return None


def _secrets(args: argparse.Namespace, wrong: list[str]) -> tuple[SecretRef, ...]:
    secrets = _parsed(args, "image_pull_secret", parse_secret, wrong)
    names = [secret.name for secret in secrets]
    for name in sorted({name for name in names if names.count(name) > 1}):
        wrong.append(f"--image-pull-secret: two secrets are called {name}, and one namespace gets both")
    return secrets


def _parsed(args: argparse.Namespace, name: str, parse: Callable[[str], T], wrong: list[str]) -> tuple[T, ...]:
    found = []
    for text in getattr(args, name):
        try:
            found.append(parse(text))
        except ValueError as error:
            wrong.append(f"{_flag(name)} {text}: {error}")
    return tuple(found)


def _pairs(
    args: argparse.Namespace, name: str, check: Callable[[str, str], str | None], wrong: list[str]
) -> dict[str, str]:
    """``KEY=VALUE`` words as a mapping."""
    found: dict[str, str] = {}
    texts: Iterable[str] = getattr(args, name)
    for text in texts:
        key, equals, value = text.partition("=")
        error = check(key, value) if equals else "write KEY=VALUE"
        if not error and found.get(key, value) != value:
            error = f"{key} is {found[key]} already"
        if error:
            wrong.append(f"{_flag(name)} {text}: {error}")
        found[key] = value
    return found


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
