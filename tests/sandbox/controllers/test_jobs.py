"""Jobs run their pods one after the other, and say how it went."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from probe.sandbox.store import Obj
from tests.sandbox.api.server import Server, api_server, until

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with api_server() as running:
        yield running


def job(name: str = "probe", **spec: Any) -> Obj:
    template: Obj = {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x"}]}}
    return {"metadata": {"name": name}, "spec": {"template": template, **spec}}


def pods(server: Server) -> list[Obj]:
    return [pod for pod in server.store.list("pods", "default") if pod["status"]["phase"] == "Pending"]


async def next_pod(server: Server, seen: tuple[str, ...] = ()) -> Obj:
    """The Job's pod that is to run, other than those seen before."""
    found = await until(
        server.store, "pods", lambda: [pod for pod in pods(server) if pod["metadata"]["uid"] not in seen]
    )
    made: Obj = found[0]
    return made


def end(server: Server, pod: Obj, phase: str) -> str:
    """What a kubelet says in the end; the pod's uid."""
    server.store.modify("pods", "default", pod["metadata"]["name"], lambda draft: draft["status"].update(phase=phase))
    uid: str = pod["metadata"]["uid"]
    return uid


async def finished(server: Server, kind: str, name: str = "probe") -> Obj:
    """The Job, once it has the condition."""

    def found() -> Obj | None:
        made = server.store.get("jobs", "default", name)
        conditions = (made.get("status") or {}).get("conditions") or ()
        return made if any(item["type"] == kind and item["status"] == "True" for item in conditions) else None

    done: Obj = await until(server.store, "jobs", found)
    return done


async def test_a_job_succeeds_with_its_pod(server: Server) -> None:
    made = (await server.client.post(JOBS, job())).body
    pod = await next_pod(server)
    assert pod["metadata"]["name"].startswith("probe-")
    assert pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "probe"
    assert pod["metadata"]["labels"]["job-name"] == "probe"
    assert made["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    owner = pod["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Job", made["metadata"]["uid"], True)
    end(server, pod, "Succeeded")
    status = (await finished(server, "Complete"))["status"]
    assert (status["succeeded"], status.get("failed"), status.get("active")) == (1, None, None)
    assert {item["type"] for item in status["conditions"]} == {"SuccessCriteriaMet", "Complete"}
    assert status["completionTime"] >= status["startTime"]
    kept = server.store.get("pods", "default", pod["metadata"]["name"])
    assert not kept["metadata"].get("finalizers"), "it has been counted"


async def test_no_second_try_without_a_backoff(server: Server) -> None:
    await server.client.post(JOBS, job(backoffLimit=0))
    end(server, await next_pod(server), "Failed")
    status = (await finished(server, "Failed"))["status"]
    failed = next(item for item in status["conditions"] if item["type"] == "Failed")
    said = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert (failed["reason"], failed["message"], status["failed"]) == (*said, 1)
    assert len(server.store.list("pods", "default")) == 1


async def test_it_is_tried_again_as_often_as_it_says(server: Server) -> None:
    await server.client.post(JOBS, job(backoffLimit=2))
    first = end(server, await next_pod(server), "Failed")
    second = end(server, await next_pod(server, (first,)), "Failed")
    end(server, await next_pod(server, (first, second)), "Succeeded")
    status = (await finished(server, "Complete"))["status"]
    assert (status["failed"], status["succeeded"]) == (2, 1)


async def test_a_pod_that_is_taken_away_has_failed(server: Server) -> None:
    await server.client.post(JOBS, job(backoffLimit=1))
    pod = await next_pod(server)
    await server.client.delete(f"{PODS}/{pod['metadata']['name']}")
    again = await next_pod(server, (pod["metadata"]["uid"],))
    assert server.store.get("jobs", "default", "probe")["status"]["failed"] == 1
    assert server.store.find("pods", "default", pod["metadata"]["name"]) is None
    end(server, again, "Succeeded")
    await finished(server, "Complete")


async def test_pods_go_with_their_job(server: Server) -> None:
    await server.client.post(JOBS, job())
    await next_pod(server)
    await server.client.delete(f"{JOBS}/probe")
    await until(server.store, "pods", lambda: not server.store.list("pods", "default"))


async def test_pods_go_with_the_namespace(server: Server) -> None:
    await server.client.post("/api/v1/namespaces", {"metadata": {"name": "n"}})
    await until(server.store, "serviceaccounts", lambda: server.store.find("serviceaccounts", "n", "default"))
    await server.client.post("/apis/batch/v1/namespaces/n/jobs", job())
    await until(server.store, "pods", lambda: server.store.list("pods", "n"))
    await server.client.delete("/api/v1/namespaces/n")
    await until(server.store, "namespaces", lambda: server.store.find("namespaces", None, "n") is None)


async def test_a_refused_pod_is_an_event_and_tried_again(server: Server) -> None:
    quotas = "/api/v1/namespaces/default/resourcequotas"
    await server.client.post(quotas, {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}})
    await server.client.post(JOBS, job())

    def refused() -> list[str]:
        return [item["message"] for item in server.store.list("events", "default") if item["reason"] == "FailedCreate"]

    said = (await until(server.store, "events", refused))[0]
    assert said.startswith('Error creating: pods "probe-')
    assert "is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0" in said
    await server.client.delete(f"{quotas}/q")
    end(server, await next_pod(server), "Succeeded")
    await finished(server, "Complete")


async def test_a_suspended_job_waits(server: Server) -> None:
    await server.client.post(JOBS, job(suspend=True))
    await until(server.store, "jobs", lambda: "startTime" in server.store.get("jobs", "default", "probe")["status"])
    assert pods(server) == []
    await server.client.patch(f"{JOBS}/probe", {"spec": {"suspend": False}})
    await next_pod(server)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"restartPolicy": "Always"}, 'spec.template.spec.restartPolicy: Unsupported value: "Always"'),
        ({"restartPolicy": None}, 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Ne'),
        ({"containers": []}, "spec.template.spec.containers: Required value"),
    ],
)
async def test_a_job_that_cannot_run(server: Server, change: Obj, said: str) -> None:
    made = job()
    made["spec"]["template"]["spec"] |= change
    refused = await server.client.post(JOBS, made)
    assert (refused.code, said in refused.body["message"]) == (422, True), refused.body


async def test_a_job_is_run_as_it_was_made(server: Server) -> None:
    await server.client.post(JOBS, job(suspend=True))
    refused = await server.client.patch(f"{JOBS}/probe", {"spec": {"completions": 2}})
    assert (refused.code, "spec.completions: Forbidden: field is immutable" in refused.body["message"]) == (422, True)
    whole = (await server.client.get(f"{JOBS}/probe")).body
    same = {"metadata": {"name": "probe", "labels": {"a": "b"}}, "spec": job(suspend=True)["spec"]}
    replaced = await server.client.put(f"{JOBS}/probe", same)
    assert (replaced.code, replaced.body["spec"]) == (200, whole["spec"])
