"""What a format has to know about the place that its text goes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from probe.model.record import RunRecord


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """``width`` in columns, whether ANSI colours are welcome, and the files that are written beside this text: path and
    format."""

    width: int = 80
    colour: bool = False
    files: tuple[tuple[str, str], ...] = ()


Renderer: TypeAlias = Callable[[RunRecord, RenderOptions], Iterator[str]]
"""Writes a report piece by piece, since that of a large run is large."""
