"""How protobuf is read: field numbers and wire types to JSON's values, by tables of fields."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

Read: TypeAlias = Callable[[Any], Any]
Message: TypeAlias = Mapping[int, tuple[str, Read]]
"""Field number to the field's name in JSON and how to read its value. A list field's reader is a `Repeated`."""


def read_message(message: Message, data: bytes) -> dict[str, Any]:
    """One message. Empty values are left out, as they are in JSON."""
    found: dict[str, Any] = {}
    for key, raw in _wire(data):
        name, read = message[key]
        value = read(raw)
        if isinstance(read, Repeated):
            found.setdefault(name, []).append(value)
        elif isinstance(read, MapField):
            found.setdefault(name, {}).update(value)
        elif value not in ("", 0, False, None):
            found[name] = value
    return found


def _wire(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and raw values: varints as numbers, the rest as bytes."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        key, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _varint(data, position)
            yield key, value
        elif wire_type == 2:
            length, position = _varint(data, position)
            if position + length > len(data):
                raise ValueError("a field is cut short")
            yield key, data[position : position + length]
            position += length
        else:
            raise ValueError(f"wire type {wire_type}")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise ValueError("a number is too long")


def text(raw: bytes) -> str:
    """UTF-8."""
    return raw.decode()


def number(raw: int) -> int:
    """A signed integer: negative ones are written in 64 bits."""
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def boolean(raw: int) -> bool:
    """Zero is false."""
    return bool(raw)


def raw_bytes(raw: bytes) -> bytes:
    """As they are."""
    return raw


def base64_text(raw: bytes) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(raw).decode()


def ignored(raw: bytes) -> None:
    """Times and status of an object to be created say nothing: the server sets them."""


class Nested:
    """A message in a message."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def __call__(self, raw: bytes) -> dict[str, Any]:
        return read_message(self._message, raw)


class Repeated:
    """A list: the field comes once for each item."""

    def __init__(self, item: Read) -> None:
        self._item = item

    def __call__(self, raw: Any) -> Any:
        return self._item(raw)


class MapField:
    """A map is a list of entries on the wire: key 1, value 2."""

    def __init__(self, value: Read) -> None:
        self._value = value

    def __call__(self, raw: bytes) -> dict[str, Any]:
        entry = dict(_wire(raw))
        key = entry.get(1, b"")
        return {key.decode() if isinstance(key, bytes) else str(key): self._value(entry.get(2, b""))}


def int_or_string(raw: bytes) -> int | str:
    """IntOrString: 1 says which (0 number, 1 text), 2 is the number, 3 the text."""
    value: dict[int, Any] = dict(_wire(raw))
    return text(value.get(3, b"")) if value.get(1) else number(value.get(2, 0))


def amount(raw: bytes) -> str:
    """A Quantity: its text is field 1."""
    value: dict[int, Any] = dict(_wire(raw))
    return text(value.get(1, b"0"))
