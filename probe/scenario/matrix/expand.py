"""A document with matrices -> the documents of its combinations: first of the scenario's matrix, then of the steps'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any, Final

from probe.model.errors import Problem
from probe.scenario.document import Document, FieldPath, Place
from probe.scenario.format.strict import DROPPED
from probe.scenario.matrix.substitute import MAX_VALUES, Budget, Copy, Scope, TooMuch
from probe.scenario.matrix.values import Combination, Matrix, names_of, read_matrix, suffix_of
from probe.scenario.suggest import near_miss

_SPEC: Final = "spec"
_STEPS: Final = "steps"
_MATRIX: Final = "matrix"


@dataclass(frozen=True, slots=True)
class Member:
    """One combination's document. ``suffix`` goes behind the scenario's name; ``damage``: what was taken out.

    ``steps``: for each step that a matrix made the step in the file that it was made of, and its combination.
    """

    document: Document
    suffix: str = ""
    damage: frozenset[FieldPath] = frozenset()
    steps: Mapping[int, tuple[int, str]] = field(default_factory=dict)


def expand(document: Document) -> tuple[tuple[Member, ...], tuple[Problem, ...]]:
    """The documents of all combinations (one without a matrix), and the mistakes in matrices and references.

    What a reference without a meaning should have been is taken out, so that the rest can still be checked.
    """
    if not isinstance(document.value, dict) or not isinstance(document.value.get(_SPEC), dict):
        return (Member(document),), ()
    problems: list[Problem] = []
    try:
        members = tuple(_expanded(document, problems))
    except TooMuch:
        message = f"the matrices expand to more than {MAX_VALUES:,} values"
        return (), (document.root.child(_SPEC).key_problem(message, "leave some out"),)
    return members, tuple(dict.fromkeys(problems))


def _expanded(document: Document, problems: list[Problem]) -> Iterator[Member]:
    budget, spec = Budget(), document.value[_SPEC]
    matrix = _matrix_of(spec, document.root.child(_SPEC), problems)
    problems += _named_by_matrix(document)
    problems += _named_twice(document, matrix)
    used: set[str] = set()
    for combination in matrix.combinations:
        copy = Copy(document, problems, budget)
        combined = copy.finished(_of_combination(document, _scope(matrix, combination), copy))
        used |= copy.used
        member = _with_steps(Member(combined, suffix_of(combination), frozenset(copy.damage)), problems, budget)
        _drop_torn_manifests(member)
        yield member
    problems += _unused(matrix, used)


def _of_combination(document: Document, scope: Scope, copy: Copy) -> dict[str, Any]:
    """The document with the values of the scenario's matrix; what is of the steps' own is left to them."""
    result: dict[str, Any] = copy.copy(_without_steps(document), (), (), scope)
    copied = []
    for index, step in enumerate(_steps(document)):
        path = (_SPEC, _STEPS, index)
        key = _matrix_key(step)
        own = names_of(step[key]) if key else frozenset()
        of_step = replace(
            scope, later=own - scope.combination.keys(), unreadable=scope.unreadable or bool(key and not own)
        )
        copied.append(copy.copy(step, path, path, of_step))
    return _put(copied, result, copy)


def _with_steps(member: Member, problems: list[Problem], budget: Budget) -> Member:
    """The member with a step for each combination of a step's matrix."""
    document = member.document
    if not any(map(_matrix_key, _steps(document))):
        return member
    copy = Copy(document, problems, budget)
    made: list[Any] = []
    origins: dict[int, tuple[int, str]] = {}
    damage = set(member.damage)
    for index, step in enumerate(_steps(document)):
        path: FieldPath = (_SPEC, _STEPS, index)
        below = [each[3:] for each in member.damage if each[:3] == path]
        damage -= {(*path, *rest) for rest in below}
        matrix = _matrix_of(step, document.root.child(*path), problems)
        if isinstance(step, dict):
            step = {key: item for key, item in step.items() if key != _MATRIX}
        copy.used.clear()
        for combination in matrix.combinations:
            at: FieldPath = (_SPEC, _STEPS, len(made))
            copied = copy.copy(step, path, at, _scope(matrix, combination))
            if combination:
                origins[len(made)] = index, suffix_of(combination)
            made.append(_named(copied, step, suffix_of(combination)))
            damage |= {(*at, *rest) for rest in below}
        problems += _unused(matrix, copy.used)
    result = _put(made, copy.copy(_without_steps(document), (), (), Scope()), copy)
    return Member(copy.finished(result), member.suffix, frozenset(damage | copy.damage), origins)


