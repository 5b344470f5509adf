"""A matrix as it is written -> its combinations of values, and the mistakes in it.

An axis is a list of values, or ``{pairs: [...]}`` for every two of them. A value is a word or number, which is its own
name, or a mapping with a ``name``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

from probe.model.errors import Problem
from probe.scenario.document import FieldPath, Place
from probe.scenario.suggest import suggest

MAX_COMBINATIONS: Final = 256
"""Of one matrix; as GitHub has it."""

EXCLUDE: Final = "exclude"
PAIRS: Final = "pairs"
_SIDES: Final = ("first", "second")
_AXIS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_NAME: Final = re.compile(r"[^\s,\[\]]+")


class NoSuchPart(Exception):
    """A reference to something that a value does not have; with a hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Part:
    """What a reference stands for. ``path``: where it is written; None: nowhere, as the name of a pair."""

    value: Any
    path: FieldPath | None


@dataclass(frozen=True, slots=True)
class Value:
    """A value of an axis, with its name and its path in the document."""

    name: str
    value: Any
    path: FieldPath
    pair: tuple[Value, ...] = ()

    def part(self, keys: Sequence[str]) -> Part:
        """What ``keys`` mean: nothing the value itself (a mapping without its name). Raises NoSuchPart."""
        if list(keys) == ["name"]:
            return Part(self.name, None)
        if self.pair:
            return self._of_pair(keys)
        if not keys and isinstance(self.value, dict):
            return Part({key: item for key, item in self.value.items() if key != "name"}, self.path)
        found = self.value
        for index, key in enumerate(keys):
            if not isinstance(found, dict) or key not in found:
                known = found if isinstance(found, dict) else ()
                inside = "".join(f" in {key}" for key in reversed(keys[:index]))
                raise NoSuchPart(f'"{self.name}" has no "{key}"{inside}', suggest(key, known))
            found = found[key]
        return Part(found, (*self.path, *keys))

    def _of_pair(self, keys: Sequence[str]) -> Part:
        if not keys or keys[0] not in _SIDES:
            raise NoSuchPart(f'"{self.name}" is a pair', "name one of the two: first, or second")
        return self.pair[_SIDES.index(keys[0])].part(keys[1:])


Combination: TypeAlias = Mapping[str, Value]
"""A value for each axis, by the axis' name."""


def suffix_of(combination: Combination) -> str:
    """The combination for people, behind a name: ``[ingress,all-pods]``; nothing without a matrix."""
    return f"[{','.join(value.name for value in combination.values())}]" if combination else ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The combinations, in the order of the axes and values; at least one.

    ``broken`` axes have no value; ``unreadable``: who knows which axes there should be.
    """

    place: Place
    axes: Mapping[str, Sequence[Value]]
    combinations: tuple[Combination, ...]
    broken: frozenset[str] = frozenset()
    unreadable: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The names of all axes."""
        return frozenset(self.axes) | self.broken


def names_of(written: Any) -> frozenset[str]:
    """The axes of a matrix that was not read yet."""
    return frozenset(key for key in written if key != EXCLUDE) if isinstance(written, dict) else frozenset()


def read_matrix(written: Any, place: Place, problems: list[Problem]) -> Matrix:
    """Read a matrix; what is wrong is left out, and reported."""
    if not isinstance(written, dict) or not names_of(written):
        wrong = "is an empty matrix" if isinstance(written, dict) else "must be a mapping of names to lists of values"
        problems.append(place.problem(wrong, "write NAME: [value, value]"))
        return Matrix(place, {}, ({},), unreadable=True)
    read = {name: _axis(name, written[name], place.child(name), problems) for name in written if name != EXCLUDE}
    axes = {name: values for name, values in read.items() if values}
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MAX_COMBINATIONS:
        message = f"makes {count:,} combinations, and {MAX_COMBINATIONS} are the most"
        problems.append(place.key_problem(message, "make several scenarios or steps of it"))
        axes = {name: values[:1] for name, values in axes.items()}
    combinations: tuple[Combination, ...] = tuple(
        dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())
    )
    broken = frozenset(read.keys() - axes.keys())
    if count <= MAX_COMBINATIONS and not broken:
        combinations = _without_excluded(written.get(EXCLUDE), combinations, place.child(EXCLUDE), problems)
    return Matrix(place, axes, combinations, broken)


