"""A run's cluster-scoped policies reach no further than its own pods."""

from __future__ import annotations

import copy
from typing import Any

from probe.cluster.clusterpolicies import actual_name, confined
from probe.cluster.objects import Owner
from probe.model.manifest import ObjectRef

OWNER = Owner("abc123", "shop")
MINE = [
    {"key": "app.kubernetes.io/managed-by", "operator": "In", "values": ["cni-probe"]},
    {"key": "cni-probe.dev/run", "operator": "In", "values": ["abc123"]},
    {"key": "cni-probe.dev/scenario", "operator": "In", "values": ["shop"]},
]


def policy(subject: dict[str, Any]) -> dict[str, Any]:
    rules = [{"action": "Deny", "from": [{"namespaces": {}}]}]
    return {"metadata": {"name": "guard", "labels": {"a": "b"}}, "spec": {"subject": subject, "ingress": rules}}


def subject_of(subject: dict[str, Any], **more: Any) -> Any:
    return confined(policy(subject), "cp-abc123-guard", OWNER, **more)["spec"]["subject"]


def test_every_kind_of_subject_is_narrowed_down_to_the_scenarios_namespaces() -> None:
    assert subject_of({"namespaces": {}}) == {"namespaces": {"matchExpressions": MINE}}
    pods = {"podSelector": {"matchLabels": {"app": "web"}}}
    assert subject_of({"pods": pods}) == {"pods": {**pods, "namespaceSelector": {"matchExpressions": MINE}}}
    own = {"matchLabels": {"team": "x"}, "matchExpressions": [{"key": "stage", "operator": "Exists"}]}
    assert subject_of({"pods": {**pods, "namespaceSelector": own}})["pods"]["namespaceSelector"] == {
        "matchLabels": {"team": "x"},
        "matchExpressions": [{"key": "stage", "operator": "Exists"}, *MINE],
    }


def test_what_a_policy_says_of_our_labels_itself_still_has_to_hold() -> None:
    theirs = {"matchLabels": {"cni-probe.dev/run": "another"}}
    assert subject_of({"namespaces": theirs})["namespaces"] == {**theirs, "matchExpressions": MINE}


def test_the_witness_is_nobodys_subject() -> None:
    apart = {"key": "cni-probe.dev/namespace", "operator": "NotIn", "values": ["cni-probe-witness"]}
    narrowed = subject_of({"namespaces": {}}, apart=("cni-probe-witness",))
    assert narrowed["namespaces"]["matchExpressions"][-1] == apart


def test_name_and_labels_are_the_runs_and_peers_stay() -> None:
    given = policy({"namespaces": {}})
    before = copy.deepcopy(given)
    made = confined(given, "cp-abc123-guard", OWNER)
    assert made["metadata"] == {"name": "cp-abc123-guard", "labels": {"a": "b", **OWNER.labels}}
    assert made["spec"]["ingress"] == before["spec"]["ingress"]
    assert given == before


def test_the_one_baseline_policy_keeps_its_name() -> None:
    assert actual_name(ObjectRef("adminnetworkpolicy", None, "guard"), "cp-abc123-") == "cp-abc123-guard"
    assert actual_name(ObjectRef("baselineadminnetworkpolicy", None, "default"), "cp-abc123-") == "default"
