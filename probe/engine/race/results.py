"""What came of a race: for each port, direction, family and place a distribution, and a cell with a verdict.

Kubernetes promises that a pod which a policy isolates is isolated before it starts (documentation, Network Policies,
"Pod lifecycle"), and nothing about when what is allowed may pass: the one has a window of 0 ms, the other is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from probe.cluster.deployment import Deployment
from probe.cluster.running import RunningPod
from probe.engine.agents import Agents
from probe.engine.controls import Controls
from probe.engine.judge import Judgement
from probe.engine.race.ears import Ear
from probe.engine.race.lines import Line
from probe.engine.race.moments import Moments, arrivals, judge_race, judge_reuse, moments
from probe.engine.race.race import PEERS, Race
from probe.model.cell import Expectation, Outcome, Verdict, Via
from probe.model.fleet import External
from probe.model.plan import line_of
from probe.model.record import CellRecord, StartedPodRecord, StartRaceRecord, Topology
from probe.model.scenario import StartRace, Timeouts

Raced: TypeAlias = Sequence[tuple[CellRecord, StartRaceRecord]]
"""Cells with their verdicts, each with its distribution."""


async def run_race(
    spec: StartRace | None,
    deployment: Deployment,
    agents: Agents,
    controls: Controls,
    timeouts: Timeouts,
    externals: Sequence[External],
) -> Raced:
    """Run the race of a step, if it has one. Raises ClusterError."""
    if spec is None:
        return ()
    race = Race.of(spec, deployment, agents, controls, timeouts, externals)
    await race.run()
    return results_of(race)


def results_of(race: Race) -> Raced:
    """What came of a race that was run."""
    return [_result(race, line, place, pods) for line in race.lines for place, pods in _places(race, line)]


def _places(race: Race, line: Line) -> Iterator[tuple[Topology, Sequence[RunningPod]]]:
    """The pods by where they are, as seen from the peer."""
    if line.is_outside:
        yield Topology.OUTSIDE, race.pods
        return
    home = race.agents.by_pod[line.peer].running.node
    for place in (Topology.SAME_NODE, Topology.CROSS_NODE):
        if pods := [pod for pod in race.pods if (pod.node == home) is (place is Topology.SAME_NODE)]:
            yield place, pods


def _result(race: Race, line: Line, place: Topology, pods: Sequence[RunningPod]) -> tuple[CellRecord, StartRaceRecord]:
    spec = race.spec
    seen = [(pod, it) for pod in pods if (it := _moments(race, line, pod)) is not None]
    started = [_started(race, line, pod, it) for pod, it in seen]
    unproven = [why for pod in pods if (why := race.control.get(line.cell(pod.pod.id), ""))]
    control = f"{len(unproven)} of {len(pods)} pods prove nothing: {unproven[0]}" if unproven else ""
    judgement = _unsupported(race, line, pods, [it for _, it in seen]) or _judged(race, line, pods, started, control)
    cell = replace(line.cell(f"{spec.namespace}/{spec.name}@{place}"), via=Via.START)
    interval = round(race.series.interval, 4)
    record = StartRaceRecord.of(cell, place, spec.expect, started, limit=spec.limit, interval=interval)
    passed = any(it.packets for it in started)
    evidence = CellRecord.of(
        cell,
        spec.expect,
        Outcome.CONNECTED if passed else Outcome.TIMED_OUT,
        judgement.verdict,
        judgement.reason,
        attempts=sum(it.attempts for it in started),
        control=not control,
        topology=place,
        line=line_of(spec.location),
    )
    return evidence, record


def _unsupported(race: Race, line: Line, pods: Sequence[RunningPod], seen: Sequence[Moments]) -> Judgement | None:
    """Why a line cannot be tried at all, or not with all pods; None where it can, or where a leak was seen."""
    if line.trouble:
        return Judgement(Verdict.UNSUPPORTED, line.trouble)
    if race.spec.expect.denies and any(it.passed for it in seen):
        return None
    if without := sum(line.family not in pod.addresses for pod in pods):
        return Judgement(Verdict.UNSUPPORTED, f"{without} of {len(pods)} pods have no {line.family} address")
    if any(it.unsupported for it in seen):
        return Judgement(Verdict.UNSUPPORTED, f"the kernel of a node has no {line.port.protocol} over {line.family}")
    return None


def _judged(
    race: Race, line: Line, pods: Sequence[RunningPod], started: Sequence[StartedPodRecord], control: str
) -> Judgement:
    spec = race.spec
    judgement = judge_race(spec.expect, spec.limit, started, _trouble(race, line, pods, started), control)
    return judge_reuse(judgement, started) if spec.reuse else judgement


def _trouble(race: Race, line: Line, pods: Sequence[RunningPod], started: Sequence[StartedPodRecord]) -> str:
    """Why too little is known of it."""
    found = [race.trouble[id] for id in (line.peer, *(pod.pod.id for pod in pods)) if id in race.trouble]
    if found:
        return found[0]
    if len(started) < len(pods):
        return f"{len(pods) - len(started)} of {len(pods)} pods were not measured"
    idle = [it for it in started if not it.attempts]
    return f"{len(idle)} of {len(pods)} pods could make no attempt" if idle else ""


def _ear(race: Race, line: Line, pod: RunningPod) -> Ear | None:
    """The series that tried."""
    return race.own.get(pod.pod.id) if line.outbound else race.inbound.get((line.peer, pod.pod.id))


def _moments(race: Race, line: Line, pod: RunningPod) -> Moments | None:
    """What became of one pod's attempts, or of those at it; None if nothing was read of them, or it has no address."""
    ear = _ear(race, line, pod)
    if ear is None or line.trouble or line.family not in pod.addresses:
        return None
    id = pod.pod.id
    number = next(place for place, wanted in enumerate(race.spec.racers) if wanted.id == id)
    together = race.outward if line.outbound else race.inward(line.peer)
    cell = together.index(line)
    far = race.listening.get(line.peer) if line.outbound else race.own.get(id)
    arrived = arrivals(far.entries, number if line.outbound else PEERS + number).get(cell, []) if far else []
    series = race.series
    return moments(ear.entries, cell, series.interval, series.phase(cell, len(together)), arrived)


def _started(race: Race, line: Line, pod: RunningPod, seen: Moments) -> StartedPodRecord:
    return StartedPodRecord(
        name=pod.name,
        node=pod.node,
        address=pod.addresses[line.family],
        seconds=_seconds(race, line, pod, seen),
        packets=len(seen.passed),
        attempts=seen.attempts,
        reused=pod.pod.id in race.reused,
    )


def _seconds(race: Race, line: Line, pod: RunningPod, seen: Moments) -> float | None:
    ear, own = _ear(race, line, pod), race.own.get(pod.pod.id)
    base = ear.base if ear else 0.0
    if race.spec.expect is Expectation.ALLOW:
        wait = seen.wait
        if wait is None or line.outbound or own is None:
            return None if wait is None else round(wait, 4)
        return round(max(0.0, base + wait - own.base), 4)  # an agent that is not there yet does not wait
    if race.labelled is not None:  # the pod was free to talk until then
        return round(max(0.0, base + seen.window - race.labelled), 4) if seen.passed else 0.0
    return round(seen.window, 4)
