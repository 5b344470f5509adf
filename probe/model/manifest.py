"""Kubernetes objects as plain data, and how they are referred to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Manifest: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as the API's JSON has it."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object in a logical namespace. ``kind`` is lower case and singular: ``networkpolicy``, ``pod``.

    A namespace itself is ``ObjectRef("namespace", None, name)``; ``namespace`` is None for what is in none.
    """

    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)
