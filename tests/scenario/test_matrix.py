"""``matrix:``: what becomes of combinations, and mistakes at their places."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from probe.model.actions import Apply
from probe.model.errors import Problem
from probe.model.scenario import Scenario
from probe.scenario import load_scenarios
from tests.scenario.test_mistakes import assert_only

Write = Callable[[Mapping[str, str]], Path]

HEAD = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata:
  name: guarded
spec:
  fleet:
    namespaces:
      shop:
        pods:
          web: {labels: {app: web}, ports: [80/TCP, 81/TCP]}
          api: {labels: {app: api}, ports: [80/TCP, 81/TCP]}
          job: {labels: {app: job}, ports: [80/TCP]}
"""
POLICY = """\
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: guard, namespace: shop}
        spec:
          podSelector: {matchLabels: {app: api}}
          ingress:
            - from: ["${{ matrix.peer.peer }}"]
              ports: [{port: "${{ matrix.port }}"}]
"""
SCENARIO = (
    HEAD
    + """\
  probe: {to: shop/api, ports: TCP}
  matrix:
    peer:
      - name: web
        peer: {podSelector: {matchLabels: {app: web}}}
        from: [shop/web]
      - name: both
        peer: {podSelector: {matchExpressions: [{key: app, operator: In, values: [web, job]}]}}
        from: [shop/web, shop/job]
    port: [80, 81]
    exclude:
      - {peer: both, port: 81}
  steps:
    - name: the API is guarded
"""
    + POLICY
    + """\
      expect:
        default: deny
        rules:
          - {from: "${{ matrix.peer.from }}", port: "${{ matrix.port }}/TCP", verdict: allow}
"""
)
STEPS = (
    HEAD
    + """\
  probe: {to: shop/api, ports: 80/TCP}
  steps:
    - {name: open, expect: allow}
    - name: two peers
      matrix:
        peers:
          pairs:
            - {name: web, peer: {podSelector: {matchLabels: {app: web}}}, rules: [{from: shop/web, verdict: allow}]}
            - {name: job, peer: {podSelector: {matchLabels: {app: job}}}, rules: [{from: shop/job, verdict: allow}]}
            - {name: none, peer: {podSelector: {matchLabels: {app: none}}}, rules: []}
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: guard, namespace: shop}
        spec:
          podSelector: {matchLabels: {app: api}}
          ingress:
            - from:
                - ${{ matrix.peers.first.peer }}
                - ${{ matrix.peers.second.peer }}
      expect:
        default: deny
        rules:
          - ${{ matrix.peers.first.rules }}
          - ${{ matrix.peers.second.rules }}
    - {name: open again, delete: networkpolicy/shop/guard, expect: allow}
"""
)


@pytest.fixture
def loaded(write: Write) -> Callable[[str], list[Scenario]]:
    """Loads the scenarios of a text."""
    return lambda text: load_scenarios([write({"scenario.yaml": text}) / "scenario.yaml"])


def policies(scenario: Scenario) -> list[Mapping[str, object]]:
    """The specifications of the policies that each step applies."""
    return [action.manifest["spec"] for step in scenario.steps for action in step.actions if isinstance(action, Apply)]


def test_a_scenario_becomes_one_for_each_combination_that_is_not_excluded(
    loaded: Callable[[str], list[Scenario]],
) -> None:
    scenarios = loaded(SCENARIO)
    assert [each.name for each in scenarios] == ["guarded[web,80]", "guarded[web,81]", "guarded[both,80]"]
    assert {step.name for each in scenarios for step in each.steps} == {"the API is guarded"}


def test_references_become_what_they_stand_for_of_whatever_structure(loaded: Callable[[str], list[Scenario]]) -> None:
    _, web, both = loaded(SCENARIO)
    (policy,) = policies(web)
    assert policy["ingress"] == [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 81}]}]
    assert [(rule.sources, rule.ports) for rule in web.steps[0].rules] == [(("shop/web",), ("81/TCP",))]
    assert both.steps[0].rules[0].sources == ("shop/web", "shop/job")


