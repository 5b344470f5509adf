"""What a plain YAML scalar means, and where YAML readers disagree about it.

Scalars are read as YAML 1.2's core schema says. Most tools around Kubernetes still read YAML 1.1, where ``on``
is a boolean, ``010`` is eight and ``22:22`` is 1342: a scalar that the two versions read differently is an error
here, so that nothing is silently something else than what was written.
"""

from __future__ import annotations

import re

TAG = "tag:yaml.org,2002:"
STR, INT, FLOAT, BOOL, NULL, MERGE = (TAG + name for name in ("str", "int", "float", "bool", "null", "merge"))

_CORE = (
    (NULL, re.compile(r"~|null|Null|NULL|")),
    (BOOL, re.compile(r"true|True|TRUE|false|False|FALSE")),
    (INT, re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    (FLOAT, re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")),
)
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_BOOLEANS_1_1 = {word: value for value, words in ((True, "y yes on"), (False, "n no off")) for word in words.split()}


def core_tag(text: str) -> str:
    """The tag of a plain scalar by YAML 1.2's core schema."""
    return next((tag for tag, pattern in _CORE if pattern.fullmatch(text)), STR)


def trap(text: str, tag_1_1: str) -> tuple[str, str] | None:
    """Message and hint when YAML 1.1 (which resolves ``text`` to ``tag_1_1``) reads another value than 1.2."""
    tag = core_tag(text)
    boolean = _BOOLEANS_1_1.get(text.lower())
    if boolean is not None:
        # PyYAML reads y and n as strings; YAML 1.1 itself, and kubectl with it, as booleans
        return f"{text} is a boolean to YAML 1.1 readers", f'write "{text}" in quotes, or {str(boolean).lower()}'
    if _LEADING_ZERO.fullmatch(text):
        plain = text.replace("_", "").lstrip("+-").lstrip("0") or "0"
        return f"{text} is read as octal, decimal or text by different YAML readers", f'write {plain}, or "{text}"'
    if tag == tag_1_1 or tag_1_1 == MERGE:
        return None
    name = (tag if tag_1_1 == STR else tag_1_1).removeprefix(TAG)
    words = {"int": "a number", "float": "a number", "timestamp": "a date", "value": "a special mark"}
    return f"{text} is {words.get(name, name)} to some YAML readers and text to others", f'write "{text}" in quotes'


def scalar_value(text: str, tag: str) -> str | int | float | bool | None:
    """The value of a scalar with a tag of the core schema; raises ValueError when the text does not fit the tag."""
    if tag == STR:
        return text
    if core_tag(text) != tag and not (tag == FLOAT and core_tag(text) == INT):
        raise ValueError(f"{text!r} is not a {tag.removeprefix(TAG)}")
    if tag == NULL:
        return None
    if tag == BOOL:
        return text.lower() == "true"
    if tag == INT:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
