"""Which scenarios a run takes, and in which order: by tags and names, a shard of them, shuffled.

Tags are the labels of ``metadata``. Everything that is wrong with what was asked for is said at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from random import Random

from probe.model.errors import UsageError
from probe.model.plan import Plan
from probe.model.record import SelectionRecord
from probe.model.scenario import Scenario
from probe.scenario.plan import make_plan
from probe.scenario.suggest import suggest


@dataclass(frozen=True, slots=True)
class Choice:
    """What was asked for. ``tags`` are ``KEY`` or ``KEY=VALUE`` (a glob): of one key any may fit, of each key one must.

    ``include`` and ``exclude`` are regular expressions that are searched in names: any of ``include`` must be found (no
    one: all), none of ``exclude``. ``shard`` is (i, n): the i-th of n parts, from 1. ``shuffle`` seeds the order; None
    keeps that of the files.
    """

    tags: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    shard: tuple[int, int] | None = None
    shuffle: int | None = None

    @property
    def asked(self) -> list[str]:
        """The choice as it is written on a command line, shard and order aside."""
        given = (("--tag", self.tags), ("--include", self.include), ("--exclude", self.exclude))
        return [f"{option} {value}" for option, values in given for value in values]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a run takes, in its order, and how that came about."""

    scenarios: tuple[Scenario, ...]
    record: SelectionRecord


def select(
    scenarios: Sequence[Scenario], choice: Choice, refused: Callable[[Scenario], str] = lambda scenario: ""
) -> Selection:
    """Choose. ``refused`` says why a scenario that was asked for may not be run; empty: it may.

    Raises UsageError for regular expressions that are none, tags that no scenario has, and a choice of nothing.
    """
    fits = _filters(scenarios, choice)
    chosen = [scenario for scenario in scenarios if all(fit(scenario) for fit in fits)]
    left_out = {scenario.name: reason for scenario in chosen if (reason := refused(scenario))}
    taken = [scenario for scenario in chosen if scenario.name not in left_out]
    if choice.shard:
        taken = _shard(taken, *choice.shard)
    if choice.shuffle is not None:
        taken.sort(key=lambda scenario: scenario.name)  # so that the order of the files does not matter
        Random(choice.shuffle).shuffle(taken)
    if not taken:
        raise UsageError(_nothing(scenarios, choice, left_out))
    shard = f"{choice.shard[0]}/{choice.shard[1]}" if choice.shard else None
    record = SelectionRecord(len(scenarios), len(taken), choice.asked, shard, choice.shuffle, left_out)
    return Selection(tuple(taken), record)


def weight(plan: Plan) -> float:
    """About how many seconds a scenario takes on a cluster that enforces at once: a fleet, windows, and probes."""
    return least_seconds(plan.scenario) + sum(len(step.cells) for step in plan.steps) / 2000


def least_seconds(scenario: Scenario) -> float:
    """The same without its probes, for whoever has no plan yet."""
    races = sum(2 + step.start_race.seconds for step in scenario.steps if step.start_race)
    return 2.0 + races + 1.6 * len(scenario.steps)


# --- tags and names ------------------------------------------------------------------------------------------------


def _filters(scenarios: Sequence[Scenario], choice: Choice) -> list[Callable[[Scenario], bool]]:
    wrong: list[str] = []
    tags = _tags(scenarios, choice.tags, wrong)
    include = _patterns("--include", choice.include, wrong)
    exclude = _patterns("--exclude", choice.exclude, wrong)
    if wrong:
        raise UsageError("\n".join(wrong))
    return [
        lambda scenario: all(_has(scenario.labels, key, values) for key, values in tags.items()),
        lambda scenario: not include or any(pattern.search(scenario.name) for pattern in include),
        lambda scenario: not any(pattern.search(scenario.name) for pattern in exclude),
    ]


def _tags(scenarios: Sequence[Scenario], texts: Iterable[str], wrong: list[str]) -> dict[str, list[str]]:
    """Globs of values by key."""
    known: dict[str, set[str]] = {}
    for scenario in scenarios:
        for key, value in scenario.labels.items():
            known.setdefault(key, set()).add(value)
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if key not in known:
            homes = [f"{home}={key}" for home, values in known.items() if key in values]
            hint = f" (did you mean {homes[0]}?)" if homes else _hint(key, known)
            wrong.append(f'--tag {text}: no scenario has a label "{key}"{hint}')
        elif equals and not any(fnmatchcase(each, value) for each in known[key]):
            wrong.append(f"--tag {text}: no scenario has such a {key}{_hint(value, known[key])}")
        found.setdefault(key, []).append(value if equals else "*")
    return found


def _hint(word: str, known: Iterable[str]) -> str:
    hint = suggest(word, known)
    return f" ({hint})" if hint else ""


def _has(labels: Mapping[str, str], key: str, globs: Sequence[str]) -> bool:
    return key in labels and any(fnmatchcase(labels[key], glob) for glob in globs)


def _patterns(option: str, texts: Iterable[str], wrong: list[str]) -> list[re.Pattern[str]]:
    found = []
    for text in texts:
        try:
            found.append(re.compile(text))
        except re.error as error:
            wrong.append(f"{option} {text!r}: not a regular expression: {error}")
    return found


def _nothing(scenarios: Sequence[Scenario], choice: Choice, left_out: Mapping[str, str]) -> str:
    if left_out:
        return "\n".join(f"{name} was chosen, but {reason}" for name, reason in left_out.items())
    asked = [*choice.asked, *([f"--shard {choice.shard[0]}/{choice.shard[1]}"] if choice.shard else [])]
    return f"no scenario of {len(scenarios)} fits {' '.join(asked)}: a run of nothing proves nothing"


# --- shards --------------------------------------------------------------------------------------------------------


def parse_shard(text: str) -> tuple[int, int]:
    """``2/3`` -> (2, 3). Raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    index, parts = map(int, match.groups()) if match else (0, 0)
    if not 1 <= index <= parts:
        raise UsageError(f"--shard {text}: write I/N, the I-th of N parts, from 1/N to N/N")
    return index, parts


def _shard(scenarios: Sequence[Scenario], index: int, parts: int) -> list[Scenario]:
    """One of ``parts`` parts that together are all and share nothing, about as long as each other: the longest first,
    each to the part that has least. Depends on nothing but the scenarios, so that machines need not agree on anything.
    """
    loads, homes = [0.0] * parts, {}
    for seconds, scenario in sorted(_weighed(scenarios), key=lambda each: (-each[0], each[1].name)):
        home = loads.index(min(loads))
        loads[home] += seconds
        homes[scenario.name] = home
    return [scenario for scenario in scenarios if homes[scenario.name] == index - 1]


def _weighed(scenarios: Iterable[Scenario]) -> Iterator[tuple[float, Scenario]]:
    return ((weight(make_plan(scenario)), scenario) for scenario in scenarios)
