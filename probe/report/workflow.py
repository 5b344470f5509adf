"""Commands to the runner of GitHub Actions within a step's log, and nothing else in it that it takes for one.

The runner looks for commands in all that a step prints: ``::error ...::`` at the beginning of a line, ``##[error]``
anywhere. What comes from a cluster or out of a scenario's file must not be one, so between ``::stop-commands::TOKEN``
and ``::TOKEN::`` none is taken; only where we say some, this is lifted for as long as it takes. All of it goes to one
stream, since the runner reads stdout and stderr side by side, each at its own pace.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from types import TracebackType
from typing import Self, TextIO

from probe.report.sinks import print_pieces


class Commands:
    """Context manager: within it the runner takes no commands but those that are said."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._token = ""

    def __enter__(self) -> Self:
        self._pause()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resume()

    def say(self, commands: Iterable[str]) -> None:
        """Print commands, each a line of its own, for the runner to take."""
        self._resume()
        print_pieces(commands, self._stream)
        self._pause()

    def _pause(self) -> None:
        self._token = secrets.token_hex(16)  # one that has stood in the log could be in what comes later
        print_pieces([f"::stop-commands::{self._token}\n"], self._stream)

    def _resume(self) -> None:
        print_pieces([f"::{self._token}::\n"], self._stream)