def _named(copied: Any, template: Any, suffix: str) -> Any:
    """A step with its combination behind its name, unless the name tells it itself."""
    name = copied.get("name") if isinstance(copied, dict) and suffix else None
    return copied | {"name": f"{name} {suffix}"} if isinstance(name, str) and name == template["name"] else copied


def _drop_torn_manifests(member: Member) -> None:
    """Take out manifests of which something was taken out: nobody else knows that they are not whole."""
    steps = _steps(member.document)
    for path in member.damage:
        match path:
            case ("spec", "steps", int(index), "apply", _, *_) if isinstance(steps[index].get("apply"), list):
                steps[index]["apply"][path[4]] = DROPPED
            case ("spec", "steps", int(index), "apply", *_):
                steps[index].pop("apply", None)


def _scope(matrix: Matrix, combination: Combination) -> Scope:
    return Scope(combination, broken=matrix.broken, unreadable=matrix.unreadable)


# --- steps apart from the rest -------------------------------------------------------------------------------------


def _matrix_key(value: Any) -> str | None:
    """The key of a specification's or step's matrix, also if it is misspelt; nothing behind the key is none."""
    if not isinstance(value, dict) or value.get(_MATRIX) is not None:
        return _MATRIX if isinstance(value, dict) else None
    return next((key for key in value if near_miss(key, [_MATRIX]) and isinstance(value[key], dict)), None)


def _matrix_of(value: Any, place: Place, problems: list[Problem]) -> Matrix:
    """The matrix of a specification or step; without one, that of a single combination of nothing."""
    key = _matrix_key(value)
    return read_matrix(value[key], place.child(key), problems) if key else Matrix(place, {}, ({},))


def _steps(document: Document) -> list[Any]:
    steps = document.value[_SPEC].get(_STEPS)
    return steps if isinstance(steps, list) else []


def _without_steps(document: Document) -> dict[str, Any]:
    """The document's value without its steps and its matrix."""
    apart = {_MATRIX, _STEPS} if _steps(document) else {_MATRIX}
    spec = {key: item for key, item in document.value[_SPEC].items() if key not in apart}
    return {**document.value, _SPEC: spec}


def _put(steps: list[Any], value: dict[str, Any], copy: Copy) -> dict[str, Any]:
    """The copied value with its steps."""
    if steps:
        value[_SPEC][_STEPS] = steps
        copy.note((_SPEC, _STEPS), (_SPEC, _STEPS))
    return value


# --- mistakes ------------------------------------------------------------------------------------------------------


def _unused(matrix: Matrix, used: Set[str]) -> Iterator[Problem]:
    for name in matrix.axes.keys() - used:
        hint = f"write ${{{{ matrix.{name} }}}} where its values belong"
        yield matrix.place.child(name).key_problem(f'nothing uses "{name}", so its combinations are all the same', hint)


def _named_twice(document: Document, matrix: Matrix) -> Iterator[Problem]:
    for index, step in enumerate(_steps(document)):
        if key := _matrix_key(step):
            for name in sorted(names_of(step[key]) & matrix.names):
                place = document.root.child(_SPEC, _STEPS, index, key, name)
                yield place.key_problem(f'the scenario\'s matrix has "{name}" as well', "give it another name")


def _named_by_matrix(document: Document) -> Iterator[Problem]:
    metadata = document.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if isinstance(name, str) and "${" in name:
        place = document.root.child("metadata", "name")
        yield place.problem("a scenario's name has no values in it", "its combination goes behind it by itself")
