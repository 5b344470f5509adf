"""What a step turns a cell into, by what the policies said before and say now."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.engine.changes import Changes
from probe.engine.computed import Consultant, computed
from probe.model.cell import Cell, Protocol
from probe.model.plan import PlannedCell
from probe.model.record import Change
from probe.scenario import load_scenarios, make_plan

FLEET = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: shop}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          web: {labels: {app: web}, ports: [80/TCP]}
          client: {labels: {app: client}}
          stranger: {labels: {app: stranger}}
  expect: computed
  steps:
"""
CLIENT, STRANGER = (Cell(f"shop/{name}", "shop/web", 80, Protocol.TCP) for name in ("client", "stranger"))
NEW_DENY, REVOCATION, NEW_ALLOW, NONE = Change.NEW_DENY, Change.REVOCATION, Change.NEW_ALLOW, Change.NONE


def policy(name: str, spec: str) -> str:
    kind = "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy"
    return f"{{{kind}, metadata: {{name: {name}, namespace: shop}}, spec: {{{spec}}}}}"


DENY = policy("deny", "podSelector: {matchLabels: {app: web}}")
ALLOW = policy(
    "allow",
    "podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]",
)
EGRESS = policy("egress", "podSelector: {matchLabels: {app: client}}, policyTypes: [Egress]")
CLUSTER_DENY = """
          apiVersion: policy.networking.k8s.io/v1alpha2
          kind: ClusterNetworkPolicy
          metadata: {name: cut}
          spec:
            tier: Admin
            priority: 1
            subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
            ingress: [{action: Deny, from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}]}]
"""


def changes(tmp_path: Path, *steps: str) -> list[tuple[Change, Change]]:
    """What each step does to the cells of the client and of the stranger."""
    return [(found.of(by[CLIENT]), found.of(by[STRANGER])) for found, by in followed(tmp_path, *steps)]


def followed(tmp_path: Path, *steps: str) -> list[tuple[Changes, dict[Cell, PlannedCell]]]:
    file = tmp_path / "scenario.yaml"
    file.write_text(FLEET + "".join(f"    - name: step {n}\n{changes}" for n, changes in enumerate(steps)))
    (scenario,) = load_scenarios([file])
    plan, consultant = make_plan(scenario), Consultant(scenario)
    found = []
    for index, planned in enumerate(plan.steps):
        before = consultant.before(index)
        oracle = consultant.at(index, {})
        planned = computed(planned, oracle)
        turned = Changes(planned, oracle, before, plan.steps[index - 1] if index else None)
        found.append((turned, {each.cell: each for each in planned.cells}))
    return found


def apply(*policies: str) -> str:
    return "".join(["      apply:\n", *(f"        - {each}\n" for each in policies)])


def delete(name: str) -> str:
    return f"      delete: [networkpolicy/shop/{name}]\n"


def test_a_policy_that_isolates_what_was_open_is_a_new_denial_of_whom_it_does_not_allow(tmp_path: Path) -> None:
    assert changes(tmp_path, apply(ALLOW)) == [(NONE, NEW_DENY)]


def test_what_a_rule_allowed_and_no_rule_does_any_more_is_revoked_since_the_pod_stays_isolated(tmp_path: Path) -> None:
    steps = [apply(DENY), apply(ALLOW), delete("allow"), delete("deny")]
    assert changes(tmp_path, *steps) == [
        (NEW_DENY, NEW_DENY), (NEW_ALLOW, NONE), (REVOCATION, NONE), (NEW_ALLOW, NEW_ALLOW),
    ]  # fmt: skip


def test_a_rule_that_is_edited_away_and_a_label_that_no_longer_matches_it_revoke(tmp_path: Path) -> None:
    edited = ALLOW.replace("app: client}", "app: nobody}")
    assert changes(tmp_path, apply(ALLOW), apply(edited))[1] == (REVOCATION, NONE)
    relabelled = "      label: {shop/client: {app: former}}\n"
    assert changes(tmp_path, apply(ALLOW), relabelled)[1] == (REVOCATION, NONE)


def test_a_label_that_isolates_a_pod_is_a_new_denial(tmp_path: Path) -> None:
    other = DENY.replace("app: web", "tier: back")
    assert changes(tmp_path, apply(other), "      label: {shop/web: {tier: back}}\n")[1] == (NEW_DENY, NEW_DENY)


def test_isolation_of_the_other_end_is_new_even_where_one_end_was_isolated(tmp_path: Path) -> None:
    assert changes(tmp_path, apply(ALLOW), apply(EGRESS))[1] == (NEW_DENY, NONE)


def test_a_rule_that_denies_is_a_new_denial_though_the_pod_was_isolated_before(tmp_path: Path) -> None:
    assert changes(tmp_path, apply(ALLOW), apply(CLUSTER_DENY))[1] == (NEW_DENY, NONE)


def test_a_step_without_changes_changes_nothing(tmp_path: Path) -> None:
    assert changes(tmp_path, apply(ALLOW), "      probe: {self: false}\n")[1] == (NONE, NONE)


def test_a_new_pod_that_is_not_allowed_is_a_new_denial_whoever_had_its_name_before(tmp_path: Path) -> None:
    gone = "      delete: [pod/shop/stranger]\n"
    again = "      create: {namespaces: {shop: {pods: {stranger: {labels: {app: stranger}}}}}}\n"
    found, cells = followed(tmp_path, apply(ALLOW), gone, again)[-1]
    assert (found.of(cells[CLIENT]), found.of(cells[STRANGER])) == (NONE, NEW_DENY)
    assert not found.stays_denied(cells[STRANGER])


@pytest.mark.parametrize(
    ("steps", "stays"),
    [
        ([apply(ALLOW), apply(DENY)], True),
        ([apply(ALLOW), apply(DENY) + "      label: {shop/client: {more: yes-please}}\n"], False),  # several changes
        ([apply(ALLOW)], False),  # it was open
        ([apply(ALLOW), delete("allow")], False),  # it is open
        (["      probe: {from: shop/client}\n" + apply(ALLOW), apply(DENY)], False),  # nobody saw it enforced
    ],
)
def test_what_a_single_change_leaves_denied_was_denied_all_the_time(
    tmp_path: Path, steps: list[str], stays: bool
) -> None:
    found, cells = followed(tmp_path, *steps)[-1]
    assert found.stays_denied(cells[STRANGER]) is stays


@pytest.mark.parametrize(
    ("steps", "open"),
    [
        ([apply(ALLOW)], {CLIENT}),
        ([apply(DENY), apply(ALLOW), apply(CLUSTER_DENY)], set()),  # it is closed
        ([apply(ALLOW), "      label: {shop/client: {more: yes-please}}\n"], set()),  # nothing is closed
        ([apply(ALLOW), delete("allow")], set()),  # all is opened
        ([apply(DENY), apply(ALLOW)], set()),  # it was closed
        ([apply(ALLOW) + "      delete: [pod/shop/stranger]\n"], set()),  # pods come and go
        ([apply(ALLOW) + "      expect: {default: either}\n"], set()),  # nobody says
    ],
)
def test_what_a_step_leaves_open_while_it_closes_others(tmp_path: Path, steps: list[str], open: set[Cell]) -> None:
    found, _ = followed(tmp_path, *steps)[-1]
    assert found.left_open() & {CLIENT, STRANGER} == open
