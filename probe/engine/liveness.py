"""Proof that responders were alive: pods dial their own listeners and addresses, a witness external endpoints.

A pod's listeners are checked over loopback, and its address by dialling it from within: a pod that lost its address
(its sandbox was made anew) still listens, and nobody will ever reach it. No policy stands between a pod and itself.

The witness is a pod that no policy of the scenario selects, in a namespace of its own. There is no control stream
to an endpoint outside the cluster, so a connection from the witness is what shows that it still answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from probe.engine.agents import Agents, Health, Sample
from probe.model.cell import Cell, Outcome, Path
from probe.model.scenario import Namespace, Pod

WITNESS_NAMESPACE = "cni-probe-witness"
WITNESS = Pod(namespace=WITNESS_NAMESPACE, name="witness", group="witness", labels={}, ports=())
WITNESS_NAMESPACE_SPEC = Namespace(name=WITNESS_NAMESPACE, pods=(WITNESS,))


@dataclass(frozen=True, slots=True)
class Liveness:
    """What was found about the responders of a set of cells."""

    pods: dict[str, Health]
    dialled: dict[Cell, str]

    def trouble(self, cell: Cell) -> str:
        """What is wrong with the responder of ``cell``; empty when it was proven alive."""
        if cell.path is Path.EXTERNAL:
            return self.dialled[_check_of(cell)]
        return self.pods[cell.destination].trouble(cell) or self.dialled[_check_of(cell)]


async def check_responders(agents: Agents, cells: Iterable[Cell], timeout: float) -> Liveness:
    """Check the responders of ``cells`` now. ``timeout``: seconds for the witness's attempts."""
    cells = tuple(cells)
    pods = sorted({cell.destination for cell in cells if cell.path is not Path.EXTERNAL})
    health = await agents.check(pods)
    samples = await agents.probe(sorted({_check_of(cell) for cell in cells}), timeout)
    return Liveness(health, {cell: _trouble(cell, sample) for cell, sample in samples.items()})


def _check_of(cell: Cell) -> Cell:
    """The cell that shows its responder alive whatever the policies are."""
    return replace(cell, source=WITNESS.id if cell.path is Path.EXTERNAL else cell.destination)


def _trouble(check: Cell, sample: Sample) -> str:
    if sample.outcome is Outcome.CONNECTED:
        return ""
    who = "it" if check.is_self else "the witness"
    at = "at its own address " if check.is_self else ""
    return f"{check.destination} was not proven alive: {at}{who} saw {sample.outcome}"
