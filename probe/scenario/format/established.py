"""Connections that are opened before a step's changes and followed through them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from probe.model.cell import Fate
from probe.scenario import shorthand
from probe.scenario.format.selection import ConnectionsSpec
from probe.scenario.format.values import Duration
from probe.scenario.shorthand import Shorthand


class EstablishedSpec(ConnectionsSpec):
    """Connections that are opened before the step's changes and followed through them."""

    expect: Annotated[Fate, Shorthand(shorthand.fate)] = Field(
        default=Fate.EITHER,
        description="Where a new connection is denied after the changes: either (the default: the API leaves it open, "
        "and what was seen is recorded), cut or kept. Where it is allowed the open one must be kept in any case.",
    )
    for_: Duration | None = Field(
        default=None,
        alias="for",
        description="How long they are watched after the changes, at least; default: timeouts.confirm.",
    )
