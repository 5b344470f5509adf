"""JSON merge patch (RFC 7396) and JSON patch (RFC 6902)."""

from __future__ import annotations

from typing import Any

from probe.sandbox.api.errors import ApiError, bad_request
from probe.sandbox.store import clone


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: objects merge, null removes, everything else replaces. Returns a new value."""
    if not isinstance(patch, dict):
        return clone(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902: all operations in order, or none. Returns a new value.

    Raises ApiError: 400 for a patch that is none, 422 for one that does not apply.
    """
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal the patch into a list of operations")
    document = clone(target)
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise bad_request("a JSON patch operation needs an op and a path")
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    op, path = operation.get("op"), operation["path"]
    match op:
        case "add" | "replace" | "test":
            if "value" not in operation:
                raise bad_request(f"the JSON patch operation {op} {path} needs a value")
            value = clone(operation["value"])
            if op == "test":
                if _get(document, path) != value:
                    raise _unprocessable(f"testing value {path} failed")
                return document
            if op == "replace":
                _get(document, path)
                return _put(document, path, value, replace=True)
            return _put(document, path, value)
        case "remove":
            return _remove(document, path)
        case "copy" | "move":
            source = operation.get("from")
            if not isinstance(source, str):
                raise bad_request(f"the JSON patch operation {op} {path} needs a from")
            value = clone(_get(document, source))
            return _put(_remove(document, source) if op == "move" else document, path, value)
        case _:
            raise bad_request(f"unexpected kind of JSON patch operation: {op!r}")


def _steps(pointer: str) -> list[str]:
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise bad_request(f"a JSON pointer begins with a slash: {pointer!r}")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def _get(document: Any, pointer: str) -> Any:
    value = document
    for step in _steps(pointer):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list):
            value = value[_index(step, len(value) - 1, pointer)]
        else:
            raise _unprocessable(f"the path {pointer} does not exist")
    return value


def _put(document: Any, pointer: str, value: Any, *, replace: bool = False) -> Any:
    steps = _steps(pointer)
    if not steps:
        return value
    parent = _get(document, pointer.rpartition("/")[0])
    if isinstance(parent, dict):
        parent[steps[-1]] = value
    elif isinstance(parent, list) and replace:
        parent[_index(steps[-1], len(parent) - 1, pointer)] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if steps[-1] == "-" else _index(steps[-1], len(parent), pointer), value)
    else:
        raise _unprocessable(f"the path {pointer} does not exist")
    return document


def _remove(document: Any, pointer: str) -> Any:
    _get(document, pointer)
    steps = _steps(pointer)
    if not steps:
        raise bad_request("a JSON patch cannot remove the whole object")
    parent = _get(document, pointer.rpartition("/")[0])
    if isinstance(parent, list):
        del parent[_index(steps[-1], len(parent) - 1, pointer)]
    else:
        del parent[steps[-1]]
    return document


def _index(step: str, highest: int, pointer: str) -> int:
    if not step.isascii() or not step.isdigit() or int(step) > highest:
        raise _unprocessable(f"the path {pointer} has no index {step!r}")
    return int(step)


def _unprocessable(message: str) -> ApiError:
    return ApiError(422, "Invalid", f"the server rejected our request due to an error in our request: {message}")
