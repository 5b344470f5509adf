"""The changes of a step, carried out on a copy of a fleet, with what they mean for its agents and services."""

from __future__ import annotations

from probe.cluster.running import RunningPod
from probe.engine.agents import Agents
from probe.engine.stage import Stage
from probe.model.actions import Action, Apply, Complete, CreateNamespace, CreatePod, Delete, Label, Replace, Terminate
from probe.model.cell import Family
from probe.model.events import PodReady
from probe.model.fleet import Pod
from probe.model.record import PodRecord


async def carry_out(action: Action, stage: Stage) -> None:
    """Make one change, and wait until the API server has acknowledged it. Raises ClusterError."""
    deployment, agents = stage.deployment, stage.agents
    match action:
        case CreateNamespace():
            await deployment.create_namespaces([action.namespace])
        case CreatePod():
            await _create_pod(action.pod, stage)
        case Label():
            await deployment.label(action)
        case Replace():
            await deployment.replace(action)
        case Apply():
            await deployment.apply(action)
        case Complete(ref):
            await agents.forget([f"{ref.namespace}/{ref.name}"])
            await deployment.complete_pod(ref)
        case Terminate(ref):
            await deployment.terminate(ref)
        case Delete():
            await agents.forget(_pods_of(action, agents))
            await deployment.delete(action)
            if action.ref.kind == "namespace":
                agents.routes.services.forget(action.ref.name)


async def _create_pod(pod: Pod, stage: Stage) -> None:
    for running in await stage.copy.start_pods((pod,), stage.scenario.timeouts.ready):
        stage.emit(PodReady(pod_record(running)))
    await stage.agents.routes.services.make((pod,))


def _pods_of(action: Delete, agents: Agents) -> list[str]:
    """The pods that end with a deletion."""
    ref = action.ref
    if ref.kind == "pod":
        return [f"{ref.namespace}/{ref.name}"]
    if ref.kind == "namespace":
        return [pod_id for pod_id in agents.by_pod if pod_id.startswith(f"{ref.name}/")]
    return []


def pod_record(pod: RunningPod) -> PodRecord:
    """A pod that runs, for the run's record: its addresses by family, IPv4 first."""
    return PodRecord(
        id=pod.pod.id,
        namespace=pod.namespace,
        name=pod.name,
        uid=pod.uid,
        node=pod.node,
        addresses=[pod.addresses[family] for family in Family if family in pod.addresses],
        labels=dict(pod.pod.labels),
    )
