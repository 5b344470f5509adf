"""What became of the failures that were known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class KnownFailureRecord:
    """An entry of a list of known failures, and what became of it: of ``steps`` that it is about ``matched`` cells, of
    which so many failed, passed, or could not be judged.

    ``entry`` is what it is about, ``place`` where it is written.
    """

    entry: str
    reason: str
    place: str = ""
    steps: int = 0
    matched: int = 0
    failed: int = 0
    passed: int = 0
    inconclusive: int = 0

    @property
    def is_outdated(self) -> bool:
        """Whether it passes now."""
        return bool(self.passed) and not self.failed and not self.inconclusive

    @property
    def is_unused(self) -> bool:
        """Whether what it is about was run, and it has no cell of that."""
        return bool(self.steps) and not self.matched
