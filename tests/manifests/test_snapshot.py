"""Workloads and pods: each counts once, as itself where it exists and else as its workload's template."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest

from probe.manifests import ManifestSet
from probe.model.objects import TEMPLATES
from tests.manifests.conftest import Read

Json: TypeAlias = dict[str, Any]
VERSIONS = {"ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}


def thing(kind: str, name: str, owner: str = "", **fields: Any) -> Json:
    metadata: Json = {"name": name, "namespace": "shop"}
    if owner:
        of, _, by = owner.partition("/")
        metadata["ownerReferences"] = [{"kind": of, "name": by, "controller": True, "uid": "u"}]
    value: Json = {"apiVersion": VERSIONS.get(kind, "apps/v1"), "kind": kind, "metadata": metadata, **fields}
    if kind == "Pod":
        value["apiVersion"] = "v1"
    else:
        at = value
        for key in TEMPLATES[kind]:
            at = at.setdefault(key, {})
        at |= {"metadata": {"labels": {"of": kind}}, "spec": {"containers": [{"ports": [{"containerPort": 80}]}]}}
    return value


def read_all(read: Read, *things: Json) -> ManifestSet:
    found = read(files={"all.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": things})})
    assert (found.unreadable, found.invalid) == ((), ())
    return found


def ids(found: ManifestSet) -> list[str]:
    return [pod.id for pod in found.snapshot.pods]


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_workload_counts_as_one_pod_like_its_template(read: Read, kind: str) -> None:
    (pod,) = read_all(read, thing(kind, "web")).snapshot.pods
    assert (pod.id, pod.workload, pod.labels) == ("shop/web", f"{kind}/web", {"of": kind})
    assert [port.number for port in pod.ports] == [80]


def test_what_kubectl_get_all_prints_counts_each_pod_once(read: Read) -> None:
    things = [
        thing("Pod", "web-5d4f8-abcde", "ReplicaSet/web-5d4f8"),
        thing("Pod", "web-5d4f8-fghij", "ReplicaSet/web-5d4f8"),
        thing("Deployment", "web"),
        thing("ReplicaSet", "web-5d4f8", "Deployment/web", spec={"replicas": 2}),
        thing("ReplicaSet", "web-77777", "Deployment/web", spec={"replicas": 0}),
        thing("Deployment", "idle"),
        thing("ReplicaSet", "idle-1b1b1", "Deployment/idle", spec={"replicas": 0}),
        thing("Pod", "report-29000000-x", "Job/report-29000000", status={"phase": "Succeeded"}),
        thing(
            "Job", "report-29000000", "CronJob/report", status={"conditions": [{"type": "Complete", "status": "True"}]}
        ),
        thing("CronJob", "report"),
    ]
    assert ids(read_all(read, *things)) == [
        "shop/web-5d4f8-abcde",
        "shop/web-5d4f8-fghij",
        "shop/idle",
        "shop/report",
    ]


def test_pods_are_known_by_their_deployment_without_the_replicaset_between(read: Read) -> None:
    things = [
        thing("Deployment", "web"),
        thing("Deployment", "web-admin"),
        thing("CronJob", "report"),
        thing("Pod", "web-5d4f8-abcde", "ReplicaSet/web-5d4f8"),
        thing("Pod", "report-29000000-x", "Job/report-29000000"),
    ]
    assert ids(read_all(read, *things)) == ["shop/web-5d4f8-abcde", "shop/report-29000000-x", "shop/web-admin"]


def test_a_replicaset_alone_stands_for_itself_but_for_past_revisions(read: Read) -> None:
    things = [
        thing("ReplicaSet", "web-5d4f8", "Deployment/web", spec={"replicas": 2}),
        thing("ReplicaSet", "web-77777", "Deployment/web", spec={"replicas": 0}),
    ]
    assert ids(read_all(read, *things)) == ["shop/web-5d4f8"]


def test_a_workload_that_was_scaled_to_nothing_may_be_scaled_up_again(read: Read) -> None:
    assert ids(read_all(read, thing("Deployment", "web", spec={"replicas": 0}))) == ["shop/web"]


def test_owners_that_go_round_in_circles_end(read: Read) -> None:
    things = [thing("ReplicaSet", "a", "ReplicaSet/b"), thing("ReplicaSet", "b", "ReplicaSet/a")]
    assert ids(read_all(read, *things)) == []


def test_pods_of_one_name_keep_ids_of_their_own(read: Read) -> None:
    found = read_all(read, thing("StatefulSet", "web"), thing("Deployment", "web"), thing("Pod", "web"))
    assert ids(found) == ["shop/web", "shop/statefulset/web", "shop/deployment/web"]
    assert [str(found.pods[each]) for each in ids(found)] == [
        "Pod web in namespace shop",
        "StatefulSet web in namespace shop",
        "Deployment web in namespace shop",
    ]
