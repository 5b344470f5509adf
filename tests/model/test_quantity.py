"""Quantities, as the API writes amounts of resources."""

from __future__ import annotations

from decimal import Decimal

import pytest

from probe.model.agent_options import AgentOptions
from probe.model.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", "1"),
        ("0.5", "0.5"),
        ("5m", "0.005"),
        ("24Mi", str(24 * 2**20)),
        ("1G", "1000000000"),
        ("1E", "1000000000000000000"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("2Ei", str(2 * 2**60)),
        (".5Ki", "512"),
        ("100n", "0.0000001"),
    ],
)
def test_an_amount_is_read_in_its_unit(text: str, amount: str) -> None:
    assert parse_quantity(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "x", "5 m", "5mi", "24MB", "1e", "--1", "nan"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


def test_a_limit_is_never_below_a_request_that_nobody_stated() -> None:
    assert AgentOptions().resources == {"requests": {"cpu": "5m", "memory": "24Mi"}}
    small = AgentOptions(limits={"memory": "16Mi", "cpu": "1"})
    assert small.resources == {"requests": {"cpu": "5m"}, "limits": {"memory": "16Mi", "cpu": "1"}}
    assert AgentOptions(requests={"cpu": "20m"}).resources["requests"] == {"cpu": "20m", "memory": "24Mi"}
