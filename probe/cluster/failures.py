"""Many things were tried at once: one message that names every failure, with equal causes said once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probe.model.errors import ClusterError

_NAMED = 5


def raise_failures(ids: Iterable[str], results: Iterable[object], what: str, kind: type[ClusterError]) -> None:
    """Raise ``kind`` if results (of ``gather(return_exceptions=True)``, in order of ``ids``) have ClusterErrors.

    ``what`` says it: "pods did not start". Other exceptions are raised as they are.
    """
    failed: dict[str, list[str]] = {}
    total = 0
    for name, result in zip(ids, results, strict=True):
        total += 1
        if isinstance(result, ClusterError):
            failed.setdefault(str(result), []).append(name)
        elif isinstance(result, BaseException):
            raise result
    if failed:
        causes = "; ".join(f"{some(names)}: {cause}" for cause, names in failed.items())
        raise kind(f"{sum(map(len, failed.values()))} of {total} {what}: {causes}")


def some(ids: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return ", ".join(ids[:_NAMED]) + more
