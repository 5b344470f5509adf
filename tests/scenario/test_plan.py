"""Plans: which cells exist at a step, and what is expected of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from probe.model.cell import Cell, Expectation, Family, Path, Protocol
from probe.model.plan import PlannedStep
from probe.model.scenario import Scenario
from probe.scenario import make_plan

Load: TypeAlias = Callable[..., Scenario]

PAIR = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: pair}
spec:
  fleet:
    namespaces:
      a:
        pods:
          web: [80/TCP, {port: 53, protocol: UDP, name: dns}]
          client:
    external:
      host: {addresses: [203.0.113.10, "2001:db8::10"], ports: 443}
"""


def last(scenario: Scenario, *families: Family) -> PlannedStep:
    return make_plan(scenario, families or (Family.IPV4,)).steps[-1]


def expectations(step: PlannedStep) -> dict[str, str]:
    return {str(item.cell): str(item.expectation) for item in step.cells}


def steps(*texts: str) -> str:
    return "  steps:\n" + "".join(f"    - {{name: step {n}, {text}}}\n" for n, text in enumerate(texts))


def test_cells_are_every_pod_to_every_port_of_every_pod_and_external_endpoint(load: Load) -> None:
    assert expectations(last(load(PAIR + steps("expect: deny")))) == {
        "a/web -> a/web 80/TCP": "allow",
        "a/web -> a/web 53/UDP": "allow",
        "a/web -> external/host (203.0.113.10) 443/TCP": "deny",
        "a/web -> external/host (2001:db8::10) 443/TCP IPv6": "deny",
        "a/client -> a/web 80/TCP": "deny",
        "a/client -> a/web 53/UDP": "deny",
        "a/client -> external/host (203.0.113.10) 443/TCP": "deny",
        "a/client -> external/host (2001:db8::10) 443/TCP IPv6": "deny",
    }


def test_pods_are_tried_over_each_family_and_addresses_over_their_own(load: Load) -> None:
    step = last(load(PAIR + steps("expect: allow")), Family.IPV4, Family.IPV6)
    from_client = [item.cell for item in step.cells if item.cell.source == "a/client"]
    assert from_client == [
        Cell("a/client", "a/web", 80, Protocol.TCP, Family.IPV4),
        Cell("a/client", "a/web", 80, Protocol.TCP, Family.IPV6),
        Cell("a/client", "a/web", 53, Protocol.UDP, Family.IPV4),
        Cell("a/client", "a/web", 53, Protocol.UDP, Family.IPV6),
        Cell("a/client", "external/host", 443, Protocol.TCP, Family.IPV4, Path.EXTERNAL, "203.0.113.10"),
        Cell("a/client", "external/host", 443, Protocol.TCP, Family.IPV6, Path.EXTERNAL, "2001:db8::10"),
    ]


def test_an_external_address_of_a_family_that_the_pods_lack_is_planned_and_not_left_out(load: Load) -> None:
    only_6 = last(load(PAIR + steps("expect: allow")), Family.IPV6)
    assert {item.cell.family for item in only_6.cells if item.cell.path is Path.POD_IP} == {Family.IPV6}
    assert {item.cell.address for item in only_6.cells if item.cell.path is Path.EXTERNAL} == {
        "203.0.113.10",
        "2001:db8::10",
    }


