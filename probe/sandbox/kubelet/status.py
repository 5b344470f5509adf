"""A pod's status as a kubelet writes it, from the states of its containers. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from probe.sandbox.store import Obj, timestamp


@dataclass(slots=True)
class ContainerState:
    """A container's state as core/v1 ContainerState has it, now and before."""

    name: str
    image: str
    state: dict[str, Any] = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: dict[str, Any] = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    container_id: str = ""
    finished: bool = False
    """It has ended and will not be restarted."""

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return "running" in self.state

    @property
    def exit_code(self) -> int:
        """Of a container that has ended."""
        return int(self.state["terminated"]["exitCode"])

    def as_status(self) -> dict[str, Any]:
        """core/v1 ContainerStatus."""
        status = {
            "name": self.name,
            "image": self.image,
            "imageID": self.image if self.container_id else "",
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "started": self.running,
            "restartCount": self.restarts,
        }
        return status | ({"containerID": self.container_id} if self.container_id else {})


@dataclass(frozen=True, slots=True)
class PodState:
    """What the kubelet knows of a pod beside its containers."""

    started: str
    host_ips: Sequence[str]
    pod_ips: Sequence[str]
    containers: Sequence[ContainerState]
    reason: str = ""
    message: str = ""
    failed: bool = False
    """The pod was refused; its containers never ran."""


def phase(state: PodState) -> str:
    """core/v1 PodPhase."""
    containers = state.containers
    if state.failed:
        return "Failed"
    if all(container.finished for container in containers):
        return "Succeeded" if all(container.exit_code == 0 for container in containers) else "Failed"
    begun = [container for container in containers if container.running or container.restarts or container.last_state]
    if begun or any(container.finished for container in containers):
        return "Running"
    return "Pending"


def pod_status(previous: Mapping[str, Any], state: PodState) -> dict[str, Any]:
    """The whole status; transition times of unchanged conditions are kept from ``previous``."""
    current = phase(state)
    unready = [container.name for container in state.containers if not container.ready]
    ready = _condition("Ready", current, unready)
    status: dict[str, Any] = {
        "phase": current,
        "conditions": _keep_times(
            previous.get("conditions") or (),
            [
                {"type": "PodReadyToStartContainers", "status": _bool(bool(state.pod_ips))},
                {"type": "Initialized", "status": "True"},
                ready,
                {**ready, "type": "ContainersReady"},
                {"type": "PodScheduled", "status": "True"},
            ],
        ),
        "hostIP": state.host_ips[0],
        "hostIPs": [{"ip": ip} for ip in state.host_ips],
        "startTime": state.started,
        "containerStatuses": [container.as_status() for container in state.containers],
        "qosClass": previous.get("qosClass") or "BestEffort",
    }
    if state.pod_ips:
        status |= {"podIP": state.pod_ips[0], "podIPs": [{"ip": ip} for ip in state.pod_ips]}
    if state.reason:
        status["reason"] = state.reason
    if state.message:
        status["message"] = state.message
    return status


def _condition(kind: str, current: str, unready: Sequence[str]) -> dict[str, Any]:
    if current == "Succeeded":
        return {"type": kind, "status": "False", "reason": "PodCompleted"}
    if current == "Failed":
        return {"type": kind, "status": "False", "reason": "PodFailed"}
    if unready:
        message = f"containers with unready status: [{' '.join(unready)}]"
        return {"type": kind, "status": "False", "reason": "ContainersNotReady", "message": message}
    return {"type": kind, "status": "True"}


def _keep_times(previous: Sequence[Mapping[str, Any]], conditions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    before = {condition["type"]: condition for condition in previous}
    now = timestamp()
    kept = []
    for condition in conditions:
        old = before.pop(condition["type"], {})
        same = old.get("status") == condition["status"]
        changed = old.get("lastTransitionTime", now) if same else now
        kept.append({"lastProbeTime": None, "lastTransitionTime": changed, **condition})
    return [*kept, *map(dict, before.values())]


def _bool(value: bool) -> str:
    return "True" if value else "False"


def with_status(obj: Obj, state: PodState) -> None:
    """Write the status into a pod (a store's draft)."""
    obj["status"] = pod_status(obj.get("status") or {}, state)
