"""Columns of tables, and how their cells are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from probe.sandbox.store import Obj

NONE: Final = "<none>"
UNKNOWN: Final = "<unknown>"

Cell: TypeAlias = Callable[[Obj], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column; the ``wide`` ones show with ``-o wide``."""

    name: str
    cell: Cell
    wide: bool = False
    type: str = "string"


def age(timestamp: str | None) -> str:
    """The time since then, short."""
    if not timestamp:
        return UNKNOWN
    return duration((datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds())


def duration(exact: float) -> str:
    """Seconds, short: ``45s``, ``3m12s``, ``5h``, ``2d``."""
    seconds = max(0, int(exact))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    return f"{days}d{hours % 24}h" if days < 8 and hours % 24 else f"{days}d"


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A label selector as kubectl prints it."""
    selector = selector or {}
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for item in selector.get("matchExpressions") or ():
        values = f"({','.join(sorted(item.get('values') or ()))})"
        match item["operator"]:
            case "In":
                parts.append(f"{item['key']} in {values}")
            case "NotIn":
                parts.append(f"{item['key']} notin {values}")
            case "Exists":
                parts.append(item["key"])
            case _:
                parts.append(f"!{item['key']}")
    return ",".join(parts) or NONE


def joined(values: Iterable[str]) -> str:
    """With commas, or ``<none>``."""
    return ",".join(values) or NONE


NAME: Final = Column("Name", lambda obj: obj["metadata"]["name"])
AGE: Final = Column("Age", lambda obj: age(obj["metadata"].get("creationTimestamp")))
CREATED: Final = Column("Created At", lambda obj: obj["metadata"].get("creationTimestamp"), type="date")
