"""Label selectors (meta/v1 LabelSelector), as requirements that labels meet or do not."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Operator(enum.StrEnum):
    """LabelSelectorRequirement.operator."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on labels. ``NotIn`` is met by labels without the key as well; a value may be ``""``."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def is_met_by(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet the condition."""
        match self.operator:
            case Operator.IN:
                return self.key in labels and labels[self.key] in self.values
            case Operator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case Operator.IN if len(self.values) == 1:
                return f"{self.key}={self.values[0]}"
            case Operator.NOT_IN if len(self.values) == 1:
                return f"{self.key}!={self.values[0]}"
            case Operator.IN:
                return f"{self.key} in ({', '.join(self.values)})"
            case Operator.NOT_IN:
                return f"{self.key} notin ({', '.join(self.values)})"
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements must be met; without any, everything is selected."""

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether something with these labels is selected."""
        return all(requirement.is_met_by(labels) for requirement in self.requirements)

    def unmet(self, labels: Mapping[str, str]) -> tuple[Requirement, ...]:
        """The requirements that labels do not meet."""
        return tuple(requirement for requirement in self.requirements if not requirement.is_met_by(labels))

    def __str__(self) -> str:
        return ", ".join(map(str, self.requirements))


EVERYTHING = Selector()


def read_selector(manifest: Mapping[str, Any] | None) -> Selector:
    """A selector from its manifest; null is the empty one, and so are null fields in it. ``matchLabels`` come first."""
    given = manifest or {}
    labels = [Requirement(key, Operator.IN, (value,)) for key, value in (given.get("matchLabels") or {}).items()]
    expressions = [
        Requirement(each["key"], Operator(each["operator"]), tuple(each.get("values") or ()))
        for each in given.get("matchExpressions") or ()
    ]
    return Selector((*labels, *expressions))
