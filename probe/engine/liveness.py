"""Proof that responders were alive: pods dial their own listeners and addresses, a witness what is outside the fleet.

A pod's listeners are checked over loopback, and its address by dialling it from within: a pod that lost its address
(its sandbox was made anew) still listens, and nobody will ever reach it. No policy stands between a pod and itself.

The harness's Services are looked up: whether there is one still and who is behind it, since one that is gone or has
nobody behind it looks like a denial. That packets do pass it is for the controls before and after to show.

The witness is a pod that no policy of the scenario selects, in a namespace of its own. There is no control stream
to an endpoint outside the cluster, nor to its DNS, so an answer to the witness is what shows that it still answers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from probe.engine.agent import Health, Sample
from probe.engine.agents import Agents
from probe.engine.routes import NOT_OURS
from probe.model.cell import Cell, Outcome, Path, Via
from probe.model.errors import ClusterError
from probe.model.fleet import Namespace, Pod
from probe.model.scenario import Scenario
from probe.scenario.ways import selected_ways

WITNESS_NAMESPACE = "cni-probe-witness"
WITNESS = Pod(namespace=WITNESS_NAMESPACE, name="witness", group="witness", labels={}, ports=())
WITNESS_NAMESPACE_SPEC = Namespace(name=WITNESS_NAMESPACE, pods=(WITNESS,))


def needs_witness(scenario: Scenario) -> bool:
    """Whether a scenario tries anything that is no pod of its fleet."""
    asked = {step.selection.paths for step in scenario.steps}
    return bool(scenario.fleet.externals) or any(
        way.path is Path.DNS for paths in asked for way in selected_ways(paths)
    )


@dataclass(frozen=True, slots=True)
class Liveness:
    """What was found about the responders of a set of cells."""

    pods: dict[str, Health]
    dialled: dict[Cell, str]
    services: Mapping[tuple[str, Via], str]

    def trouble(self, cell: Cell) -> str:
        """What is wrong with the responder of ``cell``; empty when it was proven alive."""
        if cell.path in NOT_OURS:
            return self.dialled[_check_of(cell)]
        return (
            self.pods[cell.destination].trouble(cell)
            or self.dialled[_check_of(cell)]
            or self.services.get((cell.destination, cell.via), "")
        )


async def check_responders(agents: Agents, cells: Iterable[Cell], timeout: float) -> Liveness:
    """Check the responders of ``cells`` now. ``timeout``: seconds for the witness's attempts."""
    cells = tuple(cells)
    pods = sorted({cell.destination for cell in cells if cell.path not in NOT_OURS})
    health = await agents.check(pods)
    samples = await agents.probe(sorted({_check_of(cell) for cell in cells}), timeout)
    services = await _service_troubles(agents, {(cell.destination, cell.via) for cell in cells if cell.via})
    return Liveness(health, {cell: _trouble(cell, sample) for cell, sample in samples.items()}, services)


async def _service_troubles(agents: Agents, doors: Collection[tuple[str, Via]]) -> Mapping[tuple[str, Via], str]:
    """What is wrong with the Services of these pods and variants; that nobody could say is trouble as well."""
    if not doors:
        return {}
    try:
        troubles = await agents.routes.services.troubles(doors)
    except ClusterError as error:
        return dict.fromkeys(doors, f"its service could not be looked up: {error}")
    return {(pod, via): text and f"the service of {pod} is broken: {text}" for (pod, via), text in troubles.items()}


def _check_of(cell: Cell) -> Cell:
    """The cell that shows its responder alive whatever the policies are: to a pod, at its own address."""
    if cell.path in NOT_OURS:
        return replace(cell, source=WITNESS.id)
    return Cell(cell.destination, cell.destination, cell.port, cell.protocol, cell.family)


def _trouble(check: Cell, sample: Sample) -> str:
    if sample.outcome is Outcome.CONNECTED or (check.path is Path.DNS and sample.established):
        return ""
    who = "it" if check.is_self else "the witness"
    at = "at its own address " if check.is_self else ""
    return f"{check.destination} was not proven alive: {at}{who} saw {sample.outcome}"
