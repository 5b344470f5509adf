"""Choices among options, the simplest first, which is what hypothesis shrinks to.

Plain functions make everything by them; to have hypothesis compose strategies instead would be ten times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pick:
    """Choices. ``below`` gives a number from 0 on, less than its argument: hypothesis's, or ``randrange``."""

    below: Callable[[int], int]

    def one(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def yes(self, of: int = 2) -> bool:
        """True once in ``of`` times."""
        return self.below(of) == of - 1

    def many(self, make: Callable[[], T], *sizes: int) -> list[T]:
        """As many things as one of the sizes says."""
        return [make() for _ in range(self.one(sizes))]

    def distinct(self, options: Sequence[T], most: int) -> list[T]:
        """One to ``most`` different options."""
        return list(dict.fromkeys(self.many(lambda: self.one(options), *range(1, most + 1))))

    def labels(self, vocabulary: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """A value, or none, for each key."""
        chosen = {key: self.one((None, *values)) for key, values in vocabulary.items()}
        return {key: value for key, value in chosen.items() if value is not None}
