"""Refusals of the API server: exceptions that carry a metav1.Status, in the words Kubernetes uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from probe.sandbox.api.resources import BY_PLURAL, Resource
from probe.sandbox.store import AlreadyExists, Conflict, Expired, NotFound, Obj, StoreError


@dataclass(frozen=True, slots=True)
class FieldError:
    """One invalid field. ``reason`` is a metav1.CauseType such as ``FieldValueRequired``."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def required(field: str, detail: str = "") -> FieldError:
    """The field must be there."""
    return FieldError(field, "FieldValueRequired", f"Required value{': ' + detail if detail else ''}")


def invalid(field: str, value: Any, detail: str) -> FieldError:
    """The field's value breaks a rule."""
    return FieldError(field, "FieldValueInvalid", f"Invalid value: {_shown(value)}: {detail}")


def unsupported(field: str, value: Any, allowed: Sequence[str]) -> FieldError:
    """The value is not one of an enumeration."""
    choices = ", ".join(f'"{choice}"' for choice in allowed)
    return FieldError(
        field, "FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {choices}"
    )


def duplicate(field: str, value: Any) -> FieldError:
    """The value occurs a second time."""
    return FieldError(field, "FieldValueDuplicate", f"Duplicate value: {_shown(value)}")


def forbidden_field(field: str, detail: str) -> FieldError:
    """The field must not be set or changed."""
    return FieldError(field, "FieldValueForbidden", f"Forbidden: {detail}")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'


class ApiError(Exception):
    """An answer that is an error. ``reason`` is a metav1.StatusReason, ``code`` the HTTP status."""

    def __init__(self, code: int, reason: str, message: str, details: Obj | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details

    @property
    def status(self) -> Obj:
        """The metav1.Status."""
        status: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        if self.details:
            status["details"] = self.details
        return status


def details(
    resource: Resource, name: str | None = None, causes: Sequence[FieldError] = (), *, kind: bool = False
) -> Obj:
    """metav1.StatusDetails; ``kind`` names the kind (Invalid does), otherwise the plural is said."""
    found: Obj = {"name": name, "group": resource.group, "kind": resource.kind if kind else resource.plural}
    if causes:
        found["causes"] = [{"reason": item.reason, "message": item.message, "field": item.field} for item in causes]
    return {key: value for key, value in found.items() if value}


def details_of(group: str, kind: str, name: str) -> Obj:
    """metav1.StatusDetails of what may not be a resource at all."""
    return {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}


def bad_request(message: str) -> ApiError:
    """400: the request makes no sense."""
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    """401: no token, or not ours."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(resource: Resource, name: str, why: str, causes: Sequence[Obj] = ()) -> ApiError:
    """403 as admission says it."""
    found = details(resource, name)
    if causes:
        found["causes"] = list(causes)
    return ApiError(403, "Forbidden", f'{resource.qualified} "{name}" is forbidden: {why}', found)


def no_such_path() -> ApiError:
    """404 for a path that nothing serves."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def not_found(resource: Resource, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(404, "NotFound", f'{resource.qualified} "{name}" not found', details(resource, name))


def method_not_allowed() -> ApiError:
    """405: the resource lacks the verb."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def conflict(resource: Resource, name: str, message: str) -> ApiError:
    """409: somebody else was faster, or a precondition fails."""
    text = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {message}'
    return ApiError(409, "Conflict", text, details(resource, name))


def unsupported_media(got: str, accepted: Sequence[str]) -> ApiError:
    """415: a body of a type that is not read here."""
    types = ", ".join(accepted)
    message = f"the body of the request was in an unknown format ({got}) - accepted media types include: {types}"
    return ApiError(415, "UnsupportedMediaType", message)


def invalid_object(resource: Resource, name: str, errors: Sequence[FieldError]) -> ApiError:
    """422 with a cause for each wrong field."""
    shown = str(errors[0]) if len(errors) == 1 else f"[{', '.join(map(str, errors))}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {shown}', details(resource, name, errors, kind=True))


def from_store(error: StoreError) -> ApiError:
    """The answer to a request that the store refused."""
    if isinstance(error, Expired):
        return ApiError(410, "Expired", str(error))
    resource = BY_PLURAL[error.resource]
    if isinstance(error, NotFound):
        return not_found(resource, error.name)
    if isinstance(error, AlreadyExists):
        message = f'{resource.qualified} "{error.name}" already exists'
        return ApiError(409, "AlreadyExists", message, details(resource, error.name))
    if isinstance(error, Conflict):
        return conflict(resource, error.name, str(error))
    raise error
