"""Fleets that scenarios share: what comes of ``spec.fleet.from``, and mistakes at their places in the right file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from probe.cluster.bundle import bundle
from probe.model.errors import Problem, ScenarioError
from probe.model.fleet import Fleet
from probe.scenario import load_scenarios
from tests.scenario.test_mistakes import assert_only

Write = Callable[[Mapping[str, str]], Path]

SHARED = """\
apiVersion: cni-probe/v1
kind: Fleet
spec:
  namespaces:
    shop:
      labels: {team: shop}
      pods:
        web: {labels: {app: web, tier: front}, ports: [80/TCP, 443/TCP]}
        api: {labels: {app: api}, ports: [8080/TCP]}
  external:
    vault: {addresses: [10.0.12.34], ports: 443/TCP}
"""
SCENARIO = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: sharing}
spec:
  fleet: {from: ../fleets/shop.yaml}
  steps:
    - {name: open, expect: allow}
"""
TAKE = "fleet: {from: ../fleets/shop.yaml}"


def written(write: Write, scenario: str = SCENARIO, shared: str = SHARED) -> Path:
    return write({"scenarios/a.yaml": scenario, "fleets/shop.yaml": shared})


def fleet_of(write: Write, more: str) -> Fleet:
    """The fleet of a scenario that says ``more`` beside ``from``."""
    text = SCENARIO.replace(TAKE, "fleet:\n    from: ../fleets/shop.yaml\n" + more)
    (scenario,) = load_scenarios([written(write, text) / "scenarios"])
    return scenario.fleet


def problems_of(write: Write, scenario: str = SCENARIO, shared: str = SHARED) -> tuple[Problem, ...]:
    """The problems of a scenario and its fleet's file, both without the mark of a mistake."""
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([written(write, scenario.replace("@@", ""), shared.replace("@@", "")) / "scenarios"])
    return caught.value.problems


def test_a_fleet_is_taken_from_a_file_beside_the_scenario(write: Write) -> None:
    (scenario,) = load_scenarios([written(write) / "scenarios/a.yaml"])
    assert [pod.id for pod in scenario.fleet.pods] == ["shop/web", "shop/api"]
    assert [external.id for external in scenario.fleet.externals] == ["external/vault"]
    assert scenario.fleet_file is not None
    assert Path(scenario.fleet_file).name == "shop.yaml"
    assert [Path(path).name for path in scenario.sources] == ["a.yaml", "shop.yaml"]


@pytest.mark.parametrize(
    ("more", "labels", "ports"),
    [
        ("", {"app": "web", "tier": "front"}, ["80/TCP", "443/TCP"]),
        ("    namespaces: {shop: {pods: {web: {ports: [81/TCP]}}}}\n", {"app": "web", "tier": "front"}, ["81/TCP"]),
        (
            "    namespaces: {shop: {pods: {web: {labels: {tier: back}}}}}\n",
            {"app": "web", "tier": "back"},
            ["80/TCP", "443/TCP"],
        ),
        ("    namespaces: {shop: {pods: {web: }}}\n", {"app": "web", "tier": "front"}, ["80/TCP", "443/TCP"]),
    ],
    ids=["nothing", "another list replaces", "mappings are joined", "a key with nothing behind it changes nothing"],
)
def test_what_the_scenario_says_goes_over_it(
    write: Write, more: str, labels: Mapping[str, str], ports: list[str]
) -> None:
    web = fleet_of(write, more).pods[0]
    assert (dict(web.labels), [str(port) for port in web.ports]) == (labels, ports)


def test_a_scenario_may_add_to_it(write: Write) -> None:
    more = "    namespaces: {shop: {pods: {db: 5432/TCP}}, other: {pods: {client: }}}\n"
    more += "    external: {edge: {addresses: [10.1.0.1], ports: 80/TCP}}\n    placement: same\n"
    fleet = fleet_of(write, more)
    assert [pod.id for pod in fleet.pods] == ["shop/web", "shop/api", "shop/db", "other/client"]
    assert [external.name for external in fleet.externals] == ["vault", "edge"]
    assert fleet.placement.spread == "same"


def test_it_may_say_what_is_tried_and_a_scenarios_probe_goes_over_it(write: Write) -> None:
    shared = SHARED + "  probe: {to: shop/*, paths: [pod-ip, external, cluster-ip/other-port], self: false}\n"
    general, own = "  probe: {to: [shop/web, external/vault]}\n", "probe: {paths: pod-ip}, "
    text = SCENARIO.replace("  steps:", f"{general}  steps:") + f"    - {{name: again, {own}expect: allow}}\n"
    (scenario,) = load_scenarios([written(write, text, shared) / "scenarios"])
    first, second = (step.selection for step in scenario.steps)
    assert first.destinations == second.destinations == ("shop/web", "external/vault")
    assert first.paths == ("pod-ip", "external", "cluster-ip/other-port")
    assert second.paths == ("pod-ip",)
    assert not first.include_self
    assert not second.include_self


def test_ways_that_a_scenario_has_nobody_for_may_stand_in_a_shared_probe(write: Write) -> None:
    shared = SHARED.partition("  external:")[0] + "  probe: {paths: [pod-ip, external]}\n"
    (scenario,) = load_scenarios([written(write, shared=shared) / "scenarios"])
    assert scenario.steps[0].selection.paths == ("pod-ip", "external")


