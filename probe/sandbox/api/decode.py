"""Field validation: what the body of a request has to do with the kind it claims to be."""

from __future__ import annotations

from typing import Any, Final

from probe.sandbox.api.errors import ApiError, bad_request
from probe.sandbox.api.kinds import KINDS
from probe.sandbox.api.resources import Resource
from probe.sandbox.api.schema import UnknownField, WrongType, drop_unknown, mistakes

STRICT: Final = "Strict"
WARN: Final = "Warn"
IGNORE: Final = "Ignore"


def decode(resource: Resource, obj: dict[str, Any], validation: str) -> list[str]:
    """Bring an object into the kind's shape, in place; returns warnings for the client.

    Unknown fields are refused (Strict), reported (Warn) or dropped in silence (Ignore), and dropped in any case.
    Raises ApiError 400.
    """
    if validation not in (STRICT, WARN, IGNORE):
        raise bad_request(
            f'fieldValidation: Unsupported value: "{validation}": supported values: "Ignore", "Warn", "Strict"'
        )
    _check_kind(resource, obj)
    shape = KINDS[resource.kind]
    found = list(mistakes(shape, obj))
    for item in found:
        if isinstance(item, WrongType):
            raise _cannot_decode(
                resource,
                f"json: cannot unmarshal {item.got} into field {resource.kind}.{item.path} of type {item.expected}",
            )
    unknown = [f'unknown field "{item.path}"' for item in found if isinstance(item, UnknownField)]
    if unknown and validation == STRICT:
        raise _cannot_decode(resource, f"strict decoding error: {', '.join(unknown)}")
    drop_unknown(shape, obj)
    if not isinstance(obj.setdefault("metadata", {}), dict):
        raise _cannot_decode(resource, "metadata must be an object")
    return unknown if validation == WARN else []


def _check_kind(resource: Resource, obj: dict[str, Any]) -> None:
    version, kind = obj.setdefault("apiVersion", resource.api_version), obj.setdefault("kind", resource.kind)
    if version != resource.api_version:
        raise bad_request(
            f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
        )
    if kind != resource.kind:
        raise bad_request(f"the kind in the data ({kind}) does not match the expected kind ({resource.kind})")


def _cannot_decode(resource: Resource, why: str) -> ApiError:
    head = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
    return bad_request(f"{head}: {why}")
