"""Rules that hold for the metadata of every kind."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from typing import Final

from probe.model.syntax import dns_label_error, dns_subdomain_error, label_key_error, label_value_error
from probe.sandbox.api.errors import FieldError, invalid, required
from probe.sandbox.api.resources import Resource
from probe.sandbox.store import Obj

# No vowels and no look-alikes, as Kubernetes generates names: no words, no misreadings.
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_DNS_1035: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_MAX_GENERATED_BASE: Final = 58


def generate_name(base: str) -> str:
    """A name from metadata.generateName: the base and five random characters."""
    return base[:_MAX_GENERATED_BASE] + "".join(secrets.choice(_ALPHABET) for _ in range(5))


def validate_metadata(resource: Resource, obj: Obj) -> Iterator[FieldError]:
    """Names, labels and annotation keys."""
    meta = obj["metadata"]
    name = meta.get("name")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    elif error := _name_error(resource, name):
        yield invalid("metadata.name", name, error)
    for key, value in (meta.get("labels") or {}).items():
        if error := label_key_error(key):
            yield invalid("metadata.labels", key, error)
        if error := label_value_error(value):
            yield invalid("metadata.labels", value, error)
    for key in meta.get("annotations") or {}:
        if error := label_key_error(key.lower()):
            yield invalid("metadata.annotations", key, error)


def _name_error(resource: Resource, name: str) -> str | None:
    if resource.plural == "namespaces":
        return dns_label_error(name)
    if resource.plural == "services" and not _DNS_1035.fullmatch(name):
        return (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
            "character, and end with an alphanumeric character"
        )
    if resource.group == "rbac.authorization.k8s.io":
        return _path_segment_error(name)
    return dns_subdomain_error(name)


def _path_segment_error(name: str) -> str | None:
    """Names such as ``system:discovery``: all that can be a part of a path."""
    if name in (".", ".."):
        return f"may not be '{name}'"
    return next((f"may not contain '{bad}'" for bad in "/%" if bad in name), None)
