"""A run's results in the size of one Kubernetes object: all of it, all of it compressed, or what matters most.

A ConfigMap holds at most 1 MiB (ConfigMap.data). What was left out is said in it, so that nobody takes a part for the
whole.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from probe.model.cell import Verdict
from probe.model.record import RunRecord, ScenarioRecord, StepRecord
from probe.report.render import RenderOptions
from probe.report.run_record import pieces
from probe.report.summary import summary_lines

MAX_BYTES = 1_000_000
"""Somewhat less than 1 MiB: names, labels and managed fields count as well."""
RECORD = "run.json"
COMPRESSED = "run.json.gz"
_WIDTH = 100
PART = "not-passed.json.gz"


@dataclass(frozen=True, slots=True)
class Parcel:
    """Contents by name: ``text`` as it is, ``binary`` to be encoded by whoever sends it."""

    text: Mapping[str, str]
    binary: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all contents."""
        return sum(len(value.encode()) for value in self.text.values()) + sum(map(len, self.binary.values()))


def pack(record: RunRecord, limit: int = MAX_BYTES) -> Parcel:
    """The first of these that fits into ``limit`` bytes: the record; the same compressed; its cells that did not pass.

    Counts and summary are always in it.
    """
    told = {
        "exit-code": str(record.exit_code),
        "summary": "\n".join(summary_lines(record, RenderOptions(width=_WIDTH))) + "\n",
        "counts.json": json.dumps({verdict.value: count for verdict, count in record.counts.items()}),
    }
    options = RenderOptions()
    if (whole := _joined(pieces(record, options), limit)) is not None:
        plain = Parcel(told | {RECORD: whole, "contents": f"{RECORD}: the run record, complete"})
        if plain.size <= limit:
            return plain
    if (packed := _zipped(pieces(record, options), limit)) is not None:
        compressed = Parcel(told | {"contents": f"{COMPRESSED}: the run record, complete, gzip"}, {COMPRESSED: packed})
        if compressed.size <= limit:
            return compressed
    if (part := _zipped(pieces(_not_passed(record), options), limit)) is not None:
        left_out = f"left out: {record.counts.get(Verdict.PASS, 0)} cells that passed, which do not fit into one object"
        partial = Parcel(told | {"contents": f"{PART}: the run record, gzip; {left_out}"}, {PART: part})
        if partial.size <= limit:
            return partial
    return Parcel(told | {"contents": "counts and summary alone: not even the cells that did not pass fit in here"})


def _joined(texts: Iterable[str], limit: int) -> str | None:
    """The texts as one, or None as soon as it is too long."""
    found, length = [], 0
    for text in texts:
        found.append(text)
        length += len(text)
        if length > limit:
            return None
    return "".join(found)


def _zipped(texts: Iterable[str], limit: int) -> bytes | None:
    """The texts as one, compressed, or None as soon as it is too long."""
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb", mtime=0) as stream:
        for text in texts:
            stream.write(text.encode())
            if target.tell() > limit:
                return None
    return target.getvalue()


def _not_passed(record: RunRecord) -> RunRecord:
    def step(each: StepRecord) -> StepRecord:
        return replace(each, cells=[cell for cell in each.cells if cell.verdict is not Verdict.PASS])

    def scenario(each: ScenarioRecord) -> ScenarioRecord:
        return replace(each, steps=[step(one) for one in each.steps])

    return replace(record, scenarios=[scenario(each) for each in record.scenarios])
