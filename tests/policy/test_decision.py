"""A decision as data: where it fell, which rules made it, which policies had a say, and what is open."""

from __future__ import annotations

import pytest

from probe.policy.decision import Answer, Decision, Exemption, Side, combined
from probe.policy.oracle import Oracle, Question
from probe.policy.rules import Direction, Tier
from tests.policy.support import (
    ALLOW,
    DENY,
    UNDEFINED,
    Object,
    admin_policy,
    ask,
    baseline_policy,
    block,
    cluster,
    cluster_policy,
    egress,
    ingress,
    labels,
    network_policy,
    node,
    pod,
    rule,
    to,
)

WEB = pod("a/web", "80/TCP=http", at="10.0.0.1", app="web", node="one")
DB = pod("b/db", at="10.0.1.1", app="db", node="two")
HOST = pod("b/host", at="172.18.0.2", app="host", node="two", host=True)
FROM_ALL: Object = {"namespaceSelector": {}}


def decide(*things: Object, source: str = "b/db", destination: str = "a/web", on: str = "80/TCP") -> Decision:
    return ask(cluster(WEB, DB, HOST, *things), source, destination, on)


def deciders(side: Side) -> list[str]:
    return [str(ref) for ref in side.deciders]


def selecting(side: Side) -> list[str]:
    return [str(ref) for ref in side.selected_by]


# --- sides ---------------------------------------------------------------------------------------------------------


def test_a_decision_names_the_flow() -> None:
    decision = decide(on="53/UDP")
    assert (decision.source, decision.destination, decision.port) == ("b/db", "a/web", 53)
    assert (str(decision.protocol), str(decision.family)) == ("UDP", "IPv4")


def test_the_sides_are_those_of_the_source_and_of_the_destination() -> None:
    out, into = decide().sides
    assert (out.direction, out.subject, into.direction, into.subject) == (
        Direction.EGRESS,
        "b/db",
        Direction.INGRESS,
        "a/web",
    )


def test_an_end_that_is_no_pod_is_nobodys_subject() -> None:
    decision = decide(ingress(), source="192.0.2.1")
    assert (decision.egress.subject, decision.egress.selected_by, decision.egress.answer) == (None, (), ALLOW)


def test_without_policies_nothing_decides() -> None:
    assert {(side.tier, side.deciders, side.selected_by) for side in decide().sides} == {(None, (), ())}


# --- deciders ------------------------------------------------------------------------------------------------------


def test_all_accepting_rules_of_network_policies_decide() -> None:
    two = network_policy(name="two", ingress=[{"from": [FROM_ALL]}, {"ports": [{"port": 81}]}, {}])
    side = decide(ingress(FROM_ALL, name="one"), two).ingress
    assert (side.tier, side.answer) == (Tier.NETWORK_POLICY, ALLOW)
    assert deciders(side) == ["a/one ingress[0]", "a/two ingress[0]", "a/two ingress[2]"]


def test_isolation_alone_has_no_decider() -> None:
    side = decide(ingress({"podSelector": {}})).ingress
    assert (side.answer, side.tier, side.deciders) == (DENY, Tier.NETWORK_POLICY, ())


def test_the_first_matching_rule_of_a_cluster_scoped_policy_decides() -> None:
    policy = cluster_policy(ingress=[rule("Accept", {"namespaces": labels(no="such")}), rule("Deny", name="all")])
    side = decide(policy, ingress()).ingress
    assert (side.answer, side.tier) == (DENY, Tier.ADMIN)
    assert deciders(side) == ['ClusterNetworkPolicy/policy ingress[1] "all"']


def test_a_pass_decides_nothing_by_itself() -> None:
    passing = cluster_policy(ingress=[rule("Pass")])
    assert deciders(decide(passing, ingress()).ingress) == ["a/policy ingress[0]"]
    side = decide(passing, cluster_policy("Baseline", name="base", ingress=[rule("Deny")])).ingress
    assert (side.tier, deciders(side)) == (Tier.BASELINE, ["ClusterNetworkPolicy/base ingress[0]"])
    side = decide(passing).ingress
    assert (side.answer, side.tier, side.deciders) == (ALLOW, None, ())


def test_rules_of_equal_priority_that_agree_decide_together() -> None:
    side = decide(*(cluster_policy(name=name, ingress=[rule("Deny")]) for name in ("one", "two"))).ingress
    assert deciders(side) == ["ClusterNetworkPolicy/one ingress[0]", "ClusterNetworkPolicy/two ingress[0]"]


def test_the_first_tier_whose_answer_is_final_decides_even_if_another_says_the_same() -> None:
    """One of two equals accepts and the other passes to a NetworkPolicy that accepts: allowed in either case."""
    equals = [cluster_policy(name=name, ingress=[rule(name.capitalize())]) for name in ("accept", "pass")]
    side = decide(*equals, ingress()).ingress
    assert (side.answer, side.tier, deciders(side)) == (ALLOW, Tier.ADMIN, ["ClusterNetworkPolicy/accept ingress[0]"])


def test_rules_that_match_for_certain_are_named_before_those_that_may() -> None:
    maybe = cluster_policy(name="maybe", egress=[to("Accept", {"domainNames": ["example.com"]})])
    side = decide(maybe, egress(), source="a/web", destination="192.0.2.1").egress
    assert (side.answer, side.tier, deciders(side)) == (ALLOW, Tier.NETWORK_POLICY, ["a/policy egress[0]"])


