"""The journal: every event of a run as a line of JSON, appended and flushed as it happens.

A run whose orchestrator is killed has lost nothing that it measured: the events up to that moment are there, and
every report can be drawn from them. A line is one event, ``{"at": <RFC 3339>, "event": <name>, ...}`` with camelCase
fields; each run begins with a header line. A file may hold several runs, one after the other.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import GenericAlias, TracebackType
from typing import Any, TextIO, get_args

from pydantic import TypeAdapter, ValidationError

from probe import __version__
from probe.model.errors import CniProbeError, UsageError
from probe.model.events import Event, RoundDone, RunDone, SeenAttempt, StepDone
from probe.report.document import CONFIG
from probe.report.filling import filled
from probe.report.run_record import cell_json

JOURNAL_API_VERSION = "cni-probe/v2"
_READABLE = (JOURNAL_API_VERSION, "cni-probe/v1")
"""In the second version events name their scenario, since scenarios run side by side; in the first they do not."""
JOURNAL_KIND = "RunJournal"
_LASTING = (StepDone, RunDone)
"""Events after which the file is brought to the disk, not only to the system."""

_EVENTS: dict[str, type[Any]] = {each.__name__: each for each in get_args(Event)}
_TYPES = {**_EVENTS, SeenAttempt.__name__: SeenAttempt}


@cache
def _adapter(name: str) -> TypeAdapter[tuple[Any]]:
    # A tuple, because pydantic takes no configuration for a plain dataclass at the top.
    one: Any = GenericAlias(tuple, (_TYPES[name],))
    return TypeAdapter(one, config=CONFIG)


def _plain(value: Any) -> dict[str, Any]:
    (data,) = _adapter(type(value).__name__).dump_python((value,), mode="json", by_alias=True)
    return dict(data)


class Journal:
    """Appends to a journal file. Use as a context manager; raises UsageError when the file cannot be appended to."""

    def __init__(self, path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._now = now
        self._stream: TextIO | None = None

    def __enter__(self) -> Journal:
        header = {"apiVersion": JOURNAL_API_VERSION, "kind": JOURNAL_KIND, "tool": f"cni-probe {__version__}"}
        try:
            torn = _ends_torn(self._path)
            self._stream = self._path.open("a", encoding="ascii")
            if self._path.is_file():
                _take(self._stream)
            self._write(header, lasting=False, torn=torn)
        except BlockingIOError:
            self._close()
            raise UsageError(f"--journal: another run writes to {self._path}; give each a file of its own") from None
        except OSError as error:
            self._close()
            raise UsageError(f"--journal: cannot append to {self._path}: {error.strerror or error}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError):  # what could not be written is in its buffer still, and has been told
                stream.close()

    def see(self, event: Event) -> None:
        """Append an event. Raises CniProbeError, once, when that fails; later events are let go."""
        if self._stream is None:
            return
        outline, key, items = _without_items(event)
        data = {"event": type(event).__name__, **_plain(outline)}
        try:
            self._write(data, lasting=isinstance(event, _LASTING), key=key, items=items)
        except OSError as error:
            self._close()
            raise CniProbeError(f"the journal {self._path} ends here: {error.strerror or error}") from error

    def _write(
        self, data: dict[str, Any], *, lasting: bool, torn: bool = False, key: str = "", items: Iterable[str] = ()
    ) -> None:
        assert self._stream is not None
        line = json.dumps({"at": self._now().isoformat(timespec="milliseconds"), **data})
        self._stream.write("\n" * torn)
        self._stream.writelines(filled(line, key, [items]) if key else [line])
        self._stream.write("\n")
        self._stream.flush()
        if lasting and self._path.is_file():
            os.fsync(self._stream.fileno())


def _without_items(event: Event) -> tuple[Event, str, Iterator[str]]:
    """An event without its long list, the list's key, and its items as JSON: there may be a hundred thousand."""
    if isinstance(event, StepDone):
        cells = event.record.cells
        return replace(event, record=replace(event.record, cells=[])), "cells", map(cell_json, cells)
    if isinstance(event, RoundDone):
        return replace(event, seen=()), "seen", (json.dumps(_plain(each)) for each in event.seen)
    return event, "", iter(())


def _take(stream: TextIO) -> None:
    """Have the file for ourselves until it is closed: the lines of two runs at once could not be told apart.

    Raises BlockingIOError when another run has it. Files that cannot be locked (some network file systems) are shared.
    """
    try:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass


def _ends_torn(path: Path) -> bool:
    """Whether an earlier run was killed in the middle of its last line."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read() != b"\n"


@dataclass(frozen=True, slots=True)
class JournaledRun:
    """One run of a journal. ``last`` is when its last event happened, ``ended`` whether that was the run's own end."""

    tool: str
    events: tuple[Event, ...]
    last: datetime
    ended: bool


def read_journal(path: Path) -> list[JournaledRun]:
    """The runs of a journal, in order. A last line of a run that was torn by a crash is left out.

    Raises UsageError naming the line of anything else that is no event.
    """
    runs: list[_Reading] = []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        entry = _parse(line)
        if entry is None:
            following = _parse(lines[number]) if number < len(lines) else None
            if number == len(lines) or (following is not None and following.get("kind") == JOURNAL_KIND):
                continue  # torn: the process died while it wrote
            raise UsageError(f"{path}:{number}: not a line of a journal: {line[:60]!r}")
        if "kind" in entry:
            runs.append(_Reading(path, number, entry))
        elif not runs:
            raise UsageError(f"{path}:{number}: a journal begins with a line of kind {JOURNAL_KIND}")
        else:
            runs[-1].take(number, entry)
    return [run.done() for run in runs]


def is_journal(path: Path) -> bool:
    """Whether the file begins as a journal does. Raises OSError."""
    with path.open(encoding="utf-8", errors="replace") as stream:
        first = next((line for line in stream if line.strip()), "")
    entry = _parse(first)
    return entry is not None and entry.get("kind") == JOURNAL_KIND


class _Reading:
    """A run while its lines are read."""

    def __init__(self, path: Path, number: int, header: dict[str, Any]) -> None:
        found = header.get("apiVersion"), header.get("kind")
        if found not in [(version, JOURNAL_KIND) for version in _READABLE]:
            wanted = f"{' or '.join(_READABLE)} {JOURNAL_KIND}"
            raise UsageError(f"{path}:{number}: expected {wanted}, found {found[0]} {found[1]}")
        self._path = path
        self._tool = str(header.get("tool", "cni-probe"))
        self._events: list[Event] = []
        self._last = _time(path, number, header)

    def take(self, number: int, entry: dict[str, Any]) -> None:
        self._last = _time(self._path, number, entry)
        name = str(entry.get("event"))
        if name not in _EVENTS:
            raise UsageError(f"{self._path}:{number}: unknown event {name!r}")
        data = {key: value for key, value in entry.items() if key not in ("at", "event")}
        try:
            (event,) = _adapter(name).validate_python((data,))
        except ValidationError as error:
            raise UsageError(f"{self._path}:{number}: not a valid {name}: {error.errors()[0]['msg']}") from None
        self._events.append(event)

    def done(self) -> JournaledRun:
        ended = bool(self._events) and isinstance(self._events[-1], RunDone)
        return JournaledRun(self._tool, tuple(self._events), self._last, ended)


def _parse(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _time(path: Path, number: int, entry: dict[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(entry["at"]))
    except (KeyError, ValueError):
        raise UsageError(f"{path}:{number}: no time in `at`") from None
