"""What a race comes to."""

from __future__ import annotations

from typing import Any, cast

from probe.cluster.running import RunningPod
from probe.engine.race.ears import Ear, Series
from probe.engine.race.lines import lines_of
from probe.engine.race.race import Race
from probe.engine.race.results import results_of
from probe.model.cell import Family, Verdict
from probe.model.fleet import External
from tests.engine.race.test_lines import V4, V6, agents, race

NOBODY = cast(Any, None)
SERVER = "shop/server"


def ran(*addresses: dict[Family, str]) -> Race:
    """Pods with these addresses on one node, whose agents were heard but made no attempt."""
    spec, all_agents, outside = race(to=(SERVER,)), agents(V4, V6), list[External]()
    cast(Any, all_agents.by_pod[SERVER].running).node = "n2"
    pods = tuple(
        RunningPod(pod, "shop-1", pod.name, f"uid-{pod.name}", "n1", own)
        for pod, own in zip(spec.racers, addresses, strict=False)
    )
    own = {pod.pod.id: Ear("own") for pod in pods}
    lines = lines_of(spec, all_agents, outside)
    return Race(spec, NOBODY, all_agents, NOBODY, NOBODY, lines, Series("r", 0.01, True), pods, own=own)


def test_a_line_over_a_family_that_a_pod_does_not_have_cannot_be_tried() -> None:
    found = results_of(ran({V4: "10.0.0.8", V6: "2001:db8::8"}, {V4: "10.0.0.9"}))
    verdicts = {cell.family: (cell.verdict, cell.reason) for cell, _ in found}
    assert verdicts[V6] == (Verdict.UNSUPPORTED, "1 of 2 pods have no IPv6 address")
    assert verdicts[V4] == (Verdict.INCONCLUSIVE, "2 of 2 pods could make no attempt")
