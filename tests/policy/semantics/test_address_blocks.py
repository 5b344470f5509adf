"""NetworkPolicyPeer.ipBlock: addresses of pods and of others, exceptions, families."""

from __future__ import annotations

from probe.policy.oracle import Oracle, Question
from tests.policy.semantics.friends import FRIEND, OUTSIDE, POD, PODS, STRANGER, reachable_from, reaches
from tests.policy.support import ALLOW, DENY, V4, V6, answer, block, cluster, egress, ingress


def test_an_ip_block_matches_pod_addresses_as_well() -> None:
    assert reachable_from(ingress(block("10.0.0.0/24"))) == {FRIEND, "a/other"}
    assert reaches(egress(block("10.0.0.2/32"))) == {FRIEND}


def test_an_ip_block_matches_addresses_outside() -> None:
    assert reachable_from(ingress(block("192.0.2.0/24"))) == reaches(egress(block("192.0.2.0/24"))) == {OUTSIDE}


def test_except_subtracts() -> None:
    assert reachable_from(ingress(block("10.0.0.0/16", "10.0.1.0/24"))) == {FRIEND, "a/other"}
    assert reachable_from(ingress(block("10.0.0.0/16", "10.0.1.0/24", "10.0.0.2/32"))) == {"a/other"}


def test_except_subtracts_only_inside_its_own_block_and_another_may_allow_the_address() -> None:
    hole = block("10.0.0.0/16", "10.0.0.2/32")
    assert FRIEND not in reachable_from(ingress(hole))
    assert FRIEND in reachable_from(ingress(hole, block("10.0.0.0/24")))
    assert FRIEND in reachable_from(ingress(hole, {"podSelector": {}}))
    assert FRIEND in reachable_from(ingress(hole), ingress(block("10.0.0.2/32"), name="another"))


def test_families_never_mix() -> None:
    snapshot = cluster(*PODS, ingress(block("0.0.0.0/0")))
    assert (answer(snapshot, FRIEND, POD, family=V4), answer(snapshot, FRIEND, POD, family=V6)) == (ALLOW, DENY)
    snapshot = cluster(*PODS, egress(block("::/0", "fd00:1::/32")))
    assert (answer(snapshot, POD, FRIEND, family=V4), answer(snapshot, POD, FRIEND, family=V6)) == (DENY, ALLOW)
    assert answer(snapshot, POD, STRANGER, family=V6) is DENY


def test_the_same_oracle_is_asked_for_both_families() -> None:
    oracle = Oracle(cluster(*PODS, ingress(block("0.0.0.0/0"))))
    for family, expected in ((V4, ALLOW), (V6, DENY), (V4, ALLOW)):
        assert oracle.decide(FRIEND, POD, Question(80, family=family)).answer is expected


def test_selectors_know_no_families() -> None:
    snapshot = cluster(*PODS, ingress({"podSelector": {}}))
    assert answer(snapshot, FRIEND, POD, family=V6) is answer(snapshot, FRIEND, POD, family=V4) is ALLOW
