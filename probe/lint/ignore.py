"""Comments that silence rules: ``# cni-probe: ignore`` for all, ``# cni-probe: ignore=RULE,RULE`` for some.

In the line of a finding or alone in the line above it, they silence that finding; in the first line of an object or
alone in the line above that, whatever is found in the object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from probe.lint.finding import Finding, Found
from probe.lint.table import BY_ID
from probe.manifests import ManifestObject, ManifestSet
from probe.model.errors import Location
from probe.scenario.suggest import suggest

_COMMENT: Final = re.compile(r"#\s*cni-probe:\s*ignore(?:\s*=\s*(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*))?\s*$")
_EVERY: Final[frozenset[str]] = frozenset(BY_ID)


@dataclass(frozen=True, slots=True)
class _Comment:
    rules: frozenset[str]
    alone: bool
    column: int


@dataclass(frozen=True, slots=True)
class Ignores:
    """The comments of all files, by file and line."""

    comments: Mapping[tuple[str, int], _Comment]

    @classmethod
    def of(cls, manifests: ManifestSet) -> Ignores:
        """Those of the files that were read."""
        found = {
            (file, number): comment
            for file, text in manifests.texts.items()
            for number, line in enumerate(text.splitlines(), 1)
            if (comment := _comment(line))
        }
        return cls(found)

    def silences(self, finding: Finding, owner: ManifestObject | None) -> bool:
        """Whether a comment is about the finding; ``owner`` is the object that it is in."""
        places = [finding.location] + ([owner.place.location] if owner else [])
        return any(self._silenced_at(place, finding.rule) for place in places)

    def _silenced_at(self, place: Location, rule: str) -> bool:
        here = self.comments.get((place.file, place.line))
        above = self.comments.get((place.file, place.line - 1))
        return bool(here and rule in here.rules) or bool(above and above.alone and rule in above.rules)

    def unknown(self) -> Iterator[Found]:
        """Comments that name rules that there are not."""
        for (file, line), comment in self.comments.items():
            for name in sorted(comment.rules - _EVERY):
                yield Found(Location(file, line, comment.column), f'there is no rule "{name}"', suggest(name, BY_ID))


def _comment(line: str) -> _Comment | None:
    match = _COMMENT.search(line)
    if match is None:
        return None
    named = match["rules"]
    rules = frozenset(name.strip() for name in named.split(",")) if named else _EVERY
    return _Comment(rules, alone=not line[: match.start()].strip(), column=match.start() + 1)
