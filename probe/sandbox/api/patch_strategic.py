"""Strategic merge patch: a merge patch that knows which lists are keyed.

Directives: ``$patch`` (replace, delete, merge) in a map or a list item, ``$retainKeys`` in a map,
``$deleteFromPrimitiveList/<field>`` and ``$setElementOrder/<field>`` beside a list.
"""

from __future__ import annotations

from typing import Any, Final

from probe.sandbox.api.errors import bad_request
from probe.sandbox.api.schema import ListOf, Shape, child, item_of
from probe.sandbox.store import clone

_PATCH: Final = "$patch"
_RETAIN: Final = "$retainKeys"
_DELETE_VALUES: Final = "$deleteFromPrimitiveList/"
_ORDER: Final = "$setElementOrder/"


def strategic_merge(shape: Shape, target: Any, patch: Any) -> dict[str, Any]:
    """The object with the patch merged in; neither argument is changed. Raises ApiError 400 for a bad directive."""
    if not isinstance(patch, dict):
        raise bad_request("the patch must be an object")
    return _merge_map(shape, target if isinstance(target, dict) else {}, patch)


def _merge_map(shape: Shape, target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    directive = patch.get(_PATCH)
    if directive == "replace":
        return _plain_map(shape, patch)
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise bad_request(f"unrecognized type of patch: {directive!r}")
    merged = dict(target)
    for key, value in patch.items():
        if key.startswith(_DELETE_VALUES):
            field = key.removeprefix(_DELETE_VALUES)
            merged[field] = [item for item in merged.get(field) or [] if item not in value]
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(child(shape, key), merged, key, value)
    for key, value in patch.items():
        if key.startswith(_ORDER):
            field = key.removeprefix(_ORDER)
            merged[field] = _ordered(child(shape, field), merged.get(field) or [], value)
    if _RETAIN in patch:
        merged = {key: value for key, value in merged.items() if key in patch[_RETAIN]}
    return merged


def _merge_field(shape: Shape, merged: dict[str, Any], key: str, value: Any) -> None:
    current = merged.get(key)
    if value is None or (isinstance(value, dict) and value.get(_PATCH) == "delete"):
        merged.pop(key, None)
    elif isinstance(value, dict):
        merged[key] = _merge_map(shape, current if isinstance(current, dict) else {}, value)
    elif isinstance(value, list):
        merged[key] = _merge_list(shape, current if isinstance(current, list) else [], value)
    else:
        merged[key] = value


def _merge_list(shape: Shape, target: list[Any], patch: list[Any]) -> list[Any]:
    merge_key = shape.merge_key if isinstance(shape, ListOf) else None
    directives = [item for item in patch if isinstance(item, dict) and _PATCH in item]
    if merge_key is None or any(item[_PATCH] == "replace" for item in directives):
        kept = [item for item in patch if not (isinstance(item, dict) and item.get(_PATCH) in ("replace", "delete"))]
        return [_plain(item_of(shape), item) for item in kept]
    if merge_key == "":
        return [*target, *(item for item in patch if item not in target)]
    merged = list(target)
    for item in patch:
        if not isinstance(item, dict) or merge_key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {merge_key}")
        index = _find(merged, merge_key, item[merge_key])
        if item.get(_PATCH) == "delete":
            if index is not None:
                del merged[index]
        elif index is None:
            merged.append(_plain(item_of(shape), item))
        else:
            merged[index] = _merge_map(item_of(shape), merged[index], item)
    return merged


def _find(items: list[Any], key: str, value: Any) -> int | None:
    return next((index for index, item in enumerate(items) if item.get(key) == value), None)


def _ordered(shape: Shape, items: list[Any], order: list[Any]) -> list[Any]:
    """Items named in the order come in that order; the others keep their place after what preceded them."""
    key = shape.merge_key if isinstance(shape, ListOf) else None

    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [identity(item) for item in order]
    named = iter(sorted((item for item in items if identity(item) in wanted), key=lambda i: wanted.index(identity(i))))
    return [next(named) if identity(item) in wanted else item for item in items]


def _plain(shape: Shape, value: Any) -> Any:
    """A patch's value where there was none: without its directives and nulls."""
    if isinstance(value, dict):
        return _plain_map(shape, value)
    if isinstance(value, list):
        return [_plain(item_of(shape), item) for item in value]
    return clone(value)


def _plain_map(shape: Shape, patch: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _plain(child(shape, key), value)
        for key, value in patch.items()
        if value is not None and not key.startswith("$")
    }
