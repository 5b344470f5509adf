"""Quantities such as ``500m`` and ``64Mi`` (k8s.io/apimachinery/pkg/api/resource), exact, and written as Kubernetes
writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, Final, Literal, TypeAlias

Notation: TypeAlias = Literal["decimal", "binary", "exponent"]

PATTERN: Final = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
"""What messages quote for something that is no quantity."""

_TEXT: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]+)?"
)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_NANO: Final = Decimal("1e-9")
_WIDE: Final = Context(prec=64)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and how it was written: sums keep the notation of their first part."""

    value: Decimal = Decimal(0)
    notation: Notation = "decimal"

    @classmethod
    def parse(cls, text: Any) -> Quantity:
        """From JSON's string or number. Raises ValueError."""
        found = None if isinstance(text, bool) else _TEXT.fullmatch(str(text))
        if found is None:
            raise ValueError(f"quantities must match the regular expression '{PATTERN}'")
        number, suffix = Decimal(found["number"]), found["suffix"] or ""
        if suffix in _DECIMAL:
            return cls((number * Decimal(10) ** _DECIMAL[suffix]).quantize(_NANO, ROUND_CEILING, _WIDE))
        if suffix in _BINARY:
            return cls(number * 1024 ** _BINARY.index(suffix), "binary")
        return cls(number * Decimal(10) ** int(suffix[1:]), "exponent")

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.value + other.value, self.notation if self.value else other.notation)

    def __sub__(self, other: Quantity) -> Quantity:
        return self + replace(other, value=-other.value)

    def __str__(self) -> str:
        if self.notation == "binary" and abs(self.value) >= 1024:
            return _binary(self.value)
        return _decimal(self.value, self.notation)


def canonical(text: Any) -> str:
    """A quantity as Kubernetes stores it: ``1000m`` is ``1``. Raises ValueError."""
    return str(Quantity.parse(text))


def _binary(value: Decimal) -> str:
    number, power = int(value.to_integral_value(ROUND_CEILING)), 0
    while number % 1024 == 0 and power < len(_BINARY) - 1:
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY[power]}"


def _decimal(value: Decimal, notation: Notation) -> str:
    number, exponent = int((value / _NANO).to_integral_value(ROUND_CEILING)), -9
    if number == 0:
        return "0"
    while number % 1000 == 0 and exponent < 18:
        number, exponent = number // 1000, exponent + 3
    if notation == "exponent" and exponent:
        return f"{number}e{exponent}"
    return f"{number}{_SUFFIX[exponent]}"