def test_a_decider_in_the_admin_tier_silences_the_others() -> None:
    side = decide(cluster_policy(ingress=[rule("Accept")]), ingress(), network_policy(name="closed")).ingress
    assert (side.tier, deciders(side)) == (Tier.ADMIN, ["ClusterNetworkPolicy/policy ingress[0]"])


def test_the_older_kinds_have_the_tiers_of_their_successor() -> None:
    assert decide(admin_policy(ingress=[rule("Allow")])).ingress.tier is Tier.ADMIN
    side = decide(baseline_policy(ingress=[rule("Deny")])).ingress
    assert (side.tier, deciders(side)) == (Tier.BASELINE, ["BaselineAdminNetworkPolicy/default ingress[0]"])


# --- selected by ---------------------------------------------------------------------------------------------------


def test_selected_by_are_all_policies_for_the_subject_and_direction_in_the_order_of_evaluation() -> None:
    decision = decide(
        cluster_policy("Baseline", 0, "base", ingress=[rule("Deny")]),
        ingress(name="second"),
        ingress(name="first"),
        egress(name="out"),
        network_policy("b", "elsewhere"),
        cluster_policy("Admin", 7, "late", ingress=[rule("Pass")]),
        cluster_policy("Admin", 3, "soon", ingress=[rule("Pass")], egress=[to("Pass")]),
    )
    assert selecting(decision.ingress) == [
        "ClusterNetworkPolicy/soon",
        "ClusterNetworkPolicy/late",
        "a/first",
        "a/second",
        "ClusterNetworkPolicy/base",
    ]
    assert selecting(decision.egress) == ["ClusterNetworkPolicy/soon"]


def test_policies_that_select_the_subject_but_say_nothing_of_the_direction_are_not_among_them() -> None:
    assert decide(egress(), cluster_policy(egress=[to("Deny")], subject={"namespaces": {}})).ingress.selected_by == ()


# --- exemptions ----------------------------------------------------------------------------------------------------


def test_exemptions() -> None:
    nodes = node("one", "172.18.0.1"), node("two", "172.18.0.2")
    closed = network_policy(policyTypes=["Ingress", "Egress"])
    guest = pod("b/guest", host=True, node="one")
    snapshot = cluster(WEB, DB, guest, *nodes, closed)
    found = {end: ask(snapshot, "a/web", end) for end in ("a/web", "node:one", "node:two", "b/guest", "b/db")}
    assert {end: (decision.answer, decision.exemption) for end, decision in found.items()} == {
        "a/web": (ALLOW, Exemption.SELF),
        "node:one": (ALLOW, Exemption.OWN_NODE),
        "node:two": (DENY, None),
        "b/guest": (UNDEFINED, Exemption.PERHAPS_NODE),
        "b/db": (DENY, None),
    }


def test_no_exemption_stands_by_a_denial() -> None:
    denied = cluster_policy(egress=[to("Deny", {"nodes": {}})])
    decision = ask(cluster(WEB, node("one", "172.18.0.1"), denied), "a/web", "node:one")
    assert (decision.answer, decision.exemption) == (DENY, None)


# --- undefined -----------------------------------------------------------------------------------------------------


def test_undefined_because_of_a_host_network() -> None:
    decision = decide(ingress(FROM_ALL), source="b/host")
    assert decision.answer is UNDEFINED
    assert decision.ingress.why == "the API leaves open what policies do to pods on the host's network, as b/host is"
    subject = ask(cluster(HOST, WEB, network_policy("b")), "a/web", "b/host")
    assert subject.ingress.why == "the API leaves open what policies do to pods on the host's network, as b/host is"


def test_undefined_because_of_equal_priorities() -> None:
    side = decide(
        cluster_policy(name="one", ingress=[rule("Accept")]), cluster_policy(name="two", ingress=[rule("Deny")])
    ).ingress
    assert side.why == "they have the same priority and disagree, so that any of them may be applied"
    assert deciders(side) == ["ClusterNetworkPolicy/one ingress[0]", "ClusterNetworkPolicy/two ingress[0]"]


def test_undefined_because_of_an_address_that_is_not_known() -> None:
    snapshot = cluster(WEB, pod("b/template"), ingress(block("10.0.0.0/8")))
    assert ask(snapshot, "b/template", "a/web").ingress.why == "which address b/template has is not known"


def test_undefined_because_of_domain_names() -> None:
    names = to("Accept", {"domainNames": ["example.com"]})
    side = decide(
        cluster_policy(egress=[names]),
        egress(namespace="b", ports=[{"port": 1}]),
        source="b/db",
        destination="192.0.2.1",
    ).egress
    assert side.why == "which addresses its domain names stand for is not known"


def test_undefined_because_nothing_is_known_of_an_end() -> None:
    snapshot = cluster(WEB, ingress({"podSelector": {}}))
    assert ask(snapshot, "?kube-dns", "a/web").ingress.why == "nothing is known of ?kube-dns"


def test_undefined_because_a_block_divides_a_range_of_addresses() -> None:
    snapshot = cluster(WEB, ingress(block("192.0.2.0/31")))
    side = ask(snapshot, "192.0.2.0-192.0.2.2", "a/web").ingress
    assert side.why == "it may be for some of 192.0.2.0-192.0.2.2 and not for others"


# --- both sides together -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", Answer)
def test_one_denial_is_enough_and_both_must_allow(answer: Answer) -> None:
    assert combined(answer, DENY) is combined(DENY, answer) is DENY
    assert combined(answer, ALLOW) is combined(ALLOW, answer) is answer
    assert combined(UNDEFINED, UNDEFINED) is UNDEFINED


def test_an_end_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError):
        Oracle(cluster(WEB)).decide("a/web", "a/gone", Question(80))
