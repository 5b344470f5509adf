"""The scheduler: puts each pod on a node it fits, spread evenly, or says why there is none.

Regards nodeSelector, required node affinity (labels and metadata.name), taints with tolerations, unschedulable nodes,
host ports and the number of pods a node takes. There are no resources to account for: pods here are processes that
wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from probe.sandbox.controllers.conditions import condition, set_condition
from probe.sandbox.controllers.hostports import HostPorts
from probe.sandbox.controllers.nodes import tolerates
from probe.sandbox.events import EventRecorder
from probe.sandbox.store import Obj, Store

COMPONENT: Final = "default-scheduler"
_UNSCHEDULABLE: Final = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_DEFAULT_CAPACITY: Final = 110


async def run_scheduler(store: Store) -> None:
    """Follow pods and nodes for ever."""
    async with store.subscribe("nodes", "pods") as changes:
        while True:
            await changes.batch()
            schedule(store)


def schedule(store: Store) -> None:
    """Decide about every pod that waits for a node."""
    pods = store.list("pods")
    waiting = [pod for pod in pods if _waits(pod)]
    if not waiting:
        return
    nodes = store.list("nodes")
    placed = [pod for pod in pods if pod["spec"].get("nodeName") and not _ended(pod)]
    load = Counter(pod["spec"]["nodeName"] for pod in placed)
    ports = HostPorts()
    for pod in placed:
        ports.take(pod["spec"]["nodeName"], pod)
    for pod in sorted(waiting, key=lambda pod: int(pod["metadata"]["resourceVersion"])):
        reasons: Counter[str] = Counter()
        fitting: list[str] = []
        for node in nodes:
            if reason := _obstacle(pod, node, load, ports):
                reasons[reason] += 1
            else:
                fitting.append(node["metadata"]["name"])
        if fitting:
            chosen = min(fitting, key=lambda name: (load[name], name))
            load[chosen] += 1
            ports.take(chosen, pod)
            _bind(store, pod, chosen)
        else:
            _refuse(store, pod, len(nodes), reasons)


def assign(pod: Obj, node: str) -> None:
    """Put a pod on a node, in place."""
    pod["spec"]["nodeName"] = node
    set_condition(pod, "PodScheduled", "True")


def _waits(pod: Obj) -> bool:
    spec = pod["spec"]
    ours = spec.get("schedulerName", COMPONENT) == COMPONENT and not spec.get("schedulingGates")
    return ours and not spec.get("nodeName") and "deletionTimestamp" not in pod["metadata"] and not _ended(pod)


def _ended(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _bind(store: Store, pod: Obj, node: str) -> None:
    meta = pod["metadata"]
    store.modify("pods", meta["namespace"], meta["name"], lambda draft: assign(draft, node))
    message = f"Successfully assigned {meta['namespace']}/{meta['name']} to {node}"
    EventRecorder(store, COMPONENT).record(pod, "Scheduled", message)


def _refuse(store: Store, pod: Obj, nodes: int, reasons: Counter[str]) -> None:
    if nodes:
        shown = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        message = f"0/{nodes} nodes are available: {shown}."
    else:
        message = "no nodes available to schedule pods"
    known = condition(pod, "PodScheduled")
    if known is not None and known.get("message") == message:
        return
    meta = pod["metadata"]

    def change(draft: Obj) -> None:
        set_condition(draft, "PodScheduled", "False", "Unschedulable", message)

    store.modify("pods", meta["namespace"], meta["name"], change)
    EventRecorder(store, COMPONENT).record(pod, "FailedScheduling", message, warning=True)


def _obstacle(pod: Obj, node: Obj, load: Mapping[str, int], ports: HostPorts) -> str:
    """Why the pod cannot go there, in the scheduler's words; empty when it can."""
    spec, node_spec = pod["spec"], node.get("spec") or {}
    tolerations = spec.get("tolerations") or []
    if node_spec.get("unschedulable") and not _tolerated(_UNSCHEDULABLE, tolerations):
        return "node(s) were unschedulable"
    for taint in node_spec.get("taints") or ():
        if taint.get("effect") in ("NoSchedule", "NoExecute") and not _tolerated(taint, tolerations):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    if not _selected(spec, node):
        return "node(s) didn't match Pod's node affinity/selector"
    if not ports.fit(node["metadata"]["name"], pod):
        return "node(s) didn't have free ports for the requested pod ports"
    capacity = int(((node.get("status") or {}).get("allocatable") or {}).get("pods", _DEFAULT_CAPACITY))
    return "Too many pods" if load.get(node["metadata"]["name"], 0) >= capacity else ""


def _tolerated(taint: Mapping[str, Any], tolerations: list[dict[str, Any]]) -> bool:
    return any(tolerates(toleration, taint) for toleration in tolerations)


def _selected(spec: Mapping[str, Any], node: Obj) -> bool:
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return True
    # Terms are alternatives; a term without expressions selects nothing.
    return any(_term(term, node) for term in required.get("nodeSelectorTerms") or ())


def _term(term: Mapping[str, Any], node: Obj) -> bool:
    labels = node["metadata"].get("labels") or {}
    by_label, by_field = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not by_label and not by_field:
        return False
    fields = {"metadata.name": node["metadata"]["name"]}
    return all(_holds(item, labels) for item in by_label) and all(_holds(item, fields) for item in by_field)


def _holds(requirement: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    value, wanted = values.get(requirement["key"]), requirement.get("values") or []
    match requirement["operator"]:
        case "In":
            return value in wanted
        case "NotIn":
            return value not in wanted
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            return _compares(operator, value, wanted)
        case _:
            return False


def _compares(operator: str, value: str | None, wanted: list[str]) -> bool:
    try:
        left, right = int(value or ""), int(wanted[0])
    except (ValueError, IndexError):
        return False
    return left > right if operator == "Gt" else left < right