def test_a_step_becomes_one_for_each_combination_in_its_place(loaded: Callable[[str], list[Scenario]]) -> None:
    (scenario,) = loaded(STEPS)
    assert [step.name for step in scenario.steps] == [
        "open",
        "two peers [web+job]",
        "two peers [web+none]",
        "two peers [job+none]",
        "open again",
    ]


def test_a_list_becomes_items_of_the_list_that_it_stands_in(loaded: Callable[[str], list[Scenario]]) -> None:
    (scenario,) = loaded(STEPS)
    assert [[rule.sources for rule in step.rules] for step in scenario.steps] == [
        [],
        [("shop/web",), ("shop/job",)],
        [("shop/web",)],
        [("shop/job",)],
        [],
    ]
    labels = [
        [peer["podSelector"]["matchLabels"]["app"] for peer in policy["ingress"][0]["from"]]  # type: ignore[index]
        for policy in policies(scenario)
    ]
    assert labels == [["web", "job"], ["web", "none"], ["job", "none"]]


def test_the_values_of_a_steps_matrix_may_depend_on_the_scenarios(loaded: Callable[[str], list[Scenario]]) -> None:
    text = HEAD + (
        "  matrix: {end: [to, from]}\n"
        "  steps:\n"
        "    - name: ${{ matrix.pod.name }} is cut off\n"
        "      matrix:\n"
        '        pod: [{name: web, rules: [{"${{ matrix.end }}": shop/web, verdict: either}]}]\n'
        "      expect: {default: allow, rules: ['${{ matrix.pod.rules }}']}\n"
    )
    scenarios = loaded(text)
    assert [each.name for each in scenarios] == ["guarded[to]", "guarded[from]"]
    assert [(rule.sources, rule.destinations) for each in scenarios for rule in each.steps[0].rules] == [
        ((), ("shop/web",)),
        (("shop/web",), ()),
    ]
    assert scenarios[0].steps[0].name == "web is cut off"


def test_labels_and_fleets_may_come_from_a_matrix(loaded: Callable[[str], list[Scenario]]) -> None:
    text = HEAD.replace("name: guarded", 'name: guarded\n  labels: {where: "${{ matrix.spread }}"}')
    text += "    placement: ${{ matrix.spread }}\n  matrix: {spread: [same, spread]}\n"
    scenarios = loaded(text + "  steps: [{name: open, expect: allow}]\n")
    assert [(each.labels["where"], each.fleet.placement.spread) for each in scenarios] == [
        ("same", "same"),
        ("spread", "spread"),
    ]


def test_a_rule_of_a_value_is_found_where_the_value_is_written(loaded: Callable[[str], list[Scenario]]) -> None:
    (scenario,) = loaded(STEPS)
    lines = [rule.location.line for step in scenario.steps for rule in step.rules if rule.location]
    written = [number for number, line in enumerate(STEPS.splitlines(), 1) if "verdict: allow" in line]
    assert lines == [written[0], written[1], written[0], written[1]]


def test_tables_may_come_from_a_matrix(loaded: Callable[[str], list[Scenario]]) -> None:
    text = HEAD + (
        "  matrix:\n"
        "    drawn:\n"
        "      - name: closed\n"
        "        table: |\n"
        "          80/TCP    shop/api\n"
        "          shop/web  ?\n"
        "  steps: [{name: open, expect: {default: either, table: '${{ matrix.drawn.table }}'}}]\n"
    )
    (scenario,) = loaded(text)
    assert [rule.sources for rule in scenario.steps[0].rules] == [("shop/web",)]


