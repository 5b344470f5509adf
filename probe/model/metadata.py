"""What the Kubernetes API refuses in any object's metadata, labels and label selectors (apimachinery's checks)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probe.model.fields import (
    FieldError,
    Path,
    check_fields,
    forbidden,
    invalid,
    items_of,
    list_of,
    mapping_of,
    required,
    type_error,
)
from probe.model.syntax import dns_label_error, dns_subdomain_error, label_key_error, label_value_error

_METADATA_FIELDS = {
    "annotations": dict,
    "creationTimestamp": str,
    "deletionGracePeriodSeconds": int,
    "deletionTimestamp": str,
    "finalizers": list,
    "generateName": str,
    "generation": int,
    "labels": dict,
    "managedFields": list,
    "name": str,
    "namespace": str,
    "ownerReferences": list,
    "resourceVersion": str,
    "selfLink": str,
    "uid": str,
}


def validate_metadata(
    metadata: Mapping[str, Any], path: Path = ("metadata",), *, namespaced: bool = True
) -> Iterator[FieldError]:
    """What the API refuses in the metadata of an object whose name is a DNS-1123 subdomain."""
    yield from check_fields(metadata, path, _METADATA_FIELDS)
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not name:
        yield required((*path, "name"), "name or generateName is required")
    elif isinstance(name, str) and (error := dns_subdomain_error(name)):
        yield invalid((*path, "name"), name, error)
    if namespace and not namespaced:
        yield forbidden((*path, "namespace"), "not allowed on this type")
    elif isinstance(namespace, str) and namespaced and (error := dns_label_error(namespace)):
        yield invalid((*path, "namespace"), namespace, error)
    yield from validate_labels(mapping_of(metadata, "labels"), (*path, "labels"))
    for key, value in mapping_of(metadata, "annotations").items():
        if error := label_key_error(key.lower()):
            yield invalid((*path, "annotations"), key, error)
        if not isinstance(value, str):
            yield type_error((*path, "annotations", key), str)


def validate_labels(labels: Mapping[str, Any], path: Path) -> Iterator[FieldError]:
    """What the API refuses in a map of labels."""
    for key, value in labels.items():
        if error := label_key_error(key):
            yield invalid((*path, key), key, error)
        if not isinstance(value, str):
            yield type_error((*path, key), str)
        elif error := label_value_error(value):
            yield invalid((*path, key), value, error)


def validate_selector(selector: Mapping[str, Any], path: Path) -> Iterator[FieldError]:
    """What the API refuses in a metav1.LabelSelector."""
    yield from check_fields(selector, path, {"matchLabels": dict, "matchExpressions": list})
    yield from validate_labels(mapping_of(selector, "matchLabels"), (*path, "matchLabels"))
    for expression_path, expression in items_of(selector, "matchExpressions", path):
        yield from _expression(expression, expression_path)


def _expression(expression: Any, path: Path) -> Iterator[FieldError]:
    if not isinstance(expression, Mapping):
        yield type_error(path, dict)
        return
    yield from check_fields(expression, path, {"key": str, "operator": str, "values": list})
    key, operator, values = expression.get("key"), expression.get("operator"), list_of(expression, "values")
    if operator in ("In", "NotIn"):
        if not values:
            yield required((*path, "values"), "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden((*path, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    else:
        yield invalid((*path, "operator"), operator, "not a valid selector operator")
    if error := label_key_error(key if isinstance(key, str) else ""):
        yield invalid((*path, "key"), key, error)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            yield type_error((*path, "values", index), str)
        elif error := label_value_error(value):
            yield invalid((*path, "values", index), value, error)
