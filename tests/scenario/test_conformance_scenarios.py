"""The conformance scenarios: complete by list, small, and of one mind with the oracle."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from probe.engine.computed import computed_plan
from probe.model.cell import Family
from probe.scenario import make_plan
from tests.scenario.conformance import CYCLONUS, FEATURES, FILES, PAGE, files, of_family, of_file, page, suite
from tests.scenario.other_suites import BEYOND, CNP

LINES = range(20, 61)
LINES_OF_FAMILIES = range(20, 101)
FAMILIES = ([Family.IPV4], [Family.IPV6], [Family.IPV4, Family.IPV6])

UPSTREAM = """
    default-deny-ingress default-deny-all pod-selector-of-server-namespace allow-ingress-for-a-target
    allow-from-all-namespaces namespace-selector pod-selector-match-expressions namespace-selector-match-expressions
    pod-selector-or-namespace-selector pod-selector-and-namespace-selector multiple-pod-and-namespace-selectors
    any-pod-selector one-pod-of-another-namespace ports stacked-policies allow-all ingress-on-named-port
    ingress-from-namespace-on-named-port egress-to-named-port updated-policy updated-namespace updated-pod
    deny-from-other-namespaces deny-to-updated-pod deny-egress-by-pod-selector deny-egress-of-namespace
    ingress-and-egress-together egress-denied-although-ingress-allows egress-by-pod-and-namespace-selector
    any-port-of-a-protocol ingress-allow-all-precedence egress-allow-all-precedence deleted-policy egress-to-cidr
    egress-to-cidr-except cidr-overlaps-except ingress-and-egress-independent sctp-is-not-tcp isolated-by-sctp-policy
    udp-is-not-tcp default-namespace-label default-namespace-label-match-expressions
    udp-default-deny-ingress udp-ports udp-one-pod-of-another-namespace
    sctp-default-deny-ingress sctp-ports sctp-one-pod-of-another-namespace
"""
"""Kubernetes' own NetworkPolicy tests (test/e2e/network/netpol): 42 cases, and three each over UDP and SCTP."""

DOCUMENTATION = """
    overview.self-traffic
    isolation.default-open isolation.ingress isolation.egress isolation.independent isolation.reply-traffic
    isolation.additive isolation.both-sides
    resource.namespaced resource.example resource.policy-types resource.policy-types-default
    resource.policy-types-default-egress resource.rules
    selectors.kinds selectors.pod-selector selectors.namespace-selector selectors.one-item selectors.two-items
    selectors.ip-block
    default-policies.deny-ingress default-policies.allow-ingress default-policies.deny-egress
    default-policies.allow-egress default-policies.deny-all
    filtering.protocols port-range.egress targeting.namespaces-by-label targeting.namespace-by-name
    lifecycle.new-pod lifecycle.before-start lifecycle.new-namespace lifecycle.labels-change lifecycle.eventually
"""
"""Statements of the page on network policies, by its sections in order."""

API = """
    NetworkPolicySpec.podSelector NetworkPolicySpec.policyTypes NetworkPolicySpec.ingress NetworkPolicySpec.egress
    NetworkPolicyIngressRule.from NetworkPolicyIngressRule.ports NetworkPolicyIngressRule.no-ports
    NetworkPolicyEgressRule.to NetworkPolicyEgressRule.ports NetworkPolicyEgressRule.no-peers
    NetworkPolicyPeer.podSelector NetworkPolicyPeer.namespaceSelector NetworkPolicyPeer.ipBlock
    IPBlock.cidr IPBlock.except IPBlock.family
    NetworkPolicyPort.protocol NetworkPolicyPort.port NetworkPolicyPort.endPort NetworkPolicyPort.name-by-pod
    NetworkPolicyPort.name-and-protocol
    LabelSelector.matchLabels LabelSelector.matchExpressions LabelSelector.NotIn LabelSelector.Exists
    LabelSelector.DoesNotExist
"""
"""Fields, and what the reference says of special values of theirs."""


def labelled(key: str) -> Counter[str]:
    """How many files have each of a label's values."""
    return Counter(first.labels[key] for first, *_ in files(suite()) if key in first.labels)


def test_every_case_of_upstream_is_there_exactly_once() -> None:
    assert len(UPSTREAM.split()) == 48
    assert labelled("upstream") == Counter(UPSTREAM.split())


@pytest.mark.parametrize(("key", "statements"), [("docs", DOCUMENTATION), ("api", API)])
def test_every_statement_has_its_scenario(key: str, statements: str) -> None:
    assert labelled(key) == Counter(statements.split())


def test_the_families_of_cyclonus_have_at_least_as_many_steps_as_it_has_cases() -> None:
    assert sum(cases for cases, _ in CYCLONUS.values()) == 230
    assert labelled("cyclonus").keys() | {"upstream"} == CYCLONUS.keys()
    steps = {family: sum(len(each.steps) for each in of_family(suite(), family)) for family in CYCLONUS}
    assert {family: steps[family] for family, (cases, _) in CYCLONUS.items() if steps[family] < cases} == {}


def test_every_conformance_test_of_cluster_network_policy_has_its_scenario() -> None:
    assert len({name for names in CNP.values() for name in names}) == sum(map(len, CNP.values())) == 24
    assert labelled("cnp") == Counter(CNP.keys())


def test_what_other_suites_leave_out_is_there() -> None:
    assert labelled("beyond").keys() == BEYOND.keys()


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_file_is_one_small_scenario_that_gives_its_reasons(path: Path) -> None:
    text = path.read_text("utf-8")
    head = text.partition("apiVersion:")[0].splitlines()
    (document,) = yaml.safe_load_all(text)
    assert len(text.splitlines()) in (LINES_OF_FAMILIES if "matrix" in document["spec"] else LINES)
    assert head[0].startswith("# yaml-language-server:")
    assert len("".join(head[1:])) > 80, "the policies' reasoning, in a comment"
    assert document["metadata"]["name"] == path.stem
    assert document["metadata"]["labels"]["suite"] == "conformance"
    assert document["metadata"]["labels"]["feature"] in FEATURES
    assert document["spec"]["description"].endswith(".")
    assert set(document["metadata"]["labels"]) & {"upstream", "docs", "api", "cyclonus", "cnp", "beyond"}


@pytest.mark.parametrize("families", FAMILIES, ids=["IPv4", "IPv6", "dual"])
def test_what_is_stated_is_what_the_policies_say(families: list[Family]) -> None:
    for scenario in suite():
        plan, problems = computed_plan(make_plan(scenario, families))
        assert problems == ()
        assert all(step.cells for step in plan.steps)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_expectations_are_stated_and_a_cluster_that_enforces_nothing_fails(path: Path) -> None:
    scenarios = of_file(path)
    assert scenarios
    for scenario in scenarios:
        cells = [cell for step in make_plan(scenario).steps for cell in step.cells]
        assert not any(cell.computed for cell in cells), scenario.name
        assert any(cell.expectation.denies for cell in cells), scenario.name
        assert len(cells) <= (400 if "[" in scenario.name else 200), scenario.name


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == page(suite()), "write it again with `make docs`"
