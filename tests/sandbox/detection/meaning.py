"""What a ruleset does, whatever its chains are called: two that mean the same compare equal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

from probe.sandbox.enforce.ruleset import Chain, Ruleset, digest

Meaning: TypeAlias = dict[str, str]
"""A digest of all that can come of a packet, by hook."""

_REFERENCE = re.compile(r"(?P<how>jump |goto |@)(?P<name>[A-Za-z0-9/.-]+)")


def meaning_of(ruleset: Ruleset) -> Meaning:
    """Names are replaced by what they stand for, jumps to nothing left out, and jumps in a row put in one order: the
    chains of policies only ever accept, so that theirs does not matter."""
    reader = _Reader(ruleset)
    return {f"{name} {chain.hook}": reader.chain(name) for name, chain in ruleset.chains.items() if chain.hook}


@dataclass(slots=True)
class _Reader:
    ruleset: Ruleset
    known: dict[str, str] = field(default_factory=dict)

    def chain(self, name: str) -> str:
        """The digest of a chain; empty if it has no rule that does anything."""
        if name not in self.known:
            self.known[name] = self._read(self.ruleset.chains[name])
        return self.known[name]

    def _read(self, chain: Chain) -> str:
        rules: list[str] = []
        for jumps, group in groupby(chain.rules, lambda rule: rule.startswith("jump ")):
            resolved = [self._resolved(rule) for rule in group]
            rules += sorted({rule for rule in resolved if rule != "jump "}) if jumps else resolved
        return digest(*rules) if rules else ""

    def _resolved(self, text: str) -> str:
        return _REFERENCE.sub(lambda match: match["how"] + self._content(match["name"], match["how"] == "@"), text)

    def _content(self, name: str, is_set: bool) -> str:
        if not is_set:
            return self.chain(name)
        if name in self.ruleset.maps:
            mapping = self.ruleset.maps[name]
            elements = (f"{key} : {self._resolved(verdict)}" for key, verdict in mapping.elements.items())
            return digest(mapping.type, *sorted(elements))
        kept = self.ruleset.sets[name]
        return digest(kept.type, *sorted(kept.elements))
