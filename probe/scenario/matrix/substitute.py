"""Parts of a document copied, with values of a matrix where ``${{ matrix.NAME }}`` stands, and with their places.

A reference that is a whole value becomes what it stands for, of whatever structure; a list where an item of a list
stands becomes items of that list. Within a longer text, or in a key, it becomes text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn

from probe.model.errors import Location, Problem
from probe.scenario.document import Document, FieldPath
from probe.scenario.format.strict import DROPPED
from probe.scenario.matrix.values import Combination, NoSuchPart, Part, text_of
from probe.scenario.suggest import suggest

MAX_VALUES: Final = 100_000
"""All that the matrices of a document may expand to, in values (a mapping of two words has three)."""

_REFERENCE: Final = re.compile(r"\$\{\{ *matrix\.([A-Za-z_][A-Za-z0-9_-]*)((?:\.[A-Za-z0-9_-]+)*) *\}\}")
_ATTEMPT: Final = re.compile(r"\$\{\{.*?\}\}|\$\{\{|\$\{ *matrix\b.*?\}", re.DOTALL)
_HOW: Final = "write ${{ matrix.NAME }}, or ${{ matrix.NAME.KEY }}"


class TooMuch(Exception):
    """The matrices expand to more than ``MAX_VALUES``."""


@dataclass(slots=True)
class Budget:
    """How many values may still be made."""

    left: int = MAX_VALUES

    def spend(self) -> None:
        """One more value. Raises TooMuch."""
        self.left -= 1
        if self.left < 0:
            raise TooMuch


@dataclass(frozen=True, slots=True)
class Scope:
    """What references mean. Those to the axes of ``later`` stay.

    What refers to ``broken`` axes is taken out without a word; if ``unreadable``, also what refers to unknown ones.
    ``hint``: why there is nothing to refer to, if so.
    """

    combination: Combination = field(default_factory=dict)
    later: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    unreadable: bool = False
    hint: str = "there is no matrix: it stands in spec, or in a step"


class _Gone(Exception):
    """A reference has no meaning; that was reported."""


@dataclass(slots=True)
class Copy:
    """Copies parts of ``document`` to paths of a new one, and notes where they were written.

    ``used``: the axes that were referred to. ``damage``: the new paths of what was taken out.
    """

    document: Document
    problems: list[Problem]
    budget: Budget
    used: set[str] = field(default_factory=set)
    damage: set[FieldPath] = field(default_factory=set)
    keys: dict[FieldPath, Location] = field(default_factory=dict)
    values: dict[FieldPath, Location] = field(default_factory=dict)
    literals: dict[FieldPath, Location] = field(default_factory=dict)
    written: dict[FieldPath, FieldPath] = field(default_factory=dict)

    def finished(self, value: Any) -> Document:
        """The new document."""
        return replace(
            self.document,
            value=value,
            keys=self.keys,
            values=self.values,
            literals=self.literals,
            written=self.written,
        )

    def copy(self, value: Any, source: FieldPath, target: FieldPath, scope: Scope) -> Any:
        """The value, which was written at ``source``, for ``target``; DROPPED when nothing is left of it."""
        try:
            return self._copy(value, source, target, scope)
        except _Gone:
            self.damage.add(target)
            return DROPPED

    def note(self, source: FieldPath, target: FieldPath, *, key: bool = True) -> None:
        """What is at ``target`` was written at ``source``. ``key``: its key too."""
        marks = [(self.values, self.document.values), (self.literals, self.document.literals)]
        for new, old in [*marks, (self.keys, self.document.keys)] if key else marks:
            if source in old:
                new[target] = old[source]
        if source != target:
            self.written[target] = self.document.written_at(source)
        elif source in self.document.written:
            self.written[target] = self.document.written[source]

    def _copy(self, value: Any, source: FieldPath, target: FieldPath, scope: Scope) -> Any:
        self.budget.spend()
        self.note(source, target)
        if isinstance(value, dict):
            return self._mapping(value, source, target, scope)
        if isinstance(value, list):
            return self._list(value, source, target, scope)
        if isinstance(value, str) and "${" in value:
            part = self._whole(value, source, scope)
            return self._put(part, source, target) if part else self._text(value, source, scope)
        return value

    def _mapping(self, value: Mapping[str, Any], source: FieldPath, target: FieldPath, scope: Scope) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in value.items():
            at = (*source, key)
            try:
                name = self._text(key, at, scope, key=True) if "${" in key else key
            except _Gone:
                self.damage.add(target)
                continue
            if name in result:
                self.problems.append(self.document.root.child(*at).key_problem(f'"{name}" stands here twice'))
                continue
            copied = self.copy(item, at, (*target, name), scope)
            if copied is not DROPPED:
                result[name] = copied
        return result

    def _list(self, value: Sequence[Any], source: FieldPath, target: FieldPath, scope: Scope) -> list[Any]:
        result: list[Any] = []
        for index, item in enumerate(value):
            at = (*source, index)
            try:
                part = self._whole(item, at, scope) if isinstance(item, str) and "${" in item else None
            except _Gone:
                part = None
                self.damage.add((*target, len(result)))
                item = DROPPED
            if part and isinstance(part.value, list) and part.path is not None:
                for number, each in enumerate(part.value):
                    result.append(self.copy(each, (*part.path, number), (*target, len(result)), _NONE))
            else:
                result.append(self.copy(item, at, (*target, len(result)), scope))
        return result

    def _put(self, part: Part, source: FieldPath, target: FieldPath) -> Any:
        """What a reference stands for; its key is where the reference is."""
        if part.path is None:
            return part.value
        copied = self._copy(part.value, part.path, target, _NONE)
        if source in self.document.keys:
            self.keys[target] = self.document.keys[source]
        return copied

    # --- references ------------------------------------------------------------------------------------------------

    def _whole(self, text: str, at: FieldPath, scope: Scope) -> Part | None:
        """What a text that is nothing but a reference stands for. Raises _Gone."""
        match = _REFERENCE.fullmatch(text.strip())
        return None if match is None or match[1] in scope.later else self._part(match, at, scope)

    def _text(self, text: str, at: FieldPath, scope: Scope, *, key: bool = False) -> str:
        """A text with the references in it as text. Raises _Gone."""
        return "".join(self._pieces(text, at, scope, key))

    def _pieces(self, text: str, at: FieldPath, scope: Scope, key: bool) -> Iterator[str]:
        end = 0
        for attempt in _ATTEMPT.finditer(text):
            yield text[end : attempt.start()]
            end = attempt.end()
            match = _REFERENCE.fullmatch(attempt[0])
            if match is None:
                self._report(at, f"{attempt[0]} is not understood", _HOW, key=key)
            if match[1] in scope.later:
                yield attempt[0]
                continue
            piece = text_of(self._part(match, at, scope, key=key).value)
            if piece is None:
                what = "a key" if key else "a text"
                self._report(at, f"{attempt[0]} is no word or number, and cannot stand in {what}", key=key)
            yield piece
        yield text[end:]

    def _part(self, match: re.Match[str], at: FieldPath, scope: Scope, *, key: bool = False) -> Part:
        axis, keys = match[1], match[2].split(".")[1:]
        self.used.add(axis)
        if axis in scope.broken or (scope.unreadable and axis not in scope.combination):
            raise _Gone
        if axis not in scope.combination:
            known = {*scope.combination, *scope.later, *scope.broken}
            hint = suggest(axis, known) if known else scope.hint
            self._report(at, f'unknown "matrix.{axis}"', hint, key=key)
        try:
            return scope.combination[axis].part(keys)
        except NoSuchPart as error:
            self._report(at, f"{match[0]}: {error}", error.hint, key=key)

    def _report(self, at: FieldPath, message: str, hint: str = "", *, key: bool) -> NoReturn:
        place = self.document.root.child(*at)
        problem = place.key_problem(message, hint) if key else place.problem(message, hint)
        if (problem.location, problem.field) not in ((other.location, other.field) for other in self.problems):
            self.problems.append(problem)  # of other combinations, it is told of the first one
        raise _Gone


_NONE: Final = Scope(hint="a value of a matrix cannot refer to that matrix")
