"""Where progress is shown: lines for a log, or a living block at the end of a terminal below what lasts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol, TextIO

from probe.report.text import plural, shortened


class Screen(Protocol):
    """Something that shows lines and a status."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Leave nothing of the status behind."""

    def line(self, text: str, lasting: bool) -> None:
        """Something that happened; ``lasting``: worth a line even beside a status."""

    def status(self, lines: Sequence[str]) -> None:
        """What goes on: in short first, then what goes on side by side."""


def screen_for(stream: TextIO, *, quiet: bool, live: bool | None = None) -> Screen:
    """A living block where the stream is a terminal that can move its cursor (or ``live`` says so), else lines."""
    capable = stream.isatty() and os.environ.get("TERM") != "dumb"
    return Live(stream) if not quiet and (capable if live is None else live) else Plain(stream, quiet)


class Plain:
    """Lines only, one a phase: for logs. Quiet: only problems and what failed."""

    def __init__(self, stream: TextIO, quiet: bool) -> None:
        self._stream = stream
        self._quiet = quiet

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def line(self, text: str, lasting: bool) -> None:
        if lasting or not self._quiet:
            encoding = self._stream.encoding or "utf-8"
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
            self._stream.flush()

    def status(self, lines: Sequence[str]) -> None:
        pass


class Live:
    """A spinner with the status; lasting lines scroll above it.

    No line of the status is ever wider than the terminal, nor are there more than fit: what wraps or scrolls cannot be
    taken back.
    """

    def __init__(self, stream: TextIO) -> None:
        # Imported here: only a terminal needs rich, and --help must not wait for it.
        from rich.console import Console
        from rich.live import Live as Block
        from rich.spinner import Spinner

        self._console = Console(file=stream, force_terminal=True, highlight=False, markup=False)
        self._spinner = Spinner("dots" if self._console.encoding.startswith("utf") else "line")
        # stdout stays what it is, whoever prints there; stderr is shared, so that its lines go above the block.
        self._block = Block(self._spinner, console=self._console, transient=True, redirect_stdout=False)

    def start(self) -> None:
        self._block.start()

    def stop(self) -> None:
        self._block.stop()

    def line(self, text: str, lasting: bool) -> None:
        if lasting:
            self._console.print(text, style="yellow", soft_wrap=True)

    def status(self, lines: Sequence[str]) -> None:
        from rich.console import Group
        from rich.text import Text

        shown = fitting(lines, self._console.width - 4, self._console.height - 3)
        texts = [Text(text, no_wrap=True, overflow="crop") for text in shown]
        self._spinner.update(text=texts[0] if texts else "")
        indented = (Text.assemble("  ", text, no_wrap=True, overflow="crop") for text in texts[1:])
        self._block.update(Group(self._spinner, *indented))


def fitting(lines: Sequence[str], width: int, height: int) -> list[str]:
    """The lines within a width, and as many of them as there is room for: then the last one counts the others."""
    room = max(height, 1)
    shown = list(lines if len(lines) <= room else lines[: room - 1])
    if left := len(lines) - len(shown):
        shown.append(f"and {plural(left, 'more', 'more')}")
    return [shortened(line, max(width, 20)) for line in shown]