MISTAKES = [
    # the matrix
    ("    port: [80, 81]", "    port: @@[]", "must not be empty", ""),
    ("    port: [80, 81]", "    port: @@80", "must be a list of values", ""),
    ("    port: [80, 81]", "    port: [80, 81, @@80]", 'two values are called "80"', "the other one is at "),
    ("    port: [80, 81]", "    port: [80, 81, @@[82]]", "a value cannot be a list", "{name: NAME, KEY: ...}"),
    ("    port: [80, 81]", "    port: [80, 81, @@a b]", "cannot be a value's name", "{name: NAME, KEY: ...}"),
    ("    port: [80, 81]", "    port: [80, 81, @@{port: 82}]", "needs a name", "add name: NAME"),
    ("    port: [80, 81]", "    port: [80, 81, {name: @@'a,b'}]", "cannot be a value's name", "no spaces, commas"),
    ("    port: [80, 81]", "    port: {pairs: @@[80]}", "one value makes no pair", ""),
    ("    port: [80, 81]", "    port: [80, 81]\n    @@include: [{port: 82}]", "no include here", "exclude"),
    ("    port: [80, 81]", "    port: [80, 81]\n    @@a.b: [1]", "cannot be the name of an axis", ""),
    ("    port: [80, 81]", "    port: [80, 81]\n    @@round: [1]", 'nothing uses "round"', "matrix.round"),
    ("      - {peer: both, port: 81}", "      - @@{peer: bth, port: 81}", "excludes nothing", 'did you mean "both"?'),
    ("      - {peer: both, port: 81}", "      - {@@per: both}", 'the matrix has no "per"', 'did you mean "peer"?'),
    ("    exclude:\n", "    @@exclude:\n      - {peer: '*'}\n", "excludes every combination", ""),
    ("    exclude:\n      - {peer: both, port: 81}", "    exclude: @@{peer: both}", "must be a list of mappings", ""),
    ("  matrix:", "  @@matirx:", 'unknown key "matirx"', 'did you mean "matrix"?'),
    # references
    ('port: "${{ matrix.port }}/', 'port: @@"${{ matrix.prot }}/', 'unknown "matrix.prot"', 'did you mean "port"?'),
    ('from: "${{ matrix.peer.from', 'from: @@"${{ matrix.peer.form', '"web" has no "form"', 'did you mean "from"?'),
    ('port: "${{ matrix.port }}/', 'port: @@"${{ matrix.peer }}/', "cannot stand in a text", ""),
    ('port: "${{ matrix.port }}/', 'port: @@"${matrix.port}/', "${matrix.port} is not understood", "${{ matrix.NAME"),
    ('port: "${{ matrix.port }}/', 'port: @@"${{ matirx.port }}/', "is not understood", "${{ matrix.NAME"),
    ("default: deny", 'default: @@"${{ matrix.word }}"', 'unknown "matrix.word"', "known: peer, port"),
    ("name: guarded", "name: @@guarded-${{ matrix.port }}", "a scenario's name", "behind it by itself"),
    # what values bring along
    ("[shop/web, shop/job]", "[shop/web, @@shop/jbo]", 'unknown pod "shop/jbo", with [both,80]', "shop/job"),
    ("values: [web, job]", "values: @@[]", "with [both,80]", ""),
    ('[{port: "${{ matrix.port', '[{@@prot: "${{ matrix.port', 'unknown field "spec.ingress', 'did you mean "port"?'),
]


@pytest.mark.parametrize(("old", "new", "message", "hint"), MISTAKES)
def test_mistakes(problems_of: Callable[..., tuple[Problem, ...]], old: str, new: str, message: str, hint: str) -> None:
    assert old.replace("@@", "") in SCENARIO
    text = SCENARIO.replace(old.replace("@@", ""), new)
    assert_only(problems_of(text.replace("@@", "")), text, message, hint)


@pytest.mark.parametrize("matrix", ["@@{}", "@@[80, 81]", "@@{exclude: []}"])
def test_what_refers_to_a_matrix_that_cannot_be_read_is_not_blamed(
    problems_of: Callable[..., tuple[Problem, ...]], matrix: str
) -> None:
    text = STEPS.partition("        peers:")[0].replace("matrix:\n", f"matrix: {matrix}\n")
    text += STEPS[STEPS.index("      apply:") :]
    assert_only(problems_of(text.replace("@@", "")), text, "", "write NAME: [value, value]")


def told(problems: tuple[Problem, ...]) -> list[tuple[int, str, str]]:
    return [(problem.location.line, problem.field, problem.message) for problem in problems]


