"""Every label selector of the manifests, and every label that one asks for, with its place."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from probe.lint.context import Context
from probe.model.snapshot import NAME_LABEL
from probe.policy.selectors import Operator, Requirement, Selector
from probe.scenario.document import Place


class Labelled(enum.StrEnum):
    """What a selector selects."""

    POD = "pod"
    NAMESPACE = "namespace"
    NODE = "node"


_FIELDS = {
    "podSelector": Labelled.POD,
    "namespaceSelector": Labelled.NAMESPACE,
    "namespaces": Labelled.NAMESPACE,
    "nodes": Labelled.NODE,
}

SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
"""Every cluster has them, so that nobody's manifests define them."""

_CLUSTER_DNS = {"k8s-app": ("kube-dns", "coredns"), "app.kubernetes.io/name": ("coredns", "node-local-dns")}
"""How the pods of a cluster's name server are labelled, by those who set clusters up."""


@dataclass(frozen=True, slots=True)
class Term:
    """A label that a selector asks for: ``value`` None where any will do. ``place`` is that of the value or the key."""

    labelled: Labelled
    key: str
    value: str | None
    place: Place


def terms(context: Context) -> Iterator[Term]:
    """The labels that policies and services ask for."""
    for view in context.policies:
        yield from _terms_in(view.spec, view.place)
    for each in context.manifests.objects:
        if each.sound and each.kind.name == "Service":
            place = each.place.child("spec", "selector")
            for key, value in ((each.manifest.get("spec") or {}).get("selector") or {}).items():
                yield Term(Labelled.POD, key, value, place.child(key))


def _terms_in(value: Any, place: Place) -> Iterator[Term]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _terms_in(item, place.child(index))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key in _FIELDS and isinstance(item, Mapping):
                yield from _terms_of(item, place.child(key), _FIELDS[key])
            else:
                yield from _terms_in(item, place.child(key))


def _terms_of(selector: Mapping[str, Any], place: Place, labelled: Labelled) -> Iterator[Term]:
    for key, value in (selector.get("matchLabels") or {}).items():
        yield Term(labelled, key, value, place.child("matchLabels", key))
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        at, key = place.child("matchExpressions", index), expression["key"]
        if expression["operator"] == Operator.EXISTS:
            yield Term(labelled, key, None, at.child("key"))
        elif expression["operator"] == Operator.IN:
            for number, value in enumerate(expression["values"]):
                yield Term(labelled, key, value, at.child("values", number))


def labels_in_use(context: Context, labelled: Labelled) -> Mapping[str, set[str]]:
    """Keys with their values, of all pods, namespaces or nodes."""
    snapshot = context.manifests.snapshot
    found: dict[str, set[str]] = {}
    things = {
        Labelled.POD: [pod.labels for pod in snapshot.pods],
        Labelled.NAMESPACE: list(snapshot.namespaces.values()),
        Labelled.NODE: [node.labels for node in snapshot.nodes],
    }
    for labels in things[labelled]:
        for key, value in labels.items():
            found.setdefault(key, set()).add(value)
    return found


def named_namespaces(selector: Selector) -> tuple[str, ...]:
    """The namespaces that a selector asks for by name."""
    return tuple(
        value
        for requirement in selector.requirements
        if requirement.key == NAME_LABEL and requirement.operator is Operator.IN
        for value in requirement.values
    )


def means_cluster_dns(pods: Selector) -> bool:
    """Whether a selector asks for the pods of the cluster's name server, which are in nobody's manifests."""
    return any(_is_dns(requirement) for requirement in pods.requirements)


def _is_dns(requirement: Requirement) -> bool:
    known = _CLUSTER_DNS.get(requirement.key, ())
    return requirement.operator is Operator.IN and any(value in known for value in requirement.values)
