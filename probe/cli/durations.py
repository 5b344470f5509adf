"""Durations on the command line: as in scenario files, ``2s``, ``500ms``, ``1.5m``, or a number of seconds."""

from __future__ import annotations

import argparse

from pydantic_core import PydanticCustomError

from probe.scenario.shorthand import duration


def seconds(text: str) -> float:
    """For argparse's ``type=``. Raises ArgumentTypeError."""
    try:
        found: float = duration(text if text[-1:].isalpha() else float(text))
    except PydanticCustomError as error:
        raise argparse.ArgumentTypeError(error.message()) from None
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 2s, 500ms or 1.5m") from None
    return found
