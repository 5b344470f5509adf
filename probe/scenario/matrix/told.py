"""Mistakes that several combinations of a matrix share are told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from probe.model.errors import Problem


def told_once(found: Sequence[tuple[str, Iterable[Problem]]], file: str) -> Iterator[Problem]:
    """The problems of all combinations, which come with their names.

    One that only some of them have says which, for the place alone does not tell. (In another file than the scenario's
    there is no matrix; such files are read for the first combination alone.)
    """
    having: dict[Problem, list[str]] = {}
    for name, problems in found:
        for problem in dict.fromkeys(problems):
            having.setdefault(problem, []).append(name)
    for problem, names in having.items():
        if len(names) == len(found) or problem.location.file != file:
            yield problem
        else:
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield replace(problem, message=f"{problem.message}, with {names[0]}{others}")