def test_the_last_matching_rule_wins_and_says_where_it_stands(load: Load) -> None:
    scenario = load(
        PAIR
        + "  steps:\n    - name: one\n      expect:\n        default: allow\n        rules:\n"
        + "          - {to: a/web, verdict: deny}\n"
        + "          - {from: a/client, to: a/*, port: dns, verdict: either}\n"
    )
    decided = {str(item.cell): (item.expectation, item.decided_by) for item in last(scenario).cells}
    assert decided["a/client -> a/web 80/TCP"][0] is Expectation.DENY
    expectation, place = decided["a/client -> a/web 53/UDP"]
    assert expectation is Expectation.EITHER
    assert place is not None
    assert (place.line, place.column) == (19, 13)
    assert decided["a/client -> external/host (203.0.113.10) 443/TCP"] == (Expectation.ALLOW, None)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{from: a/*, to: a/web, verdict: deny}", "allow"),
        ("{to: a/web, verdict: deny}", "allow"),
        ("{from: a/web, to: a/web, verdict: deny}", "deny"),
        ("{from: [a/web, a/client], to: a/web, verdict: either}", "either"),
    ],
)
def test_only_a_rule_that_names_a_pod_at_both_ends_decides_its_traffic_to_itself(
    load: Load, rule: str, expected: str
) -> None:
    step = last(load(PAIR + steps(f"expect: {{default: deny, rules: [{rule}]}}")))
    assert expectations(step)["a/web -> a/web 80/TCP"] == expected


def test_a_group_named_at_both_ends_speaks_of_its_pods_among_each_other_not_of_each_to_itself(load: Load) -> None:
    text = PAIR.replace("client:", "peer: {ports: 80, replicas: 2}")
    step = last(load(text + steps("expect: {default: allow, rules: [{from: a/peer, to: a/peer, verdict: deny}]}")))
    seen = expectations(step)
    assert seen["a/peer-0 -> a/peer-1 80/TCP"] == "deny"
    assert seen["a/peer-0 -> a/peer-0 80/TCP"] == "allow"


def test_probe_chooses_cells_and_a_steps_own_keys_go_over_the_scenarios(load: Load) -> None:
    probe = "  probe: {from: a/client, protocols: [TCP]}\n"
    scenario = load(PAIR + probe + steps("expect: allow", "probe: {from: '*', to: a/web}, expect: allow"))
    first, second = make_plan(scenario).steps
    assert list(expectations(first)) == [
        "a/client -> a/web 80/TCP",
        "a/client -> external/host (203.0.113.10) 443/TCP",
        "a/client -> external/host (2001:db8::10) 443/TCP IPv6",
    ]
    assert list(expectations(second)) == ["a/web -> a/web 80/TCP", "a/client -> a/web 80/TCP"]


def test_probe_self_false_leaves_out_pods_to_themselves(load: Load) -> None:
    step = last(load(PAIR + steps("probe: {self: false, families: [IPv4]}, expect: allow")), *Family)
    assert not any(item.cell.is_self for item in step.cells)
    assert {item.cell.family for item in step.cells} == {Family.IPV4}


@pytest.mark.parametrize(
    ("pattern", "ports"),
    [("80", {80}), ("80/TCP", {80}), ("UDP", {53}), ("dns", {53}), ("'*/TCP'", {80, 443}), ("[53, '44*']", {53, 443})],
)
def test_ports_are_called_by_number_protocol_name_or_glob(load: Load, pattern: str, ports: set[int]) -> None:
    rule = f"{{from: a/client, port: {pattern}, verdict: deny}}"
    step = last(load(PAIR + steps(f"expect: {{default: allow, rules: [{rule}]}}")))
    assert {item.cell.port for item in step.cells if item.expectation is Expectation.DENY} == ports


def test_pods_come_and_go_with_the_steps(load: Load) -> None:
    scenario = load(
        PAIR
        + steps(
            "expect: allow",
            "create: {namespaces: {a: {pods: {late: 81}}, b: {labels: {x: z}, pods: {other: 82}}}}, expect: unchanged",
            "label: {a/late: {role: guest}}, expect: unchanged",
            "delete: [pod/a/web, namespace/b], expect: unchanged",
        )
    )
    plan = make_plan(scenario)
    assert [[pod.id for pod in step.pods] for step in plan.steps] == [
        ["a/web", "a/client"],
        ["a/web", "a/client", "a/late", "b/other"],
        ["a/web", "a/client", "a/late", "b/other"],
        ["a/client", "a/late"],
    ]
    assert plan.steps[2].pods[2].labels == {"role": "guest"}
    assert {item.cell.destination for item in plan.steps[3].cells} == {"a/late", "external/host"}
    assert [str(action) for action in scenario.steps[1].actions] == [
        "create namespace/b",
        "create pod/a/late",
        "create pod/b/other",
    ]


def test_a_hundred_pods_are_planned_cell_by_cell_in_stable_order(load: Load) -> None:
    text = PAIR.replace("client:", "many: {ports: [80, 81, 53/UDP], replicas: 100}")
    rules = ", ".join(f"{{from: 'a/many-{n}*', to: 'a/*{n % 10}', port: 8*, verdict: deny}}" for n in range(100))
    scenario = load(text + steps(f"probe: {{from: a/many, to: a/many}}, expect: {{default: allow, rules: [{rules}]}}"))
    cells = last(scenario).cells
    assert len(cells) == 30_000
    assert [str(item.cell) for item in cells[:4]] == [
        "a/many-0 -> a/many-0 80/TCP",
        "a/many-0 -> a/many-0 81/TCP",
        "a/many-0 -> a/many-0 53/UDP",
        "a/many-0 -> a/many-1 80/TCP",
    ]
    assert make_plan(scenario).steps[-1].cells == cells
