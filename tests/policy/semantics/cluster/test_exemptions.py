"""What no ClusterNetworkPolicy forbids, or what they may or may not mean."""

from __future__ import annotations

from tests.policy.semantics.cluster.web import CLOSED, PODS, WEB, judged
from tests.policy.support import ALLOW, DENY, EVERYBODY, answer, cluster, cluster_policy, labels, node, pod, rule, to


def test_a_pods_traffic_to_its_own_address_is_exempt() -> None:
    denied = cluster_policy(ingress=[rule("Deny")], egress=[to("Deny", {"networks": ["0.0.0.0/0"]})])
    assert judged(denied, source=WEB, destination=WEB) is ALLOW


def test_subjects_never_include_pods_on_the_hosts_network() -> None:
    deny = cluster_policy(
        ingress=[rule("Deny")],
        egress=[to("Deny", EVERYBODY, {"nodes": {}})],
        subject={"namespaces": labels(env="host")},
    )
    host = pod("c/host", host=True, node="one")
    snapshot = cluster(*PODS, host, node("one", "172.18.0.1"), deny, namespaces={"c": {"env": "host"}})
    assert answer(snapshot, WEB, "c/host") is answer(snapshot, "c/host", WEB) is ALLOW


def test_peers_never_mean_pods_on_the_hosts_network() -> None:
    host = pod("b/host", host=True, node="one")
    there = pod("a/there", node="two")
    assert answer(cluster(there, host, cluster_policy(ingress=[rule("Deny")])), "b/host", "a/there") is ALLOW
    assert answer(cluster(there, host, cluster_policy(egress=[to("Deny")])), "a/there", "b/host") is ALLOW


def test_a_pods_own_node_is_spared_by_network_policies_but_not_by_those_of_the_cluster() -> None:
    """The exception is NetworkPolicy's. To keep pods from ports of their nodes is what ``nodes`` peers are for
    (NPEP-126, and the conformance test CNPAdminTierEgressNodePeers, which asks for no particular node)."""
    things = pod(WEB, node="one", at="10.0.0.1"), node("one", "172.18.0.1")
    assert answer(cluster(*things, CLOSED), WEB, "node:one") is ALLOW
    deny = [to("Deny", {"nodes": {}})]
    assert answer(cluster(*things, cluster_policy(egress=deny)), WEB, "node:one") is DENY
    assert answer(cluster(*things, cluster_policy(egress=deny), CLOSED), WEB, "node:one") is DENY
    assert answer(cluster(*things, cluster_policy("Baseline", egress=deny)), WEB, "node:one") is DENY
    assert answer(cluster(*things, cluster_policy("Baseline", egress=deny), CLOSED), WEB, "node:one") is ALLOW
    blocks = cluster_policy(egress=[to("Deny", {"networks": ["0.0.0.0/0"]})])
    assert answer(cluster(*things, blocks), WEB, "node:one") is DENY


def test_no_ingress_rule_of_the_cluster_means_a_node() -> None:
    things = pod(WEB, node="one", at="10.0.0.1"), node("one", "172.18.0.1"), node("two", "172.18.0.2")
    snapshot = cluster(*things, cluster_policy(ingress=[rule("Deny")]))
    assert answer(snapshot, "node:one", WEB) is answer(snapshot, "node:two", WEB) is ALLOW
