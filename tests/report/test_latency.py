"""Times to enforce: which cells count, for which change, and in which words."""

from __future__ import annotations

from typing import Any

from probe.model.cell import Via
from probe.model.enforcement import Tally
from probe.model.record import Change, SamplingRecord, Topology
from probe.report.latency import enforcement, enforcement_lines, latencies, sampling_words

DENY = {"expected": "deny"}
SAME, CROSS = Topology.SAME_NODE, Topology.CROSS_NODE


def test_a_record_from_before_kinds_is_told_by_its_expectations(build: Any) -> None:
    """Only cells whose expectation changed count, and each for its change."""

    def cells(after: float, **frontend: Any) -> list[Any]:
        return [
            build.cell("a/x", "a/y", matched_after=after, **frontend),
            build.cell("a/x", "a/z", matched_after=0.001),
        ]

    record = build.run(
        build.scenario(
            build.step(cells(0.5, **DENY), name="open", changes=[]),  # no change was made, so nothing was enforced
            build.step(cells(0.1), name="1", changes=["apply networkpolicy/a/p"]),
            build.step(cells(0.2, **DENY), name="2", changes=["apply networkpolicy/a/p"]),
            build.step(cells(0.3, **DENY), name="3", changes=["label pod/a/x k=v"]),
            build.step(cells(0.4), name="4", changes=["delete networkpolicy/a/p", "label pod/a/x k=v"]),
        )
    )
    assert {each.kind: each.times.seconds for each in latencies(record)} == {
        "policy applied: new allow": [0.1],
        "policy applied: new deny": [0.2],
        "policy deleted and pod labelled: new allow": [0.4],
    }


def test_what_the_engine_says_of_a_change_counts_and_not_what_the_expectations_seem_to_say(build: Any) -> None:
    cells = [
        build.cell(matched_after=0.1, change=Change.REVOCATION, **DENY),
        build.cell(port="81/TCP", matched_after=0.2, change=Change.NEW_DENY, **DENY),
        build.cell(port="82/TCP", matched_after=0.3, change=Change.NONE, **DENY),
        build.cell(port="83/TCP", matched_after=0.4, change=Change.NEW_ALLOW),
    ]
    found = latencies(build.run(build.scenario(build.step(cells))))
    assert {each.kind.partition(": ")[2]: each.times.seconds for each in found} == {
        "revocation": [0.1], "new deny": [0.2], "new allow": [0.4],
    }  # fmt: skip


def test_a_cell_that_never_matched_is_counted_apart(build: Any) -> None:
    leak = build.cell(expected="deny", outcome="connected", matched_after=None)
    (found,) = latencies(build.run(build.scenario(build.step([leak]))))
    assert (found.times.seconds, found.times.never) == ([], 1)


def test_what_the_api_leaves_open_has_no_latency(build: Any) -> None:
    cell = build.cell(expected="either", outcome="timed-out", matched_after=0.0)
    assert latencies(build.run(build.scenario(build.step([cell])))) == []


def test_open_connections_and_the_first_moments_of_pods_say_nothing_of_it(build: Any) -> None:
    cells = [build.cell(via=via, matched_after=None, **DENY) for via in (Via.ESTABLISHED, Via.START)]
    assert latencies(build.run(build.scenario(build.step(cells)))) == []


def test_a_step_has_a_line_for_each_kind_of_change_and_says_how_exact_it_is(build: Any) -> None:
    cells = [
        build.cell(
            port=f"{number}/TCP",
            matched_after=number / 100,
            change=Change.NEW_DENY,
            topology=CROSS if number > 50 else SAME,
            **DENY,
        )
        for number in range(1, 101)
    ]
    cells += [
        build.cell(port="201/TCP", change=Change.NEW_DENY, topology=SAME, untimed="starved", **DENY),
        build.cell(port="202/TCP", outcome="connected", matched_after=None, change=Change.REVOCATION, **DENY),
    ]
    step = build.step(cells, sampling=SamplingRecord(0.05, 0.06, 0.001, 0.002))
    ((_, found),) = enforcement(build.scenario(step))
    assert list(enforcement_lines(step, found)) == [
        "new deny: 101 cells, p50 500 ms, p90 900 ms, p99 990 ms, max 1.0 s, 1 without a time (agents starved of CPU, "
        "or inconclusive); same-node max 500 ms; cross-node max 1.0 s",
        "revocation: 1 cell, 1 never",
        "sampled every 50 ms (at most 60 ms); clock error 1.0 ms, agents late by at most 2.0 ms",
    ]


def test_quantiles_that_read_the_same_are_said_once(build: Any) -> None:
    step = build.step([build.cell(matched_after=0.037, change=Change.NEW_ALLOW)])
    ((_, found),) = enforcement(build.scenario(step))
    assert list(enforcement_lines(step, found)) == ["new allow: 1 cell, p50 to max 37 ms"]


def test_where_every_cell_matched_at_once_that_is_said_instead_of_an_interval(build: Any) -> None:
    step = build.step([build.cell()], sampling=SamplingRecord(None, None, 0.001, 0.0))
    assert sampling_words(step).startswith("each seen by the first attempt; clock error 1.0 ms")
    assert sampling_words(build.step([build.cell()])) == "", "a record from before sampling was recorded"


def test_a_step_that_changed_nothing_says_nothing(build: Any) -> None:
    step = build.step([build.cell(change=Change.NONE)], sampling=SamplingRecord(None, None, 0.001, 0.0))
    ((_, found),) = enforcement(build.scenario(step))
    assert list(enforcement_lines(step, found)) == []


def test_what_the_record_has_is_told_as_it_is(build: Any) -> None:
    tally = Tally()
    tally.add(build.cell(matched_after=7.0), Change.NEW_ALLOW)
    step = build.step([build.cell(change=Change.NONE)], enforcement=tally.records())
    ((_, found),) = enforcement(build.scenario(step))
    assert found == step.enforcement