def test_all_mistakes_are_told_at_once_and_a_mistake_of_all_combinations_once(
    problems_of: Callable[..., tuple[Problem, ...]],
) -> None:
    text = SCENARIO.replace("verdict: allow", "verdict: alow").replace("peer.peer", "peer.pear")
    text = text.replace("peer: both, port", "peer: neither, port")
    assert told(problems_of(text)) == [
        (24, "spec.matrix.exclude[0]", "excludes nothing"),
        (34, "spec.steps[0].apply.spec.ingress[0].from[0]", '${{ matrix.peer.pear }}: "web" has no "pear"'),
        (39, "spec.steps[0].expect.rules[0].verdict", '"alow" is not a known expectation'),
    ]


def test_mistakes_in_steps_behind_a_matrix_and_in_its_values_have_the_fields_of_the_file(
    problems_of: Callable[..., tuple[Problem, ...]],
) -> None:
    text = STEPS.replace("default: deny", "defualt: deny").replace("from: shop/job", "from: shop/jbo")
    text = text.replace("networkpolicy/shop/guard", "networkpolicy/shop/gaurd")
    assert told(problems_of(text)) == [
        (21, "spec.steps[1].matrix.peers.pairs[1].rules[0].from", 'unknown pod "shop/jbo", with [web+job] and 1 more'),
        (34, "spec.steps[1].expect.defualt", 'unknown key "defualt"'),
        (38, "spec.steps[2].delete", '"networkpolicy/shop/gaurd" does not exist at this step'),
    ]


def test_a_mistake_of_some_of_a_steps_combinations_says_of_which(
    problems_of: Callable[..., tuple[Problem, ...]],
) -> None:
    text = STEPS.replace("{to: shop/api,", "{from: [shop/api, shop/web], to: shop/api,")
    assert told(problems_of(text)) == [
        (
            21,
            "spec.steps[1].matrix.peers.pairs[1].rules[0]",
            "the rule matches no cell: probe.from leaves out its sources, with [web+job] and 1 more",
        )
    ]


def test_one_name_for_two_axes_a_reference_outside_of_its_step_and_values_with_references(
    problems_of: Callable[..., tuple[Problem, ...]],
) -> None:
    text = SCENARIO.replace("    - name: the API is guarded\n", "    - name: guarded\n      matrix: {port: [82]}\n")
    assert told(problems_of(text)) == [
        (27, "spec.steps[0].matrix.port", 'nothing uses "port", so its combinations are all the same'),
        (27, "spec.steps[0].matrix.port", 'the scenario\'s matrix has "port" as well'),
    ]
    outside = STEPS.replace("{name: open,", '{name: "${{ matrix.peers.name }}",')
    assert told(problems_of(outside)) == [(15, "spec.steps[0].name", 'unknown "matrix.peers"')]
    within = SCENARIO.replace("values: [web, job]", 'values: [web, "${{ matrix.port }}"]')
    (problem,) = problems_of(within)
    assert problem.field == "spec.matrix.peer[1].peer.podSelector.matchExpressions[0].values[1]"
    assert problem.hint == "a value of a matrix cannot refer to that matrix"


@pytest.mark.parametrize("count", [12, 2000])
def test_too_many_combinations_are_refused(problems_of: Callable[..., tuple[Problem, ...]], count: int) -> None:
    numbers = list(range(count))
    text = SCENARIO.replace("port: [80, 81]", f"port: {numbers}\n    other: {numbers}").replace("peer: both, ", "")
    (problem, *_) = problems_of(text)
    assert problem.message == f"makes {2 * count * count:,} combinations, and 256 are the most"


def test_what_expands_to_too_much_is_refused(problems_of: Callable[..., tuple[Problem, ...]]) -> None:
    numbers = list(range(1000))
    text = HEAD + f"  matrix: {{x: {list(range(16))}, big: [{{name: big, list: {numbers}}}]}}\n  steps:\n"
    step = (
        '{name: "${{ matrix.x }}", apply: [{a: "${{ matrix.big.list }}", b: "${{ matrix.big.list }}"}], expect: allow}'
    )
    (problem,) = problems_of(text + 10 * f"    - {step}\n")
    assert problem.message == "the matrices expand to more than 100,000 values"
