"""The truth table as Markdown (GitHub's tables), to be pasted into an issue or kept beside manifests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.policy.matrix import Truth
from probe.policy.rules import Direction
from probe.report.markup import escaped, row, table_head
from probe.report.truth_picture import SELF_NOTE, Part, outside_words, parts_of

_OUTSIDE = {Direction.INGRESS: "ingress from outside", Direction.EGRESS: "egress to outside"}


def render(truths: Sequence[Truth], focused: frozenset[int]) -> str:
    """For each family the matrices, and a table of what goes in and out of the cluster."""
    lines = [line for truth in truths for line in _family(truth, focused, several=len(truths) > 1)]
    if any(pod.workload for pod in truths[0].pods):
        lines += [f"{SELF_NOTE[0].upper()}{SELF_NOTE[1:]}.", ""]
    return "\n".join(lines)


def _family(truth: Truth, focused: frozenset[int], *, several: bool) -> Iterator[str]:
    if several:
        yield from (f"## {truth.family}", "")
    for part in parts_of(truth, focused):
        yield from (*_matrix(part), "")
    rows = [
        [truth.pods[pod].id, *(outside_words(truth, pod, direction) for direction in _OUTSIDE)]
        for pod in sorted(focused)
    ]
    yield from (*_table(["pod", *_OUTSIDE.values()], rows), "")


def _matrix(part: Part) -> Iterator[str]:
    rows = ([row, *line] for row, line in zip(part.rows, part.picture, strict=True))
    yield from _table(["from \\ to", *part.columns], rows)


def _table(head: Sequence[str], rows: Iterator[list[str]] | list[list[str]]) -> Iterator[str]:
    yield from table_head([*map(escaped, head)])
    yield from (row([*map(escaped, cells)]) for cells in rows)
