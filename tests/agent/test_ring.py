"""The ring that a series writes to: bounded, and a loss is a hole in its numbers."""

from __future__ import annotations

from cni_probe_agent.ring import Ring


def test_entries_are_numbered_from_one() -> None:
    ring = Ring()
    assert (ring.last, ring.head(10)) == (0, (1, []))
    ring.add(["a"])
    ring.add(["b"])
    assert (ring.last, ring.head(10)) == (2, (1, [["a"], ["b"]]))
    assert ring.head(1) == (1, [["a"]])


def test_what_the_reader_has_is_let_go_and_numbers_go_on() -> None:
    ring = Ring()
    ring.add(["a"])
    ring.add(["b"])
    ring.forget(1)
    assert ring.head(10) == (2, [["b"]])
    ring.forget(7)  # nothing from the future
    ring.add(["c"])
    assert ring.head(10) == (3, [["c"]])


def test_a_full_ring_loses_the_oldest_and_shows_it() -> None:
    ring = Ring(capacity=40)
    for number in range(100):
        ring.add([number])
    first, entries = ring.head(1000)
    assert first + len(entries) - 1 == ring.last == 100
    assert entries == [[number] for number in range(first - 1, 100)]
    assert first > 80


def test_an_entry_larger_than_the_ring_is_kept_alone() -> None:
    ring = Ring(capacity=10)
    ring.add(["x" * 50])
    assert ring.head(5) == (1, [["x" * 50]])
