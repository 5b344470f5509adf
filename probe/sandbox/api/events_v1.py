"""events.k8s.io/v1: the core group's Events under other names of their fields."""

from __future__ import annotations

from typing import Final

from probe.sandbox.api.errors import bad_request
from probe.sandbox.store import Obj

GROUP: Final = "events.k8s.io"

_NAMES: Final = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_BACK: Final = {new: old for old, new in _NAMES.items()}


def from_core(event: Obj) -> Obj:
    """A core/v1 Event as one of this group."""
    return {_NAMES.get(key, key): value for key, value in event.items()} | {"apiVersion": f"{GROUP}/v1"}


def to_core(event: Obj) -> Obj:
    """An Event of this group as it is kept; what has no place there keeps its name, for decoding to complain about.

    Raises ApiError 400.
    """
    wanted = f"{GROUP}/v1"
    if (got := event.get("apiVersion", wanted)) != wanted:
        raise bad_request(f"the API version in the data ({got}) does not match the expected API version ({wanted})")
    return {_BACK.get(key, key): value for key, value in event.items()} | {"apiVersion": "v1"}
