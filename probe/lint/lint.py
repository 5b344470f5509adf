"""Manifests -> findings: every rule of the table, less what comments silence."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from probe.lint.context import Context
from probe.lint.finding import Finding, Found
from probe.lint.ignore import Ignores
from probe.lint.table import INVALID, RULES, UNKNOWN_IGNORE, Rule
from probe.manifests import ManifestObject, ManifestSet
from probe.model.errors import Location


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, by place, and what comments silenced."""

    findings: tuple[Finding, ...]
    ignored: tuple[Finding, ...] = ()


def lint(manifests: ManifestSet) -> Report:
    """Look at everything that could be read (``unreadable`` problems are the caller's to report)."""
    context, ignores, owners = Context.of(manifests), Ignores.of(manifests), _Owners.of(manifests)
    found = dict.fromkeys(_finding(rule, each, owners) for rule, each in _found(context, ignores))
    silenced = {each for each in found if ignores.silences(each, owners.at(each.location))}
    ordered = sorted(found, key=lambda finding: finding.order)
    return Report(
        tuple(each for each in ordered if each not in silenced), tuple(each for each in ordered if each in silenced)
    )


def _found(context: Context, ignores: Ignores) -> Iterator[tuple[Rule, Found]]:
    for problem in context.manifests.invalid:
        where = f"{problem.field}: " if problem.field not in ("", "document") else ""
        yield INVALID, Found(problem.location, f"{where}{problem.message}", problem.hint)
    for each in ignores.unknown():
        yield UNKNOWN_IGNORE, each
    for rule in RULES:
        for each in rule.check(context):
            yield rule, each


def _finding(rule: Rule, found: Found, owners: _Owners) -> Finding:
    owner = owners.at(found.location)
    subject = str(owner) if owner else ""
    return Finding(found.location, found.level or rule.level, rule.id, found.message, found.hint, subject)


@dataclass(frozen=True, slots=True)
class _Owners:
    """The objects of each file in order: a place belongs to the last one that begins before it."""

    by_file: dict[str, tuple[Sequence[Location], Sequence[ManifestObject]]] = field(default_factory=dict)

    @classmethod
    def of(cls, manifests: ManifestSet) -> _Owners:
        files: dict[str, list[ManifestObject]] = {}
        for each in manifests.objects:
            files.setdefault(each.place.document.file, []).append(each)
        ordered = {name: sorted(found, key=lambda each: each.place.location) for name, found in files.items()}
        return cls({name: ([each.place.location for each in found], found) for name, found in ordered.items()})

    def at(self, location: Location) -> ManifestObject | None:
        """The object at a place."""
        begins, objects = self.by_file.get(location.file, ((), ()))
        index = bisect_right(begins, location)
        return objects[index - 1] if index else None
