"""Shapes of objects, and what follows from a shape: unknown fields, wrong types, and how lists merge.

One description serves strict decoding, strategic merge patches (``merge_key``), server-side apply (``keys``,
``atomic``) and the OpenAPI documents. A shape is a `Fields`, `ListOf`, `MapOf` or `Scalar`; where the sandbox has no
opinion it is `ANY`, which accepts everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf. ``types`` are the Python types of its JSON; ``name`` is what messages and OpenAPI call it."""

    name: str
    types: tuple[type, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """A struct with known fields. ``atomic``: server-side apply owns it as a whole."""

    fields: Mapping[str, Shape]
    atomic: bool = False


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from free keys to values of one shape."""

    value: Shape
    atomic: bool = False


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list. ``merge_key`` joins items in a strategic merge patch (``""`` for a list of scalars that merges as a
    set, None: the patch replaces the list); ``keys`` join items in server-side apply (``()``: a set of scalars,
    None: the list is atomic)."""

    item: Shape
    merge_key: str | None = None
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AnyShape:
    """Whatever it is, it is accepted and merged field by field."""


Shape: TypeAlias = Scalar | Fields | MapOf | ListOf | AnyShape

ANY: Final = AnyShape()
STR: Final = Scalar("string", (str,))
INT: Final = Scalar("integer", (int,))
BOOL: Final = Scalar("boolean", (bool,))
INT_OR_STR: Final = Scalar("int-or-string", (int, str))
AMOUNT: Final = Scalar("int-or-string", (int, float, str))
STRINGS: Final = ListOf(STR)
LABELS: Final = MapOf(STR)


def struct(*, atomic: bool = False, **fields: Shape) -> Fields:
    """A struct; a trailing underscore keeps a field's name clear of Python's keywords (``from_``)."""
    return Fields({name.rstrip("_"): shape for name, shape in fields.items()}, atomic)


def keyed(item: Shape, key: str, *more: str) -> ListOf:
    """A list of structs joined by a key; ``more`` are the further keys of server-side apply."""
    return ListOf(item, key, (key, *more))


def child(shape: Shape, name: str) -> Shape:
    """The shape of a field."""
    if isinstance(shape, Fields):
        return shape.fields.get(name, ANY)
    return shape.value if isinstance(shape, MapOf) else ANY


def item_of(shape: Shape) -> Shape:
    """The shape of a list's items."""
    return shape.item if isinstance(shape, ListOf) else ANY


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A field that the shape does not have."""

    path: str


@dataclass(frozen=True, slots=True)
class WrongType:
    """A value that cannot be decoded."""

    path: str
    expected: str
    got: str


def mistakes(shape: Shape, value: Any, path: str = "") -> Iterator[UnknownField | WrongType]:
    """Everything in ``value`` that does not fit. ``null`` fits everywhere: it means absent."""
    if value is None or isinstance(shape, AnyShape):
        return
    if isinstance(shape, Scalar):
        # A bool is an int to Python, but not to JSON.
        if not isinstance(value, shape.types) or (isinstance(value, bool) and bool not in shape.types):
            yield WrongType(path, shape.name, _json_type(value))
    elif isinstance(shape, ListOf):
        if not isinstance(value, list):
            yield WrongType(path, "array", _json_type(value))
            return
        for index, item in enumerate(value):
            yield from mistakes(shape.item, item, f"{path}[{index}]")
    elif not isinstance(value, dict):
        yield WrongType(path, "object", _json_type(value))
    else:
        for name, item in value.items():
            where = f"{path}.{name}" if path else name
            if isinstance(shape, MapOf):
                yield from mistakes(shape.value, item, where)
            elif name in shape.fields:
                yield from mistakes(shape.fields[name], item, where)
            else:
                yield UnknownField(where)


def drop_unknown(shape: Shape, value: Any) -> None:
    """Remove, in place, the fields that the shape does not have, and fields that are null, as decoding does."""
    if isinstance(shape, ListOf) and isinstance(value, list):
        for item in value:
            drop_unknown(shape.item, item)
    elif isinstance(shape, Fields) and isinstance(value, dict):
        for name in [name for name, item in value.items() if name not in shape.fields or item is None]:
            del value[name]
        for name, item in value.items():
            drop_unknown(shape.fields[name], item)
    elif isinstance(shape, MapOf) and isinstance(value, dict):
        for item in value.values():
            drop_unknown(shape.value, item)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "object" if isinstance(value, dict) else "array" if isinstance(value, list) else "string"
