"""What speaks for a denial on pods that others have used: only what connected since their policies were gone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

from probe.engine.agent import Sample
from probe.engine.agents import Agents, Pace
from probe.engine.controls import Controls, run_baseline
from probe.model.cell import Cell, Outcome, Path, Protocol

CELL = Cell("x/a", "x/b", 80, Protocol.TCP)
OTHER = Cell("x/c", "x/b", 80, Protocol.TCP)
OUTSIDE = Cell("x/a", "external/vault", 80, Protocol.TCP, path=Path.EXTERNAL, address="192.0.2.1")
CONNECTED = Sample(Outcome.CONNECTED)


def controls() -> Controls:
    return Controls(Agents(cast(Any, None), Pace(), cast(Any, None)))


def test_what_connected_before_another_scenarios_policies_speaks_for_no_denial() -> None:
    first = controls()
    first.see({CELL: CONNECTED})
    next_one = first.carried(time.monotonic())
    pair, later = next_one.pair(CELL), time.monotonic() + 1
    assert not next_one.has(CELL, for_denial=True)
    assert not next_one.vouched(pair, later)
    assert next_one.has(CELL, for_denial=False)
    assert next_one.vouched(pair, later, for_denial=False)
    next_one.see({CELL: CONNECTED})
    assert next_one.has(CELL, for_denial=True)
    assert next_one.vouched(pair, later)


def test_what_connected_when_they_were_lifted_does() -> None:
    first = controls()
    lifted_at = time.monotonic()
    first.see({CELL: CONNECTED})
    assert first.carried(lifted_at).has(CELL, for_denial=True)
    unknown = first.carried(None)
    assert not unknown.has(CELL, for_denial=True), "nobody knows when they were gone, but by now they are"
    unknown.see({CELL: CONNECTED})
    assert unknown.has(CELL, for_denial=True)


def test_nobody_vouches_for_long_for_who_is_no_pod_of_ours() -> None:
    first = controls()
    first.see({OUTSIDE: CONNECTED})
    assert not first.carried(-1.0).has(OUTSIDE, for_denial=False)


def test_a_pair_that_never_connected_is_no_news_in_the_next_scenario() -> None:
    first = controls()
    first.missed(CELL)
    next_one = first.carried(time.monotonic())
    next_one.missed(CELL)
    next_one.missed(OTHER)
    assert next_one.fell_silent([CELL, OTHER]) == [OTHER]


class Unable:
    """Agents that cannot try what they are asked for."""

    async def probe(self, cells: Sequence[Cell], timeout: float) -> dict[Cell, Sample]:
        return dict.fromkeys(cells, Sample(Outcome.UNSUPPORTED))

    def identities(self, cell: Cell) -> tuple[None, None]:
        return None, None


async def test_what_cannot_be_tried_did_not_fall_silent() -> None:
    agents = cast(Any, Unable())
    next_one = Controls(agents).carried(None)
    record = await run_baseline([CELL], [CELL], agents, next_one, attempt=0.1, timeout=0.1)
    assert (record.cells, record.connected, record.failed) == (0, 0, [])
    assert next_one.fell_silent([CELL]) == []
