"""What is expected of cells: a default, rules, and truth tables."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from probe.model.cell import Computed, Expectation
from probe.scenario.format.strict import Item, Strict
from probe.scenario.format.values import ExpectationWord, Globs, PortPatterns, WayPatterns

STATED: Final = (*Expectation, *Computed)
"""The words of expectations."""


class RuleSpec(Strict):
    """An expectation for the cells it matches; the last matching rule wins."""

    from_: Globs = Field(
        default=[], alias="from", description="Sources: namespace/pod, a group of replicas, globs and lists."
    )
    to: Globs = Field(default=[], description="Destinations: namespace/pod, external/name, cluster/dns, globs, lists.")
    port: PortPatterns = Field(default=[], description="Ports: 80/TCP, 80, UDP, a port's name, globs and lists.")
    path: WayPatterns = Field(
        default=[],
        description="Ways, as in probe.paths. Absent: any, but those that the API leaves open (node-port, node-ip, a "
        "pod to itself through a service, pods with hostNetwork) stay either.",
    )
    verdict: ExpectationWord = Field(
        description="What is expected; deny accepts a drop and a reject, computed is what the step's policies say."
    )


class ExpectSpec(Strict):
    """What is expected of every cell after the step's changes."""

    default: ExpectationWord | None = Field(
        default=None, description="Expectation of cells that no rule or table decides."
    )
    rules: list[Item[RuleSpec]] = Field(
        default=[], description="Exceptions; the last matching rule wins, over the table too."
    )
    table: str | None = Field(
        default=None,
        description="Truth table as a literal block: the first line has the ports (80/TCP or *) and the destinations, "
        "every other line a source and a word for each destination: . or allow, X or deny, drop, reject, ? or "
        "either, computed, - for not stated. An empty line begins another table.",
    )


UNCHANGED: Final = ExpectSpec()
"""What ``expect: unchanged`` is read as (compare by identity)."""


def expand_expect(value: Any) -> Any:
    if value == "unchanged":
        return UNCHANGED
    return {"default": value} if isinstance(value, str) else value
