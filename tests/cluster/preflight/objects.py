"""Objects of clusters that doctor looks at, as JSON."""

from __future__ import annotations

from typing import Any

from probe.cluster.preflight.demand import Demand, demand_of
from probe.model.agent_options import AgentOptions
from probe.model.cell import Expectation, Family, Protocol
from probe.model.fleet import Fleet, Namespace, Pod, Port
from probe.model.scenario import Scenario, Selection, Step


def node(name: str, *, ready: bool = True, slots: int = 110, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": status.pop("spec", {}),
        "status": {
            "allocatable": {"pods": str(slots)},
            "conditions": [{"type": "Ready", "status": str(ready)}],
        }
        | status,
    }


def scenario(
    pods: int, *, name: str = "example", families: tuple[Family, ...] = (), protocol: Protocol = Protocol.TCP
) -> Scenario:
    fleet = tuple(Pod("shop", f"pod-{index}", f"pod-{index}", {}, (Port(80, protocol),)) for index in range(pods))
    step = Step("open", (), Expectation.ALLOW, selection=Selection(families=families))
    return Scenario(name, Fleet((Namespace("shop", {}, fleet),)), (step,), "example.yaml")


def demand(pods: int = 3, agent: AgentOptions | None = None, **options: Any) -> Demand:
    return demand_of([scenario(pods, **options)], agent or AgentOptions())
