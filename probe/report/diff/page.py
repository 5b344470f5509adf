"""A comparison as a page: the answer, what changed cell by cell, and the matrices of both runs side by side.

Needs no script: what is here is read once, from the top, and everything that changed is in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from probe.model.cell import ExitCode
from probe.model.record import CellRecord, RunRecord, cell_of
from probe.report.diff import words
from probe.report.diff.compare import CellChange, Change, Comparison
from probe.report.diff.match import Key, Seen, cells_by_key
from probe.report.html.answer import Count
from probe.report.html.page import document
from probe.report.html.spread import Spread, spread
from probe.report.latency import latencies
from probe.report.matrix import Matrix, matrices
from probe.report.summary import meaning
from probe.report.symbols import ABSENT, GLYPHS, OBSERVED_MEANINGS, WORST_FIRST, observed_symbol
from probe.report.text import moment, one_line, plural, safe
from probe.report.views import View, view_of, view_words

MAX_CELLS = 200
"""Cells of one kind of change in one step that the page lists; JSON has all."""
MAX_ENDS = 24
"""Rows and columns of a matrix that is shown whole; of a larger one only those that changed are."""
_TONES = {
    Change.REGRESSED: "bad",
    Change.UNPROVEN: "doubt",
    Change.UNSUPPORTED: "doubt",
    Change.UNDEFINED: "doubt",
    Change.STILL_FAILING: "bad",
    Change.FIXED: "good",
    Change.SAME: "good",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a matrix in one run: its symbols, the worst of them, and whether it is another in the other run."""

    symbols: str
    worst: str
    is_changed: bool

    @property
    def shown(self) -> str:
        """The symbols as pages draw them."""
        return "".join(GLYPHS.get(symbol, symbol) for symbol in self.symbols)


@dataclass(frozen=True, slots=True)
class Picture:
    """The matrices of a step in both runs, of one family and way. ``sides``: before and after, row by row."""

    title: str
    rows: list[str]
    columns: list[str]
    ports: list[str]
    sides: list[tuple[str, list[list[Place]]]]
    left_out: str


@dataclass(frozen=True, slots=True)
class StepView:
    """A step in which something changed."""

    title: str
    counts: list[Count]
    pictures: list[Picture]


@dataclass(frozen=True, slots=True)
class Listed:
    """What became of cells of one kind in one step. ``more``: so many are not shown."""

    place: str
    lines: list[tuple[str, list[str]]]
    more: int


@dataclass(frozen=True, slots=True)
class Group:
    """All cells of one kind of change."""

    title: str
    tone: str
    is_open: bool
    places: list[Listed]


@dataclass(frozen=True, slots=True)
class DiffView:
    """The page. ``told``: of the facts those that belong to the answer: which runs these are, and what is another."""

    word: str
    tone: str
    sentence: str
    meaning: str
    counts: list[Count]
    doubts: list[str]
    told: list[tuple[str, str, str, bool]]
    facts: list[tuple[str, str, str, bool]]
    groups: list[Group]
    steps: list[StepView]
    legend: list[tuple[str, str, str]]
    speeds: list[tuple[str, Spread | None, Spread | None]]
    slowdowns: list[str]


def pieces(found: Comparison, width: int) -> Iterator[str]:
    """The document, piece by piece."""
    yield from document("diff.html", diff=view(found))


def view(found: Comparison) -> DiffView:
    """Everything that the page says."""
    code = ExitCode(found.exit_code)
    word, tone = {ExitCode.PASSED: ("SAME", "good"), ExitCode.MISMATCH: ("WORSE", "bad")}.get(code, ("UNSURE", "doubt"))
    steps = list(_steps(found))
    symbols = "".join(place.symbols for step in steps for picture in step.pictures for _, side in picture.sides
                      for row in side for place in row)  # fmt: skip
    answer, runs, facts = words.answer(found), list(_runs(found)), list(_facts(found))
    return DiffView(
        word=word,
        tone=tone,
        sentence=safe(answer[:1].upper() + answer[1:]) + _first(found),
        meaning=f"exit code {int(code)}: {_MEANINGS.get(code) or meaning(code)}",
        counts=_counts(found.counts),
        doubts=[one_line(doubt) for doubt in found.doubts],
        told=[*runs[:2], *(fact for fact in facts if fact[-1])],
        facts=[*runs, *facts],
        groups=list(_groups(found)),
        steps=steps,
        legend=[
            (symbol, GLYPHS.get(symbol, symbol), meant)
            for symbol, meant in OBSERVED_MEANINGS.items()
            if symbol in symbols
        ],
        speeds=_speeds(found),
        slowdowns=[*(safe(words.latency_line(each, found.bound)) for each in found.slowdowns),
                   *([words.bound_line(found.bound)] if found.slowdowns else [])],
    )  # fmt: skip


def _first(found: Comparison) -> str:
    """The first regression, so that the answer is more than a number."""
    cells = [each for each in found.changes if each.change is Change.REGRESSED]
    if not cells:
        return ""
    verdict = cells[0].after.verdict if cells[0].after else ""
    more = f", and {len(cells) - 1} more" if len(cells) > 1 else ""
    return safe(f": {cells[0].key.cell} is {verdict} now{more}")


_MEANINGS = {
    ExitCode.PASSED: "nothing regressed",
    ExitCode.MISMATCH: "something regressed",
    ExitCode.HARNESS: "nothing regressed, but what was proven before is not now, or a run was not completed",
}


