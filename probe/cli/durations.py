"""Durations on the command line: as in scenario files, ``2s``, ``500ms``, ``1.5m``, or a number of seconds."""

from __future__ import annotations

import argparse
import re

from probe.model.durations import NoDuration, duration

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """For argparse's ``type=``. Raises ArgumentTypeError."""
    try:
        return duration(text if text[-1:].isalpha() else float(text))
    except NoDuration as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 2s, 500ms or 1.5m") from None


def span(text: str) -> float:
    """The same for what may also be nothing, or last for hours: ``0``, ``2h``. Raises ArgumentTypeError."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write seconds, or 500ms, 1.5s, 10m, 2h")
    return float(match[1]) * _UNITS[match[2] or "s"]
