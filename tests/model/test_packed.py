"""Packed cells are the cells that were packed, in order, in far less memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import islice

import pytest

from probe.model.cell import Expectation, Family, Outcome, Path, Protocol, Verdict
from probe.model.packed import PackedCells
from probe.model.record import Attempt, CellRecord, Receipt, Topology


def cell(number: int) -> CellRecord:
    """A cell of a large step, with times of its own."""
    source, destination, latency = number // 600, number % 200, 0.001 + number / 1_000_003
    return CellRecord(
        source=f"shop/p{source}",
        destination=f"shop/p{destination}",
        port=80 + number % 3,
        protocol=Protocol.TCP,
        family=Family.IPV4,
        path=Path.POD_IP,
        address=None,
        expected=Expectation.ALLOW,
        outcome=Outcome.CONNECTED,
        verdict=Verdict.PASS,
        latency=latency,
        attempts=2,
        matched_after=number / 4001,
        control=True,
        source_node="node-1",
        destination_node="node-2",
        source_address=f"10.244.0.{source}",
        destination_address=f"10.244.1.{destination}",
        observed_source=f"10.244.0.{source}:{30000 + number % 30000}",
        responder=f"00000000-0000-4000-8000-{destination:012}",
        history=[
            Attempt("converge", number / 4001, Outcome.CONNECTED, 0.002 + number / 1_000_003),
            Attempt("confirm", 30 + number / 3989, Outcome.CONNECTED, latency),
        ],
        topology=Topology.CROSS_NODE,
        dialled=f"10.244.1.{destination}:80",
    )


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_what_comes_out_is_what_went_in(count: int) -> None:
    cells = [cell(number) for number in range(count)]
    packed = PackedCells(iter(cells))
    assert (len(packed), list(packed)) == (count, cells)
    assert packed == cells
    assert list(packed) == cells, "may be read again"


def test_every_field_comes_back_whatever_is_in_it() -> None:
    denied = replace(
        cell(7),
        family=Family.IPV6,
        address="2001:db8::1",
        expected=Expectation.DENY,
        outcome=Outcome.REFUSED,
        verdict=Verdict.INCONCLUSIVE,
        reason="es war nichts 宽\n",
        latency=None,
        flaps=3,
        receipt=Receipt(True, "10.0.0.1:5"),
        history=[Attempt("confirm", 0.1, Outcome.REFUSED, 0.2, "ECONNREFUSED")],
        repeat="kubectl exec",
        dialled=None,
    )
    (found,) = PackedCells([denied])
    assert found == denied
    assert found.verdict is Verdict.INCONCLUSIVE


def test_cells_are_found_by_place_and_slice() -> None:
    cells = [cell(number) for number in range(600)]
    packed = PackedCells(cells)
    assert (packed[0], packed[300], packed[-1]) == (cells[0], cells[300], cells[-1])
    assert packed[254:258] == cells[254:258]
    with pytest.raises(IndexError):
        packed[600]


def test_verdicts_are_counted() -> None:
    leaks = (replace(cell(number), verdict=Verdict.LEAK) for number in range(300))
    packed = PackedCells([cell(0), *leaks, cell(1)])
    assert packed.counts == {Verdict.PASS: 2, Verdict.LEAK: 300}


def test_others_are_not_equal() -> None:
    packed = PackedCells([cell(1), cell(2)])
    assert packed != PackedCells([cell(1), cell(3)])
    assert packed != [cell(1)]


def test_a_cell_takes_less_than_two_hundred_bytes() -> None:
    tracemalloc.start()
    try:
        packed = PackedCells(cell(number) for number in range(8_000))
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(packed) < 200
    assert peak - held < 2_000_000, "they are packed as they come"


def test_reading_holds_one_block_at_a_time() -> None:
    packed = PackedCells(cell(number) for number in range(20_000))
    tracemalloc.start()
    try:
        assert sum(1 for _ in islice(packed, 10_000)) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
