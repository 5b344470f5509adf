"""Pods in their first moments."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from probe.model.cell import Expectation
from probe.model.scenario import MOST_RACERS
from probe.scenario import shorthand
from probe.scenario.format.fleet import Ports
from probe.scenario.format.strict import Strict
from probe.scenario.format.values import Duration, Globs, Labels
from probe.scenario.shorthand import Shorthand


class StartRaceSpec(Strict):
    """Pods that are created under policies in force, watched from their first instant on, and removed again."""

    namespace: str = Field(description="The namespace that they are created in.")
    name: str = Field(default="racer", description="They are called NAME-0, NAME-1, ...")
    pods: int = Field(default=10, ge=1, le=MOST_RACERS, description="How many; spread over the nodes.")
    at_once: int | None = Field(
        default=None,
        alias="at-once",
        ge=1,
        description="How many of them are created at a time (default: all, which is a load of its own).",
    )
    labels: Labels = Field(default={}, description="Their labels.")
    ports: Ports = Field(default=[], description="Ports that they serve, as in the fleet; for `from` to try.")
    to: Globs = Field(
        default=[], description="Pods and endpoints outside that they try, from their agent's first instant on."
    )
    from_: Globs = Field(
        default=[], alias="from", description="Pods that try them, from the moment that their address is known."
    )
    expect: Annotated[Expectation, Shorthand(shorthand.race_expectation)] = Field(
        description="deny: nothing may get through; allow: something must, and how long that takes is measured."
    )
    max_window: Duration | None = Field(
        default=None,
        alias="max-window",
        description="With deny, for how long something may get through. Default: not at all, since a pod must be "
        "isolated before it starts; with relabel: any time, which is recorded.",
    )
    max_wait: Duration | None = Field(
        default=None, alias="max-wait", description="With allow, how long a pod may wait; default: any time."
    )
    relabel: dict[str, str | None] = Field(
        default={}, description="Labels that they get when they run; they are watched from then on. null removes one."
    )
    reuse_address: bool = Field(
        default=False,
        alias="reuse-address",
        description="Create and delete as many pods before, whose addresses the new ones are to get. Where a cluster "
        "does not give them these, up to twice as many are created until it does; else it is unsupported.",
    )
    for_: Duration | None = Field(default=None, alias="for", description="How long they are watched (default 2s).")
