"""What the API server would say of an object's field -> a problem at the place where that field was written."""

from __future__ import annotations

from probe.model.errors import Problem
from probe.model.fields import UNKNOWN_FIELD, FieldError, value_at
from probe.scenario.document import Place
from probe.scenario.suggest import suggest


def located(error: FieldError, place: Place) -> Problem:
    """The mistake in the object at ``place``, with what would be right where that can be guessed."""
    at = place.child(*error.parts)
    if error.reason == UNKNOWN_FIELD:
        return at.key_problem(error.message, suggest(str(error.parts[-1]), _known_fields(error.parts)))
    quotable = error.message.endswith("must be a string") and isinstance(
        value_at(at.document.value, at.path), bool | int | float
    )
    return at.problem(error.message, "write it in quotes" if quotable else "")


def _known_fields(parts: tuple[str | int, ...]) -> tuple[str, ...]:
    parent = next((part for part in reversed(parts[:-1]) if isinstance(part, str)), "")
    return {
        "": ("apiVersion", "kind", "metadata", "spec"),
        "metadata": ("name", "namespace", "labels", "annotations"),
        "spec": ("podSelector", "policyTypes", "ingress", "egress"),
        "ingress": ("from", "ports"),
        "egress": ("to", "ports"),
        "from": ("podSelector", "namespaceSelector", "ipBlock"),
        "to": ("podSelector", "namespaceSelector", "ipBlock"),
        "ports": ("protocol", "port", "endPort"),
        "ipBlock": ("cidr", "except"),
        "podSelector": ("matchLabels", "matchExpressions"),
        "namespaceSelector": ("matchLabels", "matchExpressions"),
        "matchExpressions": ("key", "operator", "values"),
    }.get(parent, ())
