"""Why a pod does not start, read from its status as the API gives it."""

from __future__ import annotations

from typing import Any

from probe.cluster.pods import hopeless_cause, is_running, pending_cause


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "web", "namespace": "shop", "uid": "1"}, "status": status}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return pod(
        phase="Pending",
        containerStatuses=[{"name": "agent", "state": {"waiting": {"reason": reason, "message": message}}}],
    )


RUNNING = pod(phase="Running", podIP="10.244.0.2", containerStatuses=[{"name": "agent", "state": {"running": {}}}])


def test_a_pod_runs_when_its_containers_run_and_it_has_an_address() -> None:
    assert is_running(RUNNING)
    assert not is_running(None)
    assert not is_running(pod(phase="Running", containerStatuses=[{"name": "agent", "state": {"running": {}}}]))
    assert not is_running(waiting("ContainerCreating"))


def test_a_pod_that_is_being_deleted_does_not_count_as_running() -> None:
    dying = RUNNING | {"metadata": RUNNING["metadata"] | {"deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert not is_running(dying)


def test_an_image_that_cannot_be_pulled_is_hopeless_at_once() -> None:
    cause = hopeless_cause(waiting("ImagePullBackOff", 'Back-off pulling image "nowhere/agent"'))
    assert cause == 'ImagePullBackOff: Back-off pulling image "nowhere/agent"'


def test_a_first_pull_error_may_still_go_away() -> None:
    assert hopeless_cause(waiting("ErrImagePull")) == ""
    assert pending_cause(waiting("ErrImagePull")) == "ErrImagePull"


def test_a_crash_loop_names_the_last_exit_code() -> None:
    status = {
        "name": "agent",
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
        "lastState": {"terminated": {"exitCode": 2, "reason": "Error"}},
    }
    cause = hopeless_cause(pod(phase="Running", containerStatuses=[status]))
    assert cause == "CrashLoopBackOff: back-off 10s (last exit code 2, Error)"


def test_an_evicted_pod_says_so() -> None:
    assert hopeless_cause(pod(phase="Failed", reason="Evicted", message="disk")) == "failed: Evicted disk"


def test_an_unschedulable_pod_is_explained_in_the_schedulers_words() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes: no room"}
    assert pending_cause(pod(phase="Pending", conditions=[condition])) == "Unschedulable: 0/2 nodes: no room"


def test_a_pod_that_was_never_seen_is_said_to_be_missing() -> None:
    assert pending_cause(None) == "it is not there"
