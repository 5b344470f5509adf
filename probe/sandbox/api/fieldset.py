"""Sets of field paths, as managedFields keeps them (FieldsV1).

A path is a tuple of steps in FieldsV1's own spelling: ``f:name`` for a field, ``k:{"name":"a"}`` for an item of a
keyed list, ``v:"x"`` for a value of a set. Paths lead to what is owned as one piece: scalars, atomic maps and
lists, empty maps; and to each item of a keyed list, which exists because somebody listed it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from probe.sandbox.api.schema import AnyShape, Fields, ListOf, MapOf, Shape, child

Path: TypeAlias = tuple[str, ...]
PathSet: TypeAlias = frozenset[Path]

_MISSING: Final = object()
_KEY_DEFAULTS: Final = {"protocol": "TCP"}


def paths(shape: Shape, value: Any, prefix: Path = ()) -> Iterator[Path]:
    """All paths of a value."""
    if isinstance(value, dict) and value and _granular(shape):
        for name, item in value.items():
            yield from paths(child(shape, name), item, (*prefix, f"f:{name}"))
    elif isinstance(value, list) and isinstance(shape, ListOf) and shape.keys is not None:
        for item in value:
            step = (*prefix, item_step(shape, item))
            yield step
            if shape.keys:
                yield from paths(shape.item, item, step)
    else:
        yield prefix


def _granular(shape: Shape) -> bool:
    return isinstance(shape, AnyShape) or (isinstance(shape, Fields | MapOf) and not shape.atomic)


def item_step(shape: ListOf, item: Any) -> str:
    """The step to an item of a keyed list or a set."""
    if not shape.keys:
        return f"v:{_compact(item)}"
    if not isinstance(item, dict):
        return f"k:{_compact(item)}"
    key = {name: item.get(name, _KEY_DEFAULTS.get(name)) for name in shape.keys}
    return f"k:{_compact({name: value for name, value in key.items() if value is not None})}"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def lookup(value: Any, path: Path) -> Any:
    """What a path leads to, or a value that equals nothing else."""
    for step in path:
        value = _enter(value, step)
        if value is _MISSING:
            return value
    return value


def _enter(value: Any, step: str) -> Any:
    if step.startswith("f:"):
        return value.get(step[2:], _MISSING) if isinstance(value, dict) else _MISSING
    if not isinstance(value, list):
        return _MISSING
    index = _position(value, step)
    return _MISSING if index is None else value[index]


def _position(items: list[Any], step: str) -> int | None:
    wanted = json.loads(step[2:])
    for index, item in enumerate(items):
        if step.startswith("v:") or not isinstance(item, dict):
            if item == wanted:
                return index
        elif all(item.get(name, _KEY_DEFAULTS.get(name)) == value for name, value in wanted.items()):
            return index
    return None


def remove(obj: dict[str, Any], path: Path) -> None:
    """Take out, in place, what a path leads to, and the maps and lists that are empty for it."""
    parents: list[Any] = [obj]
    for step in path[:-1]:
        inner = _enter(parents[-1], step)
        if inner is _MISSING:
            return
        parents.append(inner)
    for depth in range(len(path) - 1, -1, -1):
        parent, step = parents[depth], path[depth]
        if isinstance(parent, dict):
            parent.pop(step[2:], None)
        elif isinstance(parent, list) and (index := _position(parent, step)) is not None:
            del parent[index]
        # An emptied struct at the top (spec, metadata) stays; an item of a list has its key and is never empty.
        if parent or depth < 2:
            return


def shown(path: Path) -> str:
    """A path as messages write it: ``.spec.ports[port=80,protocol="TCP"]``."""
    return "".join(_shown_step(step) for step in path)


def _shown_step(step: str) -> str:
    if step.startswith("f:"):
        return f".{step[2:]}"
    if step.startswith("v:"):
        return f"[={step[2:]}]"
    return "[" + ",".join(f"{name}={_compact(value)}" for name, value in json.loads(step[2:]).items()) + "]"


def to_fields_v1(members: Iterable[Path]) -> dict[str, Any]:
    """The nested form. A member that has members below it carries ``"."``."""
    root: dict[str, Any] = {}
    for path in sorted(members):
        node = root
        for step in path:
            node = node.setdefault(step, {})
        node["."] = {}
    _drop_lone_dots(root)
    return root


def _drop_lone_dots(node: dict[str, Any]) -> None:
    if list(node) == ["."]:
        del node["."]
    for inner in node.values():
        _drop_lone_dots(inner)


def from_fields_v1(node: dict[str, Any], prefix: Path = ()) -> Iterator[Path]:
    """The members of the nested form."""
    if not node and prefix:
        yield prefix
    for step, inner in node.items():
        if step == ".":
            yield prefix
        else:
            yield from from_fields_v1(inner, (*prefix, step))
