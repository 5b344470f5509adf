"""Proof that responders were alive: pods dial their own listeners, a witness dials external endpoints.

The witness is a pod that no policy of the scenario selects, in a namespace of its own. There is no control stream
to an endpoint outside the cluster, so a connection from the witness is what shows that it still answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from probe.engine.agents import Agents, Health
from probe.model.cell import Cell, Outcome, Path
from probe.model.scenario import Namespace, Pod

WITNESS_NAMESPACE = "cni-probe-witness"
WITNESS = Pod(namespace=WITNESS_NAMESPACE, name="witness", group="witness", labels={}, ports=())
WITNESS_NAMESPACE_SPEC = Namespace(name=WITNESS_NAMESPACE, pods=(WITNESS,))


@dataclass(frozen=True, slots=True)
class Liveness:
    """What was found about the responders of a set of cells."""

    pods: dict[str, Health]
    externals: dict[Cell, str]

    def trouble(self, cell: Cell) -> str:
        """What is wrong with the responder of ``cell``; empty when it was proven alive."""
        if cell.path is Path.EXTERNAL:
            return self.externals[_seen_by_witness(cell)]
        return self.pods[cell.destination].trouble(cell)


async def check_responders(agents: Agents, cells: Iterable[Cell], timeout: float) -> Liveness:
    """Check the responders of ``cells`` now. ``timeout``: seconds for the witness's attempts."""
    cells = tuple(cells)
    pods = sorted({cell.destination for cell in cells if cell.path is not Path.EXTERNAL})
    outside = sorted({_seen_by_witness(cell) for cell in cells if cell.path is Path.EXTERNAL})
    health = await agents.check(pods)
    samples = await agents.probe(outside, timeout) if outside else {}
    troubles = {
        cell: ""
        if sample.outcome is Outcome.CONNECTED
        else f"{cell.destination} was not proven alive: the witness saw {sample.outcome}"
        for cell, sample in samples.items()
    }
    return Liveness(health, troubles)


def _seen_by_witness(cell: Cell) -> Cell:
    return replace(cell, source=WITNESS.id)
