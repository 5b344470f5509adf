"""Taints that pods may tolerate: core/v1 Toleration, how people write it, and whether it fits.

https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from probe.model.syntax import label_key_error, label_value_error

EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
OPERATORS: Final = ("Equal", "Exists")
_KEEPS_OUT: Final = ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class Toleration:
    """A Toleration of core/v1. An empty key (with ``Exists``) is any taint, an empty effect is any effect.

    ``seconds`` is ``tolerationSeconds``: how long a taint of effect NoExecute is borne (None: for ever).
    """

    key: str = ""
    operator: str = "Exists"
    value: str = ""
    effect: str = ""
    seconds: int | None = None

    def manifest(self) -> dict[str, Any]:
        """As PodSpec.tolerations has it."""
        fields = {"key": self.key, "operator": self.operator, "value": self.value, "effect": self.effect}
        given: dict[str, Any] = {name: value for name, value in fields.items() if value}
        return given if self.seconds is None else given | {"tolerationSeconds": self.seconds}

    def fits(self, taint: Mapping[str, Any]) -> bool:
        """Whether it tolerates a taint (core/v1 Taint as JSON): the rules of Toleration.ToleratesTaint."""
        if self.effect and self.effect != taint.get("effect"):
            return False
        if self.key and self.key != taint.get("key"):
            return False
        return self.operator == "Exists" or self.value == (taint.get("value") or "")


def tolerates(taints: Iterable[Mapping[str, Any]], tolerations: Iterable[Toleration]) -> bool:
    """Whether a pod with these tolerations may go to a node with these taints (Node.spec.taints as JSON).

    PreferNoSchedule keeps no pod out.
    """
    borne = tuple(tolerations)
    hindering = (taint for taint in taints if taint.get("effect") in _KEEPS_OUT)
    return all(any(toleration.fits(taint) for toleration in borne) for taint in hindering)


def taint_text(taint: Mapping[str, Any]) -> str:
    """A taint as kubectl writes it, which is how the toleration that fits it is written."""
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key', '')}{value}:{taint.get('effect', '')}"


def parse_toleration(text: str) -> Toleration:
    """A toleration as it is written like kubectl's taints. Raises ValueError with what is wrong.

    ``key=value:Effect``, ``key:Effect`` (any value), ``key=value`` and ``key`` (any effect), ``*:Effect`` (any taint of
    that effect), ``*`` (all taints).
    """
    taint, colon, effect = text.partition(":")
    key, equals, value = taint.partition("=")
    if colon and not effect:
        raise ValueError("nothing follows the colon: leave it out for any effect")
    if key == "*" and equals:
        raise ValueError("a value needs a key: * is any taint")
    toleration = Toleration(
        key="" if key == "*" else key, operator="Equal" if equals else "Exists", value=value, effect=effect
    )
    error = toleration_error(toleration) if key else "there is no key: write * for any taint"
    if error:
        raise ValueError(error)
    return toleration


def toleration_error(toleration: Toleration) -> str | None:
    """What the API server would refuse in a toleration, or None."""
    if toleration.operator not in OPERATORS:
        return f'the operator "{toleration.operator}" is neither {" nor ".join(OPERATORS)}'
    if toleration.effect and toleration.effect not in EFFECTS:
        return f'the effect "{toleration.effect}" is none of {", ".join(EFFECTS)}'
    if not toleration.key and toleration.operator != "Exists":
        return "without a key the operator must be Exists"
    if toleration.key and (error := label_key_error(toleration.key)):
        return f'"{toleration.key}" cannot be a taint\'s key: {error}'
    if toleration.operator == "Exists" and toleration.value:
        return "with the operator Exists there is no value"
    if error := label_value_error(toleration.value):
        return f'"{toleration.value}" cannot be a taint\'s value: {error}'
    if toleration.seconds is not None and toleration.effect != "NoExecute":
        return "tolerationSeconds needs the effect NoExecute"
    return None
