"""Jobs: one pod at a time, until enough have succeeded or too many have failed.

A small part of Kubernetes' controller: no parallel pods, no indexes, no deadlines, no time to live. As there, each pod
carries a finalizer until it has been counted, so that each is counted once, whoever deletes it.
"""

from __future__ import annotations

from typing import Final

from probe.sandbox.api.entry import create_as_controller
from probe.sandbox.api.errors import ApiError
from probe.sandbox.controllers.conditions import condition, set_condition
from probe.sandbox.events import EventRecorder
from probe.sandbox.store import Obj, Store, StoreError, clone, timestamp

CONTROLLER: Final = "job-controller"
TRACKING: Final = "batch.kubernetes.io/job-tracking"

_RETRIES: Final = ("limitranges", "namespaces", "resourcequotas", "serviceaccounts")
"""What a refused pod may have waited for."""


async def run_jobs(store: Store) -> None:
    """Until cancelled."""
    recorder = EventRecorder(store, CONTROLLER)
    async with store.subscribe("jobs", "pods", *_RETRIES) as changes:
        while True:
            for event in await changes.batch():
                if event.resource == "jobs" and event.type == "DELETED":
                    _forsake(store, event.obj)
            for job in store.list("jobs"):
                if "deletionTimestamp" not in job["metadata"] and not is_finished(job):
                    await _reconcile(store, recorder, job)


def _forsake(store: Store, job: Obj) -> None:
    """A Job's pods go with it."""
    for pod in _pods(store, job):
        meta = pod["metadata"]
        store.modify("pods", meta["namespace"], meta["name"], _let_go)
        if "deletionTimestamp" not in meta:
            store.delete("pods", meta["namespace"], meta["name"], uid=meta["uid"])


def _let_go(pod: Obj) -> None:
    pod["metadata"]["finalizers"] = [item for item in pod["metadata"].get("finalizers") or () if item != TRACKING]


def _pods(store: Store, job: Obj) -> list[Obj]:
    uid = job["metadata"]["uid"]
    return [
        pod
        for pod in store.list("pods", job["metadata"]["namespace"])
        if any(owner.get("uid") == uid for owner in pod["metadata"].get("ownerReferences") or ())
    ]


async def _reconcile(store: Store, recorder: EventRecorder, job: Obj) -> None:
    current = _count(store, job)
    if current is None:
        return
    if is_finished(current):
        _say(recorder, current)
        return
    spec, status = current["spec"], current["status"]
    if (
        not status.get("active")
        and not spec["suspend"]
        and spec["parallelism"] > 0
        and await _start(store, recorder, current)
    ):
        _count(store, current)


def _count(store: Store, job: Obj) -> Obj | None:
    """Bring a Job's status up to its pods; the Job, unless it is not there any more."""
    ended = {"succeeded": 0, "failed": 0}
    active = []
    for pod in _pods(store, job):
        meta, phase = pod["metadata"], (pod.get("status") or {}).get("phase")
        if phase not in ("Failed", "Succeeded") and "deletionTimestamp" not in meta:
            active.append(pod)
        elif TRACKING in (meta.get("finalizers") or ()):
            ended["succeeded" if phase == "Succeeded" else "failed"] += 1
            store.modify("pods", meta["namespace"], meta["name"], _let_go)
    ready = sum((condition(pod, "Ready") or {}).get("status") == "True" for pod in active)

    def change(draft: Obj) -> None:
        status = draft.setdefault("status", {})
        status.setdefault("startTime", timestamp())
        for word, number in ended.items():
            if number:
                status[word] = status.get(word, 0) + number
        status |= {"active": len(active), "ready": ready, "terminating": 0, "uncountedTerminatedPods": {}}
        if not active:
            del status["active"]
        _finish(draft)

    return store.modify("jobs", job["metadata"]["namespace"], job["metadata"]["name"], change)


def _finish(job: Obj) -> None:
    spec, status = job["spec"], job["status"]
    if status.get("succeeded", 0) >= spec["completions"]:
        reason, message = "CompletionsReached", "Reached expected number of succeeded pods"
        set_condition(job, "SuccessCriteriaMet", "True", reason, message)
        set_condition(job, "Complete", "True", reason, message)
        status["completionTime"] = timestamp()
    elif status.get("failed", 0) > spec["backoffLimit"]:
        reason, message = "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        set_condition(job, "FailureTarget", "True", reason, message)
        set_condition(job, "Failed", "True", reason, message)


def is_finished(job: Obj) -> bool:
    """Whether nothing more will happen to it."""
    return any((condition(job, kind) or {}).get("status") == "True" for kind in ("Complete", "Failed"))


def _say(recorder: EventRecorder, job: Obj) -> None:
    if (condition(job, "Complete") or {}).get("status") == "True":
        recorder.record(job, "Completed", "Job completed")
    else:
        recorder.record(job, "BackoffLimitExceeded", "Job has reached the specified backoff limit", warning=True)


async def _start(store: Store, recorder: EventRecorder, job: Obj) -> bool:
    """Make one pod of the Job; whether the cluster took it."""
    meta, template = job["metadata"], job["spec"]["template"]
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    kept = {key: template["metadata"][key] for key in ("labels", "annotations") if key in template["metadata"]}
    pod: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            **clone(kept),
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "finalizers": [TRACKING],
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": clone(template["spec"]),
    }
    try:
        made = await create_as_controller(store, "pods", pod, CONTROLLER)
    except (ApiError, StoreError) as error:
        recorder.record(job, "FailedCreate", f"Error creating: {error}", warning=True)
        return False
    recorder.record(job, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
    if store.find("jobs", meta["namespace"], meta["name"]) is None:
        _forsake(store, job)  # it went while a webhook was asked about its pod
    return True
