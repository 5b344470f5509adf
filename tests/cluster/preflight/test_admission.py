"""What admission says of namespaces and pods as a run makes them."""

from __future__ import annotations

from typing import Any

import pytest

from probe.cluster.objects import Owner
from probe.cluster.preflight.admission import judge_dry_runs, judge_webhooks
from probe.cluster.preflight.doctor import samples
from probe.cluster.preflight.finding import Level
from probe.cluster.preflight.look import Refused, Unseen
from probe.cluster.preflight.quotas import judge_own_quotas, judge_quotas
from probe.cluster.preflight.selectors import selects
from probe.model.agent_options import AgentOptions, NamespaceOptions
from tests.cluster.preflight.objects import demand

NAMESPACE, POD = samples(demand(), NamespaceOptions(), Owner("abc123", "doctor"))


def configuration(resource: str = "pods", **webhook: Any) -> dict[str, Any]:
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": [resource]}
    return {"metadata": {"name": "guard"}, "webhooks": [{"name": "a.b.c", "rules": [rule]} | webhook]}


def test_dry_runs_that_are_admitted_are_fine() -> None:
    assert [finding.level for finding in judge_dry_runs(None, None)] == [Level.OK, Level.OK]


def test_a_namespace_that_is_refused_is_a_problem_and_a_pod_a_warning() -> None:
    refused = Refused(403, 'admission webhook "guard" denied the request: no')
    namespace, pod = judge_dry_runs(refused, refused)
    assert (namespace.level, pod.level) == (Level.PROBLEM, Level.WARNING)
    assert "denied the request: no" in namespace.message


def test_a_webhook_that_cannot_be_asked_dry_says_nothing() -> None:
    namespace, _ = judge_dry_runs(Refused(400, 'admission webhook "guard" does not support dry run'), None)
    assert namespace.level is Level.WARNING


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        (configuration(), "guard (pods)"),
        (configuration("namespaces"), "guard (namespaces)"),
        (configuration("*/*"), "guard (namespaces), guard (pods)"),
        (configuration("deployments"), ""),
        (configuration("pods/exec"), ""),
        (configuration(namespaceSelector={"matchLabels": {"team": "shop"}}), ""),
        (
            configuration(namespaceSelector={"matchLabels": {"app.kubernetes.io/managed-by": "cni-probe"}}),
            "guard (pods)",
        ),
        (
            configuration(
                namespaceSelector={
                    "matchExpressions": [
                        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
                    ]
                }
            ),
            "guard (pods)",
        ),
        (configuration(objectSelector={"matchExpressions": [{"key": "inject", "operator": "Exists"}]}), ""),
    ],
)
def test_webhooks_that_see_what_a_run_creates_are_named(found: dict[str, Any], seen: str) -> None:
    (finding,) = judge_webhooks([found], NAMESPACE, POD)
    assert finding.level is (Level.WARNING if seen else Level.OK)
    assert finding.message.startswith(seen)


def test_webhooks_that_may_not_be_seen_are_not_judged() -> None:
    assert judge_webhooks(Unseen("no"), NAMESPACE, POD) == []


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ({"key": "a", "operator": "In", "values": ["1", "2"]}, True),
        ({"key": "b", "operator": "In", "values": ["1"]}, False),
        ({"key": "b", "operator": "NotIn", "values": ["1"]}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "a", "operator": "DoesNotExist"}, False),
    ],
)
def test_selectors(expression: dict[str, Any], matches: bool) -> None:
    assert selects({"matchExpressions": [expression]}, {"a": "1"}) is matches


# --- quotas --------------------------------------------------------------------------------------------------------


def quota(namespace: str, **hard: str) -> dict[str, Any]:
    return {"metadata": {"name": "team", "namespace": namespace}, "spec": {"hard": hard}}


def named(*names: str) -> list[dict[str, Any]]:
    return [{"metadata": {"name": name}} for name in names]


def test_a_quota_of_every_namespace_of_users_will_probably_be_a_runs_too() -> None:
    namespaces = named("kube-system", "default", "shop", "bank")
    (finding,) = judge_quotas([quota("shop", pods="2"), quota("bank", pods="2")], [], namespaces, demand(3))
    assert finding.level is Level.WARNING
    assert "is in 2 of 2 namespaces" in finding.message
    assert "pods=2 is too few for the 3 pods of example/shop" in finding.message


def test_a_quota_of_some_namespaces_is_none_of_ours() -> None:
    assert judge_quotas([quota("shop", pods="2")], [], named("shop", "bank"), demand(3)) == []
    assert judge_quotas([quota("shop", pods="2"), quota("bank", pods="3")], [], named("shop", "bank"), demand(3)) == []
    few = [quota("a", pods="2"), quota("b", pods="2")]
    assert judge_quotas(few, [], named("a", "b", "c", "d"), demand(3)) == []
    assert judge_quotas(Unseen("no"), [], named("shop"), demand(3)) == []


def test_what_a_new_namespace_really_gets_is_a_problem_when_the_fleet_does_not_fit() -> None:
    (small,) = judge_own_quotas([quota("own", pods="2")], demand(3))
    (large,) = judge_own_quotas([quota("own", pods="3")], demand(3))
    assert (small.level, large.level) == (Level.PROBLEM, Level.WARNING)


def test_a_quota_on_what_agents_do_not_state_refuses_them() -> None:
    hard = {"limits.memory": "1Gi", "requests.cpu": "1"}
    (finding,) = judge_own_quotas([quota("own", **hard)], demand(1))
    assert "wants pods to state limits.memory, and agents do not" in finding.message
    (fitting,) = judge_own_quotas([quota("own", **hard)], demand(1, AgentOptions(limits={"memory": "64Mi"})))
    assert fitting.level is Level.WARNING
