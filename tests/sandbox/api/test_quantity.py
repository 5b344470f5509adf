"""Quantities are read and written as Kubernetes does."""

from __future__ import annotations

import pytest

from probe.sandbox.api.quantity import Quantity, canonical


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1", "1"),
        (2, "2"),
        (0.5, "500m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("0.1", "100m"),
        ("1000", "1k"),
        ("1e3", "1e3"),
        ("12E", "12E"),
        ("1024Ki", "1Mi"),
        ("64Mi", "64Mi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Ki", "512"),
        ("100Ki", "100Ki"),
        ("0", "0"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("-5m", "-5m"),
    ],
)
def test_one_number_is_written_in_one_way(text: object, written: str) -> None:
    assert canonical(text) == written
    assert canonical(written) == written


@pytest.mark.parametrize("text", ["", "m", "1.2.3", "1 Gi", "1KI", "x", "1mm", True, None])
def test_what_is_no_quantity(text: object) -> None:
    with pytest.raises(ValueError, match="quantities must match the regular expression"):
        Quantity.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "total"),
    [("500m", "1", "1500m"), ("64Mi", "64Mi", "128Mi"), ("0", "1Gi", "1Gi"), ("1Gi", "1", "1073741825")],
)
def test_sums(one: str, other: str, total: str) -> None:
    assert str(Quantity.parse(one) + Quantity.parse(other)) == total
    assert (Quantity.parse(total) - Quantity.parse(other)).value == Quantity.parse(one).value
