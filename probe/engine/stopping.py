"""Stopping a run at its first failures: what has begun is finished and cleaned up, nothing more is begun."""

from __future__ import annotations

from collections.abc import Callable

from probe.model.events import Event, StepDone


class Stopping:
    """Counts the scenarios that failed. ``stop_after`` None: never stops."""

    def __init__(self, stop_after: int | None) -> None:
        self._stop_after = stop_after
        self._failed: list[set[str]] = []

    @property
    def is_due(self) -> bool:
        """Whether no further scenario is to be begun. A step that a later control cleared does not count any more."""
        return self._stop_after is not None and sum(map(bool, self._failed)) >= self._stop_after

    def watching(self, emit: Callable[[Event], None]) -> Callable[[Event], None]:
        """An ``emit`` for one run of a scenario."""
        if self._stop_after is None:
            return emit
        failed: set[str] = set()
        self._failed.append(failed)

        def see(event: Event) -> None:
            if isinstance(event, StepDone):
                record = event.record
                mismatch = any(cell.verdict.is_mismatch for cell in record.cells)
                (failed.add if mismatch else failed.discard)(record.name)
            emit(event)

        return see