def test_what_it_says_is_tried_must_be_in_the_scenarios_fleet(write: Write) -> None:
    (problem,) = problems_of(write, shared=SHARED + "  probe: {to: shop/wbe}\n")
    assert (problem.message, problem.hint) == ('unknown pod "shop/wbe"', 'did you mean "shop/web"?')
    assert problem.location.file.endswith("shop.yaml")
    assert problem.field == "spec.fleet.probe.to"


def test_a_scenario_with_its_fleets_file_can_be_bundled(write: Write) -> None:
    loaded = load_scenarios([written(write) / "scenarios"])
    assert [file.path for file in bundle(loaded).files] == ["scenarios/a.yaml", "fleets/shop.yaml"]


def test_fleets_among_scenarios_are_no_scenarios(write: Write) -> None:
    directory = written(write)
    assert [scenario.name for scenario in load_scenarios([directory])] == ["sharing"]
    with pytest.raises(ScenarioError) as caught:
        load_scenarios([directory / "fleets/shop.yaml"])
    (problem,) = caught.value.problems
    assert "kind is Fleet, not Scenario" in problem.message
    assert problem.hint == "a scenario takes it with spec.fleet: {from: FILE}"


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        (
            "../fleets/shop.yaml",
            "@@../fleets/shpo.yaml",
            'no such file: "../fleets/shpo.yaml"',
            'did you mean "shop.yaml"?',
        ),
        ("../fleets/shop.yaml", "@@5", "must be the path of a fleet's file", ""),
        ("../fleets/shop.yaml", "@@[a]", "must be the path of a fleet's file", ""),
        ("../fleets/shop.yaml", "@@../fleets", 'no such file: "../fleets"', ""),
        (TAKE, "@@fleet: {}", 'missing key "namespaces"', ""),
        (TAKE, "@@fleet: {from: }", 'missing key "namespaces"', ""),
        (
            "{from: ../fleets/shop.yaml}",
            "{@@form: ../fleets/shop.yaml, namespaces: {a: {pods: {b: 80}}}}",
            'unknown key "form"',
            'did you mean "from"?',
        ),
        ("expect: allow", "expect: {default: deny, rules: [{to: @@shop/wbe, verdict: allow}]}", '"shop/wbe"', ""),
    ],
)
def test_mistakes_in_the_scenario(write: Write, old: str, new: str, message: str, hint: str) -> None:
    text = SCENARIO.replace(old, new)
    assert_only(problems_of(write, text), text, message, hint, file="a.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("kind: Fleet", "kind: @@Fleat", "kind is not Fleet", "kind: Fleet"),
        ("spec:\n", "@@spce:\n", 'unknown key "spce"', 'did you mean "spec"?'),
        ("labels: {app: api}", "@@lables: {app: api}", 'unknown key "lables"', 'did you mean "labels"?'),
        ("labels: {app: api}", "labels: {app: @@on}", "on is a boolean", 'write "on" in quotes'),
        ("labels: {app: api}", '{labels: {@@"a b": api}', "cannot be a label's key", ""),
        ("8080/TCP", "@@8080/TPC", '"TPC" is not a known protocol', 'did you mean "TCP"?'),
        ("10.0.12.34", "@@10.0.12", "is not an IPv4 or IPv6 address", ""),
        ("  namespaces:", "  @@from: other.yaml\n  namespaces:", 'unknown key "from"', ""),
        ("  external:", "  placement: @@diferent\n  external:", "is not a known placement", '"different"?'),
        ("  external:", "  probe: {paths: @@pod-pi}\n  external:", "is not a known path", '"pod-ip"?'),
    ],
)
def test_mistakes_in_the_fleets_file_are_told_once_and_there(
    write: Write, old: str, new: str, message: str, hint: str
) -> None:
    text = SHARED.replace(old, new.removeprefix("{") if old.startswith("labels") else new)
    steps = "    - {name: closed, expect: {default: deny, rules: [{to: shop/api, verdict: allow}]}}\n"
    found = problems_of(write, SCENARIO + steps, text)
    assert_only(found, text, message, hint, file="shop.yaml")
    assert not found[0].field.startswith("spec.fleet")


def test_a_second_document_and_a_file_that_cannot_be_read_are_mistakes(write: Write) -> None:
    two = SHARED + "---\n@@" + SHARED
    assert_only(problems_of(write, shared=two), two, "a second document", "a file holds one fleet", file="shop.yaml")
    broken = "@@- [\n"
    (problem,) = problems_of(write, shared=broken)
    assert "not valid YAML" in problem.message
    assert Path(problem.location.file).name == "shop.yaml"


def test_other_mistakes_of_the_scenario_are_found_although_its_fleet_cannot_be_had(write: Write) -> None:
    text = SCENARIO.replace("shop.yaml", "none.yaml").replace("expect: allow", "expect: {to: x}")
    text += "    - {name: closed, expect: {default: alow, rules: [{to: shop/api, verdict: deny}]}}\n"
    messages = [problem.message for problem in problems_of(write, text)]
    assert len(messages) == 3
    assert "no such file" in messages[0]
    assert messages[1:] == ['unknown key "to"', '"alow" is not a known expectation']
