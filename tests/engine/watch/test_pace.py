"""How often each cell is tried."""

from __future__ import annotations

from itertools import pairwise

import pytest

from probe.engine.watch.pace import Load, WatchPace
from probe.model.errors import UsageError

NONE = Load(0, 0, 5)


def test_few_cells_are_tried_at_the_rate_that_is_asked_for() -> None:
    assert WatchPace.of(Load(100, 10, 5), Load(50, 0, 10), 4000) == WatchPace(0.2, 500, 0.1)


def test_many_cells_share_the_load() -> None:
    pace = WatchPace.of(Load(2450, 49, 5), NONE, 4000)
    assert pace.load == pytest.approx(4000)
    assert pace.interval == pytest.approx(2450 / 4000)


def test_attempts_and_heartbeats_give_way_alike() -> None:
    pace = WatchPace.of(Load(1000, 10, 5), Load(300, 0, 10), 4000)
    assert pace.load == pytest.approx(2500)
    assert 300 / pace.heartbeat == pytest.approx(1500)


def test_heartbeats_do_not_give_way_so_far_that_a_cut_would_not_be_seen() -> None:
    assert WatchPace.of(Load(100, 10, 5), Load(100, 0, 5), 100).heartbeat == pytest.approx(2)
    with pytest.raises(UsageError, match=r"100 held .* every 4 s \(--max-load 50\), which must be from 20ms"):
        WatchPace.of(Load(100, 10, 5), Load(100, 0, 5), 50)
    assert WatchPace.of(Load(100, 10, 5), NONE, 5).load == pytest.approx(5)


def test_source_ports_of_a_pod_do_not_come_round_too_soon() -> None:
    pace = WatchPace.of(Load(20, 20, 100), NONE, 1e9)
    assert 20 / pace.interval == pytest.approx(400)


def test_no_cells_are_no_load() -> None:
    assert WatchPace.of(Load(0, 0, 5), NONE, 4000).load == 0


def test_a_rate_that_no_agent_keeps_is_refused() -> None:
    with pytest.raises(UsageError, match="--rate 101 is too much"):
        WatchPace.of(Load(1, 1, 101), NONE, 1e9)


@pytest.mark.parametrize("begin", [0, 49, 1000])
def test_any_cells_in_a_row_are_spread_evenly_over_the_interval(begin: int) -> None:
    phases = sorted(WatchPace(1.0, 1.0).phase(index) for index in range(begin, begin + 50))
    gaps = [after - before for before, after in pairwise(phases)]
    assert all(0 <= phase < 1 for phase in phases)
    assert max(gaps) < 2.5 / 50
