"""Field by field: what the API server says of an object's fields that it refuses, in its own wording.

What validations of whole kinds (``networkpolicy``, ``clusterpolicy``) are made of. Each check is an iterator of errors,
so that all mistakes of an object are found at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

Path: TypeAlias = tuple[str | int, ...]
"""Where a field is: keys and indices from the object's root."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One refused field. ``parts`` is its path as keys and indices, ``reason`` a CauseType of meta/v1 Status causes."""

    parts: Path
    message: str
    reason: str = "FieldValueInvalid"

    @property
    def path(self) -> str:
        """``spec.ingress[0].from[1]``, as the API server writes it."""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.parts)
        return text.removeprefix(".")

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


UNKNOWN_FIELD = "FieldUnknown"
"""``FieldError.reason`` of a field the API does not have: refused in strict field validation, else dropped."""

_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "an integer",
    (int, str): "an integer or a string",
}


def check_fields(value: Mapping[str, Any], path: Path, known: Mapping[str, Any]) -> Iterator[FieldError]:
    """Fields that are not ``known``, and values that are not of their field's Python type; null is of every type."""
    for key, item in value.items():
        if key not in known:
            where = FieldError((*path, key), "").path
            yield FieldError((*path, key), f'unknown field "{where}"', UNKNOWN_FIELD)
        elif item is not None and (not isinstance(item, known[key]) or isinstance(item, bool)):
            yield type_error((*path, key), known[key])


def mapping_of(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under ``key``; empty if there is something else, which `check_fields` reports."""
    item = value.get(key)
    return item if isinstance(item, Mapping) else {}


def list_of(value: Mapping[str, Any], key: str) -> Sequence[Any]:
    """The list under ``key``; empty if there is something else."""
    item = value.get(key)
    return item if isinstance(item, list) else []


def items_of(value: Mapping[str, Any], key: str, path: Path) -> Iterator[tuple[Path, Any]]:
    """The items of the list under ``key``, each with its path."""
    return (((*path, key, index), item) for index, item in enumerate(list_of(value, key)))


def value_at(value: Any, path: Path) -> Any:
    """What stands at a path below a value; None if there is no such path."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def is_int(value: Any) -> TypeGuard[int]:
    """An integer of JSON: a bool is an int to Python alone."""
    return isinstance(value, int) and not isinstance(value, bool)


def type_error(path: Path, wanted: Any) -> FieldError:
    """A value of another type than ``wanted``, a Python type."""
    return FieldError(path, f"Invalid type: must be {_TYPE_NAMES[wanted]}", "FieldValueTypeInvalid")


def required(path: Path, message: str) -> FieldError:
    """A value that is missing."""
    return FieldError(path, f"Required value: {message}", "FieldValueRequired")


def invalid(path: Path, value: Any, message: str) -> FieldError:
    """A value that cannot be."""
    return FieldError(path, f"Invalid value: {_shown(value)}: {message}")


def forbidden(path: Path, message: str) -> FieldError:
    """A field that cannot be set beside what else there is."""
    return FieldError(path, f"Forbidden: {message}", "FieldValueForbidden")


def not_supported(path: Path, value: Any, supported: Sequence[str]) -> FieldError:
    """A value that is none of those there are."""
    known = ", ".join(f'"{item}"' for item in supported)
    return FieldError(path, f"Unsupported value: {_shown(value)}: supported values: {known}", "FieldValueNotSupported")


def _shown(value: Any) -> Any:
    return f'"{value}"' if isinstance(value, str) else value
