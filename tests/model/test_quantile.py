"""Quantiles are values that occurred."""

from __future__ import annotations

import pytest

from probe.model.quantile import quantile


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 10.0), (0.51, 11.0), (0.99, 20.0), (1.0, 20.0)])
def test_the_smallest_that_at_least_this_share_do_not_exceed(share: float, expected: float) -> None:
    assert quantile([float(number) for number in range(20, 0, -1)], share) == expected


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_of_one_value_it_is_that(share: float) -> None:
    assert quantile([3.0], share) == 3.0
