"""What the API server would say of an object's field -> a problem at the place where that field was written."""

from __future__ import annotations

from collections.abc import Mapping

from probe.model.clusterpolicy import API_VERSIONS
from probe.model.errors import Problem
from probe.model.fields import UNKNOWN_FIELD, FieldError, Path, value_at
from probe.scenario.document import Place
from probe.scenario.suggest import suggest


def located(error: FieldError, place: Place) -> Problem:
    """The mistake in the object at ``place``, with what would be right where that can be guessed."""
    at = place.child(*error.parts)
    if error.reason == UNKNOWN_FIELD:
        kind = value_at(place.document.value, (*place.path, "kind"))
        known = _CLUSTER_POLICY if kind in API_VERSIONS else _NETWORK_POLICY
        return at.key_problem(error.message, suggest(str(error.parts[-1]), _known_fields(error.parts, known)))
    quotable = error.message.endswith("must be a string") and isinstance(
        value_at(at.document.value, at.path), bool | int | float
    )
    return at.problem(error.message, "write it in quotes" if quotable else "")


def _known_fields(parts: Path, known: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The fields that there are beside the last of ``parts``, by the name of what they are in."""
    parent = next((part for part in reversed(parts[:-1]) if isinstance(part, str)), "")
    return known.get(parent, ())


_SELECTOR = ("matchLabels", "matchExpressions")
_COMMON = {
    "": ("apiVersion", "kind", "metadata", "spec"),
    "metadata": ("name", "namespace", "labels", "annotations"),
    "matchExpressions": ("key", "operator", "values"),
    "podSelector": _SELECTOR,
    "namespaceSelector": _SELECTOR,
}
_NETWORK_POLICY = {
    **_COMMON,
    "spec": ("podSelector", "policyTypes", "ingress", "egress"),
    "ingress": ("from", "ports"),
    "egress": ("to", "ports"),
    "from": ("podSelector", "namespaceSelector", "ipBlock"),
    "to": ("podSelector", "namespaceSelector", "ipBlock"),
    "ports": ("protocol", "port", "endPort"),
    "ipBlock": ("cidr", "except"),
}
_CLUSTER_POLICY = {  # of all three kinds
    **_COMMON,
    "spec": ("tier", "priority", "subject", "ingress", "egress"),
    "subject": ("namespaces", "pods"),
    "ingress": ("name", "action", "from", "protocols", "ports"),
    "egress": ("name", "action", "to", "protocols", "ports"),
    "from": ("namespaces", "pods"),
    "to": ("namespaces", "pods", "nodes", "networks", "domainNames"),
    "namespaces": _SELECTOR,
    "nodes": _SELECTOR,
    "pods": ("namespaceSelector", "podSelector"),
    "protocols": ("tcp", "udp", "sctp", "destinationNamedPort"),
    "tcp": ("destinationPort",),
    "udp": ("destinationPort",),
    "sctp": ("destinationPort",),
    "destinationPort": ("number", "range"),
    "range": ("start", "end"),
    "ports": ("portNumber", "portRange", "namedPort"),
    "portNumber": ("protocol", "port"),
    "portRange": ("protocol", "start", "end"),
}
