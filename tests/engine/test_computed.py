"""What the policies say of a step's cells: computed expectations, and statements that the policies contradict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from probe.engine.computed import Consultant, Whereabouts, computed, computed_plan, disagreements
from probe.model.cell import Cell, Expectation, Family, Protocol, Via
from probe.model.cell import Path as Way
from probe.model.plan import Plan
from probe.model.scenario import Scenario
from probe.policy.decision import Answer
from probe.scenario import load_scenarios, make_plan

Load: TypeAlias = Callable[[str], Scenario]

FLEET = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: shop}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          web: {labels: {app: web}, ports: [80/TCP, 81/TCP]}
          client: {labels: {app: client}}
          stranger: {labels: {app: stranger}}
    external:
      bank: {addresses: [192.0.2.7], ports: [443/TCP]}
"""
WEB = """\
        apply:
          apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: web, namespace: shop}
          spec:
            podSelector: {matchLabels: {app: web}}
            ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Scenario:
        (tmp_path / "scenario.yaml").write_text(text)
        (scenario,) = load_scenarios([tmp_path / "scenario.yaml"])
        return scenario

    return load


def step(expect: str, changes: str = WEB) -> str:
    return f"  steps:\n      - name: closed\n{changes}        expect: {expect}\n"


def expectations(plan: Plan) -> dict[str, str]:
    return {str(item.cell): str(item.expectation) for item in plan.steps[-1].cells}


def test_a_computed_default_is_what_the_policies_say(load: Load) -> None:
    plan, problems = computed_plan(make_plan(load(FLEET + step("computed"))))
    assert problems == ()
    found = expectations(plan)
    assert found["shop/client -> shop/web 80/TCP"] == "allow"
    assert found["shop/client -> shop/web 81/TCP"] == "deny"
    assert found["shop/stranger -> shop/web 80/TCP"] == "deny"
    assert found["shop/web -> shop/web 81/TCP"] == "allow"
    assert found["shop/web -> external/bank (192.0.2.7) 443/TCP"] == "allow"


def test_rules_and_tables_can_leave_cells_to_the_policies(load: Load) -> None:
    rule = "{default: either, rules: [{to: shop/web, port: 80, verdict: computed}]}"
    found = expectations(computed_plan(make_plan(load(FLEET + step(rule))))[0])
    assert found["shop/stranger -> shop/web 80/TCP"] == "deny"
    assert found["shop/stranger -> shop/web 81/TCP"] == "either"


def test_the_scenarios_own_default_serves_steps_that_state_none(load: Load) -> None:
    steps = "  expect: computed\n" + step("{rules: [{from: shop/stranger, verdict: deny}]}", WEB)
    text = FLEET + steps.replace("      - name: closed\n", "      - name: open\n      - name: closed\n")
    scenario = load(text.replace("verdict: deny}", "to: shop/web, verdict: deny}"))
    plan, problems = computed_plan(make_plan(scenario))
    assert problems == ()
    assert {item.expectation for item in plan.steps[0].cells} == {Expectation.ALLOW}
    assert expectations(plan)["shop/client -> shop/web 81/TCP"] == "deny"


def test_a_computed_cell_passes_nothing_until_the_policies_are_asked(load: Load) -> None:
    plan = make_plan(load(FLEET + step("computed")))
    assert {item.expectation for item in plan.steps[0].cells if not item.cell.is_self} == {Expectation.EITHER}


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ("allow", "the policies deny it: shop/web isolates shop/web for ingress"),
        ("deny", "the policies allow it"),
        ("drop", "the policies allow it"),
        ("reject", "the policies allow it"),
    ],
)
def test_a_statement_that_the_policies_contradict_is_a_problem_at_its_line(load: Load, stated: str, says: str) -> None:
    source = "stranger" if stated == "allow" else "client"
    rule = f"{{default: computed, rules: [{{from: shop/{source}, to: shop/web, port: 80, verdict: {stated}}}]}}"
    _, problems = computed_plan(make_plan(load(FLEET + step(rule))))
    (problem,) = problems
    assert says in problem.message
    assert f"expects {stated} of shop/{source} -> shop/web 80/TCP" in problem.message
    assert problem.location.line == (FLEET + step(rule)).count("\n", 0, (FLEET + step(rule)).index("expect:")) + 1


def test_cells_that_one_rule_gets_wrong_alike_are_one_problem(load: Load) -> None:
    _, problems = computed_plan(make_plan(load(FLEET + step("allow"))))
    (problem,) = problems
    assert "of shop/client -> shop/web 81/TCP and 2 more" in problem.message
    assert problem.field == 'step "closed", default'


def test_either_contradicts_nothing(load: Load) -> None:
    assert computed_plan(make_plan(load(FLEET + step("either"))))[1] == ()


BLOCK = """\
        apply:
          apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: web, namespace: shop}
          spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}
