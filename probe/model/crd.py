"""What the schema of a custom resource says of any field, where that differs from the API's built-in kinds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from probe.model.fields import FieldError, Path, check_fields, invalid, type_error


def no_nulls(value: Any, path: Path) -> Iterator[FieldError]:
    """A null is not an absent field: no schema without ``nullable`` accepts it."""
    pairs: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, Mapping):
        pairs = iter(value.items())
    elif isinstance(value, list):
        pairs = iter(enumerate(value))
    for key, item in pairs:
        if item is None:
            yield invalid((*path, key), "null", "must not be null; leave the field out, or write {} for a selector")
        yield from no_nulls(item, (*path, key))


def exactly_one_of(value: Mapping[str, Any], path: Path, fields: Mapping[str, type]) -> Iterator[FieldError]:
    """minProperties and maxProperties are 1."""
    yield from check_fields(value, path, fields)
    present = [field for field in fields if field in value]
    if len(present) != 1:
        found = " and ".join(present) or "none"
        yield FieldError(path, f"Invalid value: must have exactly one of {', '.join(fields)}, not {found}")


def count(value: Mapping[str, Any], field: str, path: Path, most: int, at_least: int = 1) -> Iterator[FieldError]:
    """minItems and maxItems of a list."""
    if not isinstance(items := value.get(field), list):
        return
    if len(items) < at_least:
        yield invalid((*path, field), "[]", f"must have at least {at_least} item; leave out what is not wanted")
    elif len(items) > most:
        message = f"Too many: {len(items)}: must have at most {most} items"
        yield FieldError((*path, field), message, "FieldValueTooMany")


def no_object(value: Any, path: Path) -> Iterator[FieldError]:
    """Something else than an object; null is reported by `no_nulls`."""
    if value is not None:
        yield type_error(path, dict)
