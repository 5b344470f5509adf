"""Many things were tried at once: one message that names every failure, with equal causes said once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from probe.cluster.apierrors import ApiError
from probe.cluster.refusals import refusal_text
from probe.model.errors import ClusterError

_NAMED = 5


def raise_failures(ids: Iterable[str], results: Iterable[object], what: str, kind: type[ClusterError]) -> None:
    """Raise ``kind`` if results (of ``gather(return_exceptions=True)``, in order of ``ids``) have ClusterErrors.

    ``what`` says it: "pods did not start". Causes that differ only in the thing's own name are equal. Other exceptions
    are raised as they are.
    """
    failed: dict[str, tuple[str, list[str]]] = {}
    total = 0
    for name, result in zip(ids, results, strict=True):
        total += 1
        if isinstance(result, ClusterError):
            text = refusal_text(result) if isinstance(result, ApiError) else str(result)
            failed.setdefault(_without_names(text, name), (text, []))[1].append(name)
        elif isinstance(result, BaseException):
            raise result
    if failed:
        causes = "; ".join(f"{some(names)}: {text}" for text, names in failed.values())
        raise kind(f"{sum(len(names) for _, names in failed.values())} of {total} {what}: {causes}")


def some(ids: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more


def _without_names(text: str, name: str) -> str:
    """The cause without the name of its own thing (``shop/web``) and of its namespace, by which causes are compared."""
    for part in sorted({name, *name.split("/")}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.]){re.escape(part)}(?![\w.])", "*", text)
    return text
