"""Words that are probably a slip for another one: labels are free text, so the test has to be a strict one."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONG = 8
_SHORT = 4
_NO_DIGIT = re.compile(r"[^0-9]+")


def slip_for(word: str, known: Iterable[str]) -> str | None:
    """The known word that differs by case alone, or by a letter (two in a long word); None if there is none, or if the
    word is known itself. Words that differ in digits are names of different things (``v1`` and ``v2``)."""
    words = set(known)
    if word in words:
        return None
    alike = [each for each in words if each.lower() == word.lower()]
    return min(alike or [each for each in words if _is_slip(word.lower(), each.lower())], default=None)


def _is_slip(word: str, other: str) -> bool:
    shorter = min(len(word), len(other))
    most = 2 if shorter >= _LONG else 1
    if shorter < _SHORT or abs(len(word) - len(other)) > most:  # mostly, and told at once
        return False
    return _NO_DIGIT.sub("", word) == _NO_DIGIT.sub("", other) and _distance(word, other) <= most


def _distance(one: str, other: str) -> int:
    """Letters to change, add, leave out, or swap with their neighbour (optimal string alignment)."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != wanted))
            swapped = row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted
            current.append(min(cost, before[column - 2] + 1) if swapped else cost)
        before, last = last, current
    return last[-1]
