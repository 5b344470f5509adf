"""How a scenario is watched over time, and what is still good then."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from probe.model.scenario import Watching
from probe.scenario import shorthand
from probe.scenario.format.selection import ConnectionsSpec
from probe.scenario.format.strict import Item, Strict
from probe.scenario.format.values import Duration, DurationOrNone
from probe.scenario.shorthand import Shorthand

_USUAL: Final = Watching()


def _watch(usual: float | None, description: str, unit: str = "s", **more: Any) -> Any:
    default = "no bound" if usual is None else f"{usual:g}{unit}"
    return Field(default=None, description=f"{description} (default: {default}).", **more)


class WatchSpec(Strict):
    """How the scenario is watched (``cni-probe watch``), and what is still good then. Options go over it."""

    step: str | None = Field(default=None, description="The step that is established and watched (default: the last).")
    settle: DurationOrNone | None = _watch(_USUAL.settle, "How long is watched after the command")
    rate: float | None = _watch(_USUAL.rate, "Attempts a second for each cell", "", gt=0, le=100)
    max_load: float | None = _watch(
        _USUAL.max_load, "Attempts and heartbeats a second in all, to which both give way", "",
        alias="max-load", gt=0, allow_inf_nan=False,
    )  # fmt: skip
    connections: Annotated[
        list[Item[ConnectionsSpec]], Shorthand(shorthand.all_or_list, ({"type": "boolean"}, {"type": "object"}))
    ] = Field(
        default=[],
        description="Connections that are held meanwhile, TCP, SCTP and UDP flows, of the allowed cells of the step: "
        "{from, to, port}, a list of these, or true for all.",
    )
    heartbeat: Duration | None = _watch(_USUAL.heartbeat, "Time between two heartbeats of a held connection")
    max_leak: int | None = _watch(
        _USUAL.budget.leak, "Packets that may pass through a denied cell", "", alias="max-leak", ge=0
    )
    max_leak_total: int | None = _watch(
        _USUAL.budget.leak_total, "And through all of them", alias="max-leak-total", ge=0
    )
    max_outage: DurationOrNone | None = _watch(
        _USUAL.budget.outage, "The longest outage of a cell, or stall of a held connection", alias="max-outage"
    )
    max_outage_total: DurationOrNone | None = _watch(
        _USUAL.budget.outage_total, "The time in which any cell may be out", alias="max-outage-total"
    )
    max_cut: int | None = _watch(
        _USUAL.budget.cut, "Held connections that may be cut or ended", "", alias="max-cut", ge=0
    )
    max_gap: DurationOrNone | None = _watch(
        _USUAL.budget.gap,
        "The longest time of which nothing may be known of a cell; more proves nothing",
        alias="max-gap",
    )
