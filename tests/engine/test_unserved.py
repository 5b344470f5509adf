"""Which steps a cluster without some kind of policy cannot show."""

from __future__ import annotations

from probe.engine.unserved import is_possible, missing_kinds, untried, untried_steps
from probe.model.actions import Action, Apply, Delete
from probe.model.cell import Expectation, Verdict
from probe.model.fleet import Fleet, Namespace, Pod, Port
from probe.model.manifest import ObjectRef
from probe.model.scenario import Scenario, Step
from probe.scenario import make_plan

CNP, ANP = "clusternetworkpolicy", "adminnetworkpolicy"


def apply(kind: str, name: str = "a", namespace: str | None = None) -> Apply:
    names = {CNP: "ClusterNetworkPolicy", ANP: "AdminNetworkPolicy"}
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return Apply({"kind": names.get(kind, kind), "metadata": metadata}, "p.yaml")


def scenario(*steps: tuple[Action, ...]) -> Scenario:
    pods = tuple(Pod("shop", name, name, {}, (Port(80),)) for name in ("web", "db"))
    made = tuple(Step(str(number), actions, Expectation.DENY) for number, actions in enumerate(steps))
    return Scenario("s", Fleet((Namespace("shop", pods=pods),)), made, "s.yaml")


def test_a_step_is_untried_as_long_as_a_policy_that_it_needs_is_missing() -> None:
    gone = Delete(ObjectRef(CNP, None, "a"))
    told = scenario((), (apply(CNP),), (apply("NetworkPolicy", "n", "shop"),), (gone,), (apply(ANP),))
    assert missing_kinds(told, {ANP}) == {CNP}
    reasons = untried_steps(told, {CNP})
    missing = (
        "the cluster does not serve ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2): "
        "clusternetworkpolicy/a cannot be applied"
    )
    assert reasons == ("", missing, missing, "", "")


def test_policies_of_one_kind_are_told_together() -> None:
    (reason,) = untried_steps(scenario((apply(CNP, "a"), apply(CNP, "b"), apply(ANP))), {CNP, ANP})
    assert (
        "clusternetworkpolicy/a, clusternetworkpolicy/b cannot be applied; the cluster does not serve Admin" in reason
    )


def test_what_a_cluster_serves_is_tried() -> None:
    told = scenario((apply(CNP),))
    assert missing_kinds(told, {CNP, ANP}) == set()
    assert untried_steps(told, ()) == ("",)


def test_only_what_is_about_a_missing_kind_is_left_out() -> None:
    assert not is_possible(apply(CNP), {CNP})
    assert not is_possible(Delete(ObjectRef(CNP, None, "a")), {CNP})
    assert is_possible(apply(ANP), {CNP})
    assert is_possible(Delete(ObjectRef("pod", "shop", "web")), {CNP})


def test_cells_of_an_untried_step_are_unsupported_whatever_was_expected() -> None:
    (planned,) = make_plan(scenario((apply(CNP),))).steps
    records = list(untried(planned, "why"))
    assert len(records) == len(planned.cells) == 4
    assert {(record.verdict, record.reason, record.outcome, record.control) for record in records} == {
        (Verdict.UNSUPPORTED, "why", None, False)
    }
