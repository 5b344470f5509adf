"""An agent's time on our clock."""

from __future__ import annotations

import pytest

from probe.cluster.series import Reading
from probe.engine.watch.clock import SeriesClock


def test_the_quickest_reading_tells_best() -> None:
    clock = SeriesClock()
    clock.see(Reading(100.0, 102.0, 1.0))
    clock.see(Reading(105.0, 105.02, 5.11))
    clock.see(Reading(106.0, 107.0, 6.0))
    instant, error = clock.instant(5.11)
    assert instant == pytest.approx(105.01)
    assert error == pytest.approx(0.01)


def test_the_error_grows_with_the_distance_from_a_reading() -> None:
    clock = SeriesClock()
    clock.see(Reading(100.0, 100.002, 0.0))
    assert clock.instant(1000.0)[1] == pytest.approx(0.001 + 0.1)


def test_a_clock_that_drifts_is_followed() -> None:
    clock = SeriesClock()
    for minute in range(10):
        ours = 100.0 + 60.0 * minute
        clock.see(Reading(ours, ours, 60.0 * minute * 1.00005))
    instant, error = clock.instant(540.0 * 1.00005)
    assert abs(instant - 640.0) <= error + 1e-6
