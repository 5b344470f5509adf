"""Spans of time as scenario files and the command line spell them: ``1.5s``, ``500ms``, ``2m``, or a number of seconds.

On its own, so that commands which read no scenario do not import what reads scenarios.
"""

from __future__ import annotations

import re

_SPELT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_HOUR = 3600


class NoDuration(ValueError):
    """What was written is none; ``hint`` says what to write, if that is not plain."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def duration(value: str | float) -> float:
    """Seconds, more than none and at most an hour. Raises NoDuration."""
    if isinstance(value, str):
        match = _SPELT.fullmatch(value)
        if not match:
            raise NoDuration(f'"{value}" is not a duration', 'write seconds as a number, or "1.5s", "500ms", "2m"')
        value = float(match[1]) * _UNITS[match[2]]
    if not 0 < value <= _HOUR:
        raise NoDuration("must be more than zero and at most an hour")
    return float(value)
