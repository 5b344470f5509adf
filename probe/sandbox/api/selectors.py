"""Label and field selectors as query parameters have them: ``app in (a,b),tier!=x`` and ``spec.nodeName=n``.

Label selectors inside NetworkPolicies are another matter and are read by enforcement; `selects` is for those inside
the API server's own objects (webhook configurations, aggregated roles).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from probe.sandbox.api.errors import bad_request
from probe.sandbox.api.resources import Resource
from probe.sandbox.store import Obj

Match: TypeAlias = Callable[[Obj], bool]

_KEY: Final = r"(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)"
_SET: Final = re.compile(rf"^{_KEY}\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_COMPARE: Final = re.compile(rf"^{_KEY}\s*(?P<op>==|=|!=)\s*(?P<value>[A-Za-z0-9._-]*)$")
_NUMERIC: Final = re.compile(rf"^{_KEY}\s*(?P<op><|>)\s*(?P<value>-?[0-9]+)$")
_EXISTS: Final = re.compile(rf"^(?P<not>!?)\s*{_KEY}$")
_FIELD: Final = re.compile(r"^(?P<path>[A-Za-z.]+)(?P<op>==|=|!=)(?P<value>.*)$")


def matcher(resource: Resource, labels: str, fields: str) -> Match | None:
    """One predicate for both selectors; None when everything matches. Raises ApiError 400."""
    tests = [*_label_tests(labels), *_field_tests(resource, fields)]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return lambda obj: all(test(obj) for test in tests)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a metav1.LabelSelector matches; an empty one matches everything, none at all nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(item, labels) for item in selector.get("matchExpressions") or ())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _label_tests(text: str) -> list[Match]:
    # Commas separate requirements, except within the parentheses of a set.
    parts = [part.strip() for part in re.split(r",(?![^()]*\))", text)] if text.strip() else []
    return [_label_test(part, text) for part in parts]


def _label_test(part: str, text: str) -> Match:
    if found := _SET.match(part):
        key, values = found["key"], frozenset(value.strip() for value in found["values"].split(","))
        if found["op"] == "in":
            return lambda obj: _labels(obj).get(key) in values
        return lambda obj: _labels(obj).get(key) not in values
    if found := _COMPARE.match(part):
        key, value = found["key"], found["value"]
        if found["op"] == "!=":
            return lambda obj: _labels(obj).get(key) != value
        return lambda obj: _labels(obj).get(key) == value
    if found := _NUMERIC.match(part):
        return _numeric_test(found["key"], found["op"], int(found["value"]))
    if found := _EXISTS.match(part):
        key = found["key"]
        return (lambda obj: key not in _labels(obj)) if found["not"] else (lambda obj: key in _labels(obj))
    raise bad_request(f'unable to parse requirement: found {part!r} in label selector "{text}"')


def _numeric_test(key: str, op: str, bound: int) -> Match:
    def test(obj: Obj) -> bool:
        value = _labels(obj).get(key, "")
        if not re.fullmatch(r"-?[0-9]+", value):
            return False
        return int(value) > bound if op == ">" else int(value) < bound

    return test


def _field_tests(resource: Resource, text: str) -> list[Match]:
    known = ("metadata.name", "metadata.namespace", *resource.fields)
    tests: list[Match] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _FIELD.match(part)
        if found is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        if found["path"] not in known:
            raise bad_request(f"field label not supported: {found['path']}")
        tests.append(_field_test(tuple(found["path"].split(".")), found["op"], found["value"]))
    return tests


def _field_test(path: tuple[str, ...], op: str, value: str) -> Match:
    if op == "!=":
        return lambda obj: _field(obj, path) != value
    return lambda obj: _field(obj, path) == value


def _labels(obj: Obj) -> Mapping[str, str]:
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def _field(obj: Obj, path: tuple[str, ...]) -> str:
    """The value as a string, as field selectors compare it; absent is the empty string."""
    value: Any = obj
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if path == ("source",):  # of an Event: the component
        value = (value or {}).get("component")
    if isinstance(value, bool) or path[-1] in ("hostNetwork", "unschedulable"):
        return str(bool(value)).lower()
    return "" if value is None else str(value)