# --- axes and their values -----------------------------------------------------------------------------------------


def _axis(name: str, written: Any, place: Place, problems: list[Problem]) -> list[Value]:
    if name == "include":
        hint = "write the values out, and leave combinations out with exclude"
        problems.append(place.key_problem("a matrix has no include here", hint))
        return []
    if not _AXIS.fullmatch(name):
        problems.append(place.key_problem(f'"{name}" cannot be the name of an axis', "letters, digits, _ and -"))
        return []
    if isinstance(written, dict) and set(written) == {PAIRS}:
        singles = list(_values(written[PAIRS], place.child(PAIRS), problems))
        if len(singles) == 1:
            problems.append(place.child(PAIRS).problem("one value makes no pair"))
        return [_pair(*two) for two in itertools.combinations(singles, 2)]
    return list(_values(written, place, problems))


def _pair(first: Value, second: Value) -> Value:
    return Value(f"{first.name}+{second.name}", None, first.path, (first, second))


def _values(written: Any, place: Place, problems: list[Problem]) -> Iterator[Value]:
    if not isinstance(written, list) or not written:
        wrong = "must not be empty" if written == [] else "must be a list of values, or {pairs: [value, value, ...]}"
        problems.append(place.problem(wrong))
        return
    seen: dict[str, Place] = {}
    for index, item in enumerate(written):
        at = place.child(index)
        name = _name(item, at, problems)
        if name is None:
            continue
        if name in seen:
            hint = f"the other one is at {seen[name].location}"
            problems.append(at.problem(f'two values are called "{name}"', hint))
            continue
        seen[name] = at
        yield Value(name, item, at.path)


def _name(item: Any, place: Place, problems: list[Problem]) -> str | None:
    if isinstance(item, dict) and "name" not in item:
        problems.append(place.problem("a value that is a mapping needs a name", "add name: NAME"))
        return None
    if isinstance(item, list) or item is None:
        what = "a list" if isinstance(item, list) else "nothing"
        problems.append(place.problem(f"a value cannot be {what}", "write {name: NAME, KEY: ...}"))
        return None
    name = item["name"] if isinstance(item, dict) else item
    text = text_of(name)
    if text is None or not text.isprintable() or not _NAME.fullmatch(text):
        hint = "no spaces, commas or brackets" if isinstance(item, dict) else "write {name: NAME, KEY: ...}"
        at = place.child("name") if isinstance(item, dict) else place
        problems.append(at.problem("cannot be a value's name", hint))
        return None
    return text


def text_of(value: Any) -> str | None:
    """A word, number or truth value as text; None for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


# --- exclude -------------------------------------------------------------------------------------------------------


def _without_excluded(
    written: Any, combinations: tuple[Combination, ...], place: Place, problems: list[Problem]
) -> tuple[Combination, ...]:
    if written is None:
        return combinations
    if not isinstance(written, list) or not all(isinstance(item, dict) and item for item in written):
        problems.append(place.problem("must be a list of mappings", "write - {NAME: value, NAME: value}"))
        return combinations
    left = combinations
    for index, patterns in enumerate(written):
        at = place.child(index)
        unknown = [name for name in patterns if name not in combinations[0]]
        for name in unknown:
            message = f'the matrix has no "{name}"'
            problems.append(at.child(name).key_problem(message, suggest(name, combinations[0])))
        if unknown:
            continue
        if not any(_matches(patterns, each) for each in combinations):
            problems.append(at.problem("excludes nothing", _hint(patterns, combinations)))
        left = tuple(each for each in left if not _matches(patterns, each))
    if not left:
        problems.append(place.key_problem("excludes every combination"))
    return left or combinations[:1]


def _matches(patterns: Mapping[str, Any], combination: Combination) -> bool:
    return all(fnmatchcase(combination[name].name, text_of(pattern) or "") for name, pattern in patterns.items())


def _hint(patterns: Mapping[str, Any], combinations: Sequence[Combination]) -> str:
    """What the first pattern that no value has may have meant."""
    for name, pattern in patterns.items():
        names = {each[name].name for each in combinations}
        text = text_of(pattern) or ""
        if not any(fnmatchcase(each, text) for each in names):
            return suggest(text, names)
    return ""
