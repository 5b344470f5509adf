"""Label selectors (metav1.LabelSelector) as enforcement reads them.

Deliberately not shared with the API server's list selectors (strings of another grammar) nor with ``policy/``
(the other reading of the specification): an error here must be able to show.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Operator(enum.StrEnum):
    """metav1.LabelSelectorOperator."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True, order=True)
class Requirement:
    """One condition on a label; ``values`` is sorted, and empty unless the operator is In or NotIn."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """NotIn and DoesNotExist hold for an absent key; In with ``""`` needs a present key with an empty value."""
        match self.operator:
            case Operator.IN:
                return self.key in labels and labels[self.key] in self.values
            case Operator.NOT_IN:
                return self.key not in labels or labels[self.key] not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """All requirements hold; without any, it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        for requirement in self.requirements:  # noqa: SIM110 (innermost of compiling; twice as fast as all())
            if not requirement.matches(labels):
                return False
        return True

    @classmethod
    def read(cls, obj: Mapping[str, Any]) -> Selector:
        """From the API's JSON. Two selectors that say the same in another order are equal.

        Raises ValueError for an operator that the API does not have.
        """
        equals = [Requirement(key, Operator.IN, (value,)) for key, value in (obj.get("matchLabels") or {}).items()]
        expressions = [
            Requirement(item["key"], Operator(item["operator"]), tuple(sorted(item.get("values") or ())))
            for item in obj.get("matchExpressions") or ()
        ]
        return cls(tuple(sorted(equals + expressions)))


EVERYTHING = Selector()
"""The empty selector, ``{}``."""