"""


def test_what_depends_on_addresses_has_no_answer_before_pods_have_them(load: Load) -> None:
    scenario = load(FLEET + step("allow", BLOCK))
    plan = make_plan(scenario)
    assert computed_plan(plan)[1] == ()
    where = {"shop/client": Whereabouts("node-1", ("10.1.0.5",)), "shop/stranger": Whereabouts("node-1", ("10.2.0.5",))}
    oracle = Consultant(scenario).at(0, where)
    (problem,) = disagreements(plan.steps[0], oracle)
    assert "expects allow of shop/stranger -> shop/web 80/TCP and 1 more" in problem.message
    assert "shop/stranger (10.2.0.5) is not in 10.1.0.0/16" in problem.message


def test_computed_cells_are_filled_in_by_the_addresses_of_the_run(load: Load) -> None:
    scenario = load(FLEET + step("computed", BLOCK))
    where = {"shop/client": Whereabouts("node-1", ("10.1.0.5",)), "shop/stranger": Whereabouts("node-1", ("10.2.0.5",))}
    filled = computed(make_plan(scenario).steps[0], Consultant(scenario).at(0, where))
    found = {item.cell.source: item.expectation for item in filled.cells if item.cell.port == 80}
    assert found["shop/client"] is Expectation.ALLOW
    assert found["shop/stranger"] is Expectation.DENY


def cell(source: str, destination: str, path: Way, via: Via = Via.ONLY) -> Cell:
    return Cell(source, destination, 80, Protocol.TCP, Family.IPV4, path, via=via)


def test_behind_a_service_policies_see_the_pods(load: Load) -> None:
    oracle = Consultant(load(FLEET + step("computed"))).at(0, {})
    assert oracle.answer(cell("shop/client", "shop/web", Way.CLUSTER_IP, Via.OTHER_PORT)) is Answer.ALLOW
    assert oracle.answer(cell("shop/stranger", "shop/web", Way.CLUSTER_IP, Via.OTHER_PORT)) is Answer.DENY


def test_a_pod_that_comes_to_itself_through_a_service_is_left_open(load: Load) -> None:
    oracle = Consultant(load(FLEET + step("computed"))).at(0, {})
    hairpin = cell("shop/web", "shop/web", Way.CLUSTER_IP, Via.SAME_PORT)
    assert oracle.answer(hairpin) is Answer.UNDEFINED
    assert oracle.record(hairpin).sentence == "the API leaves open whether a pod reaches itself through a service"


def test_a_node_port_is_left_open_where_a_policy_may_see_a_nodes_address(load: Load) -> None:
    oracle = Consultant(load(FLEET + step("computed"))).at(0, {})
    assert oracle.answer(cell("shop/client", "shop/web", Way.NODE_PORT, Via.CLUSTER)) is Answer.UNDEFINED
    open_ = Consultant(load(FLEET + step("computed", ""))).at(0, {})
    assert open_.answer(cell("shop/client", "shop/web", Way.NODE_PORT, Via.CLUSTER)) is Answer.ALLOW


def test_a_record_says_which_rules_decide_and_which_nearly_did(load: Load) -> None:
    oracle = Consultant(load(FLEET + step("computed"))).at(0, {})
    allowed = oracle.record(cell("shop/client", "shop/web", Way.POD_IP))
    denied = oracle.record(cell("shop/stranger", "shop/web", Way.POD_IP))
    assert (allowed.answer, allowed.rules, allowed.near_misses) == ("allow", ["shop/web ingress[0]"], [])
    assert (denied.answer, denied.rules, denied.near_misses) == ("deny", [], ["shop/web ingress[0]"])
    assert "it asks for app=client and shop/stranger has app=stranger" in denied.sentence


def test_what_steps_change_is_what_their_oracles_know(load: Load) -> None:
    text = (
        FLEET
        + "  expect: computed\n"
        + """\
  steps:
      - name: closed
{WEB}
      - name: the stranger becomes a client
        label: {shop/stranger: {app: client}}
      - name: the policy is gone
        delete: [networkpolicy/shop/web]
""".replace("{WEB}", WEB)
    )
    plan, problems = computed_plan(make_plan(load(text)))
    assert problems == ()
    of = "shop/stranger -> shop/web 80/TCP"
    found = [{str(item.cell): str(item.expectation) for item in planned.cells}[of] for planned in plan.steps]
    assert found == ["deny", "allow", "allow"]
