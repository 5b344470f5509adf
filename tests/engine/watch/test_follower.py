"""What of a cluster's objects is worth telling when it changes."""

from __future__ import annotations

from typing import Any

from probe.engine.watch.follower import described, facts


def pod(**status: Any) -> dict[str, str]:
    metadata = {"name": "agent", "namespace": "kube-system", "uid": "u1"}
    return facts(
        "Pod", {"metadata": metadata, "spec": {"nodeName": "node-1"}, "status": {"phase": "Running", **status}}
    )


def conditions(ready: str) -> list[dict[str, str]]:
    return [{"type": "Ready", "status": ready}]


def test_what_is_new_says_where() -> None:
    assert described(None, pod()) == "created on node-1"
    assert described(pod() | {"uid": "u0"}, pod()) == "another of that name on node-1"


def test_a_pod_that_restarts_and_is_ready_again() -> None:
    before = pod(conditions=conditions("True"), containerStatuses=[{"restartCount": 0}])
    after = pod(conditions=conditions("False"), containerStatuses=[{"restartCount": 1}])
    assert described(before, after) == "ready True -> False, restarts 0 -> 1"


def test_what_nobody_looks_for_is_not_told() -> None:
    assert described(pod(), pod(qosClass="Burstable")) == ""


def test_a_node_that_is_cordoned_and_upgraded() -> None:
    before = {"metadata": {"name": "n"}, "status": {"nodeInfo": {"kubeletVersion": "v1.33.0"}}}
    after = {
        "metadata": {"name": "n"},
        "spec": {"unschedulable": True},
        "status": {"nodeInfo": {"kubeletVersion": "v1"}},
    }
    assert described(facts("Node", before), facts("Node", after)) == "schedulable yes -> no, kubelet v1.33.0 -> v1"


def test_the_progress_of_a_rollout() -> None:
    def daemonset(generation: int, updated: int, ready: int) -> dict[str, str]:
        status = {"desiredNumberScheduled": 3, "updatedNumberScheduled": updated, "numberReady": ready}
        return facts("DaemonSet", {"metadata": {"name": "cni", "generation": generation}, "status": status})

    assert described(daemonset(1, 3, 3), daemonset(2, 0, 3)) == "generation 1 -> 2, updated 3 of 3 -> 0 of 3"
    assert described(daemonset(2, 0, 3), daemonset(2, 1, 2)) == "updated 0 of 3 -> 1 of 3, ready 3 of 3 -> 2 of 3"
