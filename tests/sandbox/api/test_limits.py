"""LimitRange, and classes of priority and runtime: what a pod is given, and what it may not ask for."""

from __future__ import annotations

from typing import Any

import pytest

from probe.sandbox.store import Obj
from tests.sandbox.api.server import PODS, Client, pod
from tests.sandbox.api.test_quota import QUOTAS, quota, using

LIMITS = "/api/v1/namespaces/default/limitranges"
PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"
RUNTIMES = "/apis/node.k8s.io/v1/runtimeclasses"


def limits(kind: str = "Container", **item: Any) -> Obj:
    return {"metadata": {"name": "l"}, "spec": {"limits": [{"type": kind, **item}]}}


async def test_what_a_container_leaves_out_is_filled_in(client: Client) -> None:
    await client.post(LIMITS, limits(default={"cpu": "1", "memory": "64Mi"}, defaultRequest={"cpu": "100m"}))
    made = (await client.post(PODS, pod())).body
    wanted = {"limits": {"cpu": "1", "memory": "64Mi"}, "requests": {"cpu": "100m", "memory": "64Mi"}}
    assert made["spec"]["containers"][0]["resources"] == wanted
    assert made["status"]["qosClass"] == "Burstable"
    assert made["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu, memory request for container agent; "
        "cpu, memory limit for container agent"
    }


async def test_defaults_count_for_a_quota(client: Client) -> None:
    await client.post(QUOTAS, quota(limits__cpu="1"))
    await client.post(LIMITS, limits(default={"cpu": "1"}))
    assert (await client.post(PODS, pod("a"))).code == 201
    assert "exceeded quota" in (await client.post(PODS, pod("b"))).body["message"]


async def test_the_greatest_is_also_the_default(client: Client) -> None:
    made = (await client.post(LIMITS, limits(max={"cpu": 2}, min={"memory": "4Mi"}))).body
    item = made["spec"]["limits"][0]
    assert (item["default"], item["defaultRequest"]) == ({"cpu": "2"}, {"cpu": "2", "memory": "4Mi"})


@pytest.mark.parametrize(
    ("item", "resources", "said"),
    [
        ({"max": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, "maximum cpu usage per Container is 1, but limit is 2"),
        ({"min": {"cpu": "1"}}, {"requests": {"cpu": "1m"}}, "minimum cpu usage per Container is 1, but request is 1m"),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {"requests": {"cpu": "1"}, "limits": {"cpu": "3"}},
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3",
        ),
        (
            {"maxLimitRequestRatio": {"cpu": "2"}},
            {},
            "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
        ),
    ],
)
async def test_out_of_bounds(client: Client, item: Obj, resources: Obj, said: str) -> None:
    assert (await client.post(LIMITS, limits(**item))).code == 201
    refused = await client.post(PODS, using("a", **resources))
    assert (refused.code, refused.body["message"]) == (403, f'pods "a" is forbidden: {said}')


async def test_a_pod_has_bounds_of_its_own(client: Client) -> None:
    await client.post(LIMITS, limits("Pod", max={"cpu": "1", "memory": "1Gi"}))
    refused = await client.post(PODS, using("a", limits={"cpu": "2"}))
    assert refused.body["message"] == (
        'pods "a" is forbidden: [maximum cpu usage per Pod is 1, but limit is 2, '
        "maximum memory usage per Pod is 1Gi.  No limit is specified]"
    )


async def test_limits_that_leave_nothing_are_invalid(client: Client) -> None:
    refused = await client.post(LIMITS, limits(min={"cpu": "2"}, max={"cpu": "1"}))
    assert refused.code == 422
    said = 'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1'
    assert said in refused.body["message"]


async def test_a_priority_class_gives_its_number(client: Client) -> None:
    await client.post(PRIORITIES, {"metadata": {"name": "high"}, "value": 1000, "preemptionPolicy": "Never"})
    made = (await client.post(PODS, pod(priorityClassName="high"))).body["spec"]
    assert (made["priority"], made["preemptionPolicy"]) == (1000, "Never")
    system = (await client.post(PODS, pod("b", priorityClassName="system-node-critical"))).body["spec"]
    assert system["priority"] == 2_000_001_000


async def test_the_clusters_default_class(client: Client) -> None:
    await client.post(PRIORITIES, {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True})
    made = (await client.post(PODS, pod())).body["spec"]
    assert (made["priority"], made["priorityClassName"]) == (7, "usual")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"priorityClassName": "urgent"}, "no PriorityClass with name urgent was found"),
        ({"runtimeClassName": "gvisor"}, 'pod rejected: RuntimeClass "gvisor" not found'),
        (
            {"serviceAccountName": "robot"},
            'error looking up service account default/robot: serviceaccount "robot" not found',
        ),
        (
            {"priority": 5},
            "the integer value of priority (5) must not be provided in pod spec; priority admission controller "
            "computed 0 from the given PriorityClass name",
        ),
    ],
)
async def test_what_the_cluster_does_not_know_is_forbidden(client: Client, spec: Obj, said: str) -> None:
    refused = await client.post(PODS, pod(**spec))
    assert (refused.code, refused.body["message"]) == (403, f'pods "backend" is forbidden: {said}')


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"metadata": {"name": "system-mine"}, "value": 1}, "prefix are reserved for system use only"),
        ({"metadata": {"name": "a"}, "value": 1_000_000_001}, "value of a user defined priority is 1000000000"),
    ],
)
async def test_priorities_for_users(client: Client, made: Obj, said: str) -> None:
    refused = await client.post(PRIORITIES, made)
    assert (refused.code, said in refused.body["message"]) == (422, True)


async def test_a_runtime_class_says_where_and_what_it_costs(client: Client) -> None:
    scheduling: Obj = {
        "nodeSelector": {"sandboxed": "yes"},
        "tolerations": [{"key": "sandboxed", "operator": "Exists"}],
    }
    overhead = {"podFixed": {"memory": "10Mi"}}
    made = {"metadata": {"name": "gvisor"}, "handler": "runsc", "scheduling": scheduling, "overhead": overhead}
    assert (await client.post(RUNTIMES, made)).code == 201
    spec = (await client.post(PODS, pod(runtimeClassName="gvisor"))).body["spec"]
    assert (spec["nodeSelector"], spec["overhead"]) == ({"sandboxed": "yes"}, {"memory": "10Mi"})
    assert scheduling["tolerations"][0] in spec["tolerations"]
    assert (await client.patch(f"{RUNTIMES}/gvisor", {"handler": "other"})).code == 422


async def test_pull_secrets_come_from_the_service_account(client: Client) -> None:
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    await client.patch(account, {"imagePullSecrets": [{"name": "registry"}]})
    assert (await client.post(PODS, pod())).body["spec"]["imagePullSecrets"] == [{"name": "registry"}]