def _counts(counts: Mapping[Change, int]) -> list[Count]:
    return [Count(change.value, counts[change], _TONES.get(change, "plain")) for change in Change if counts.get(change)]


def _runs(found: Comparison) -> Iterator[tuple[str, str, str, bool]]:
    """Which runs these are; that these facts differ says nothing."""
    sides: Sequence[tuple[str, Callable[[RunRecord], str]]] = (
        ("run", lambda record: record.run),
        ("started", lambda record: moment(record.started)),
        ("API server", lambda record: record.cluster.server),
    )
    for name, of in sides:
        yield name, safe(of(found.before)), safe(of(found.after)), False


def _facts(found: Comparison) -> Iterator[tuple[str, str, str, bool]]:
    for fact in found.facts:
        yield safe(fact.name), safe(fact.before or "-"), safe(fact.after or "-"), fact.before != fact.after


def _groups(found: Comparison) -> Iterator[Group]:
    for change in Change:
        cells = [each for each in found.changes if each.change is change]
        if cells:
            places = [_listed(place, group) for place, group in words.grouped(cells)]
            title = f"{len(cells)} {words.TITLES[change]}"
            is_open = change in (Change.REGRESSED, Change.UNPROVEN)
            yield Group(title, _TONES.get(change, "plain"), is_open, places)


def _listed(place: str, cells: Sequence[CellChange]) -> Listed:
    lines = [(words.cell_line(each), words.reasons(each)) for each in cells[:MAX_CELLS]]
    return Listed(place, lines, len(cells) - len(lines))


# --- side by side --------------------------------------------------------------------------------------------------


def _steps(found: Comparison) -> Iterator[StepView]:
    """The steps in which something changed, in the order of the runs."""
    before, after = cells_by_key(found.before), cells_by_key(found.after)
    changes: dict[tuple[str, str], dict[Key, Change]] = {}
    for each in found.changes:
        changes.setdefault((each.key.scenario, each.key.step), {})[each.key] = each.change
    members: dict[tuple[str, str], list[Key]] = {step: [] for step in changes}
    for key in before | after:
        if (key.scenario, key.step) in members:
            members[key.scenario, key.step].append(key)
    for step, keys in members.items():
        counts = dict.fromkeys(Change, 0)
        for key in keys:
            counts[changes[step].get(key, Change.SAME)] += 1
        pictures = list(_pictures(step, keys, before, after, changes[step]))
        yield StepView(safe(": ".join(step)), _counts(counts), pictures)


def _pictures(
    step: tuple[str, str],
    keys: Sequence[Key],
    before: Mapping[Key, Seen],
    after: Mapping[Key, Seen],
    changes: Mapping[Key, Change],
) -> Iterator[Picture]:
    """One for each family and way that has a change."""
    views: dict[View, list[CellRecord]] = {}
    for key in keys:
        cell = (after.get(key) or before[key]).worst
        views.setdefault(view_of(cell), []).append(cell)

    def key_of(cell: CellRecord) -> Key:
        return Key(*step, cell_of(cell))

    def symbol_in(cells: Mapping[Key, Seen]) -> Callable[[CellRecord], str]:
        return lambda cell: observed_symbol(cells[key_of(cell)].worst) if key_of(cell) in cells else ABSENT

    for members in views.values():
        if any(key_of(cell) in changes for cell in members):
            (matrix,) = matrices(members)
            moved = {
                place
                for place, lanes in matrix.places.items()
                if any(key_of(cell) in changes for cell in lanes.values())
            }
            yield _picture(matrix, moved, symbol_in(before), symbol_in(after))


def _picture(
    matrix: Matrix,
    moved: set[tuple[str, str]],
    before: Callable[[CellRecord], str],
    after: Callable[[CellRecord], str],
) -> Picture:
    rows = _shown(matrix.rows, {row for row, _ in moved})
    columns = _shown(matrix.columns, {column for _, column in moved})
    left_out = ""
    if len(rows) < len(matrix.rows) or len(columns) < len(matrix.columns):
        left_out = (
            f"{len(rows)} of {plural(len(matrix.rows), 'source')}, {len(columns)} of "
            f"{plural(len(matrix.columns), 'destination')}: where something changed"
        )

    def side(symbol: Callable[[CellRecord], str]) -> list[list[Place]]:
        return [
            [_place(matrix.text(row, column, symbol), (row, column) in moved) for column in columns] for row in rows
        ]

    return Picture(
        title=view_words(matrix.views),
        rows=[safe(row) for row in rows],
        columns=[safe(column) for column in columns],
        ports=[f"{port}/{protocol}" for port, protocol in matrix.lanes],
        sides=[("before", side(before)), ("after", side(after))],
        left_out=left_out,
    )


def _shown(ends: Sequence[str], moved: set[str]) -> list[str]:
    return list(ends) if len(ends) <= MAX_ENDS else [end for end in ends if end in moved][:MAX_ENDS]


def _place(symbols: str, is_changed: bool) -> Place:
    worst = next((symbol for symbol in WORST_FIRST if symbol in symbols), symbols[:1])
    return Place(symbols, worst, is_changed)


def _speeds(found: Comparison) -> list[tuple[str, Spread | None, Spread | None]]:
    """The distributions of enforcement latency by kind of change, in both runs."""
    sides = [{each.kind: spread(each) for each in latencies(record)} for record in (found.before, found.after)]
    return [(safe(kind), *(side.get(kind) for side in sides)) for kind in sides[0] | sides[1]]  # type: ignore[misc]
