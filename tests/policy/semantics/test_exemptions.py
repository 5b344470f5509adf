"""What no NetworkPolicy forbids, or what they may or may not mean: a pod itself, nodes, and pods on their networks."""

from __future__ import annotations

from dataclasses import replace

from probe.policy.decision import Exemption
from tests.policy.semantics.friends import FRIEND, POD, PODS
from tests.policy.support import (
    ALLOW,
    DENY,
    UNDEFINED,
    answer,
    ask,
    block,
    cluster,
    egress,
    expression,
    ingress,
    network_policy,
    node,
    pod,
)


def test_a_pods_traffic_to_its_own_address_is_allowed() -> None:
    closed = network_policy(policyTypes=["Ingress", "Egress"])
    assert answer(cluster(*PODS, closed), POD, POD) is ALLOW
    assert answer(cluster(*PODS, closed), FRIEND, POD) is DENY


def test_traffic_between_a_pod_and_its_own_node_is_always_allowed() -> None:
    closed = network_policy(policyTypes=["Ingress", "Egress"])
    nodes = node("one", "172.18.0.1"), node("two", "172.18.0.2")
    snapshot = cluster(pod(POD, node="one"), *nodes, closed)
    assert answer(snapshot, "node:one", POD) is answer(snapshot, POD, "node:one") is ALLOW
    assert answer(snapshot, "node:two", POD) is answer(snapshot, POD, "node:two") is DENY


def test_another_node_is_an_address_like_any() -> None:
    nodes = node("one", "172.18.0.1"), node("two", "172.18.0.2")
    snapshot = cluster(pod(POD, node="one"), *nodes, ingress(block("172.18.0.2/32")))
    assert answer(snapshot, "node:two", POD) is ALLOW
    selected = cluster(pod(POD, node="one"), *nodes, ingress({"namespaceSelector": {}}))
    assert answer(selected, "node:two", POD) is DENY


def test_each_node_may_be_the_own_one_of_a_pod_that_is_not_placed_yet() -> None:
    closed = network_policy(policyTypes=["Ingress", "Egress"])
    snapshot = cluster(pod(POD), node("one", "172.18.0.1"), closed)
    decision = ask(snapshot, "node:one", POD)
    assert (decision.answer, decision.exemption) == (UNDEFINED, Exemption.PERHAPS_OWN_NODE)
    assert answer(snapshot, POD, "node:one") is UNDEFINED


def test_a_template_and_itself_are_two_pods() -> None:
    template = replace(pod(POD), workload="Deployment/pod")
    assert answer(cluster(template), POD, POD) is ALLOW
    assert answer(cluster(template, network_policy(policyTypes=["Ingress"])), POD, POD) is DENY
    assert answer(cluster(template, ingress({"podSelector": {}})), POD, POD) is ALLOW


def test_policies_select_pods_on_the_hosts_network_or_they_do_not() -> None:
    host = pod("a/host", host=True, node="two")
    snapshot = cluster(host, pod(POD, node="one"), network_policy(podSelector=expression("app", "DoesNotExist")))
    assert answer(snapshot, POD, "a/host") is UNDEFINED
    assert answer(cluster(host, pod("a/client", node="one"), ingress()), "a/client", "a/host") is ALLOW


def test_peers_mean_pods_on_the_hosts_network_or_they_do_not() -> None:
    pods = pod(POD, app="x"), pod("b/host", host=True, node="two")
    isolated = cluster(*pods, ingress({"namespaceSelector": {}}, namespace="a"))
    assert answer(isolated, "b/host", POD) is UNDEFINED
    assert answer(cluster(*pods, ingress(block("0.0.0.0/0"))), "b/host", POD) is ALLOW
    assert answer(cluster(*pods, ingress(block("10.0.0.0/8"))), "b/host", POD) is UNDEFINED
    elsewhere = pod(POD, node="one"), pod("b/host", host=True, node="two")
    assert answer(cluster(*elsewhere, ingress({"podSelector": {}})), "b/host", POD) is DENY


def test_names_of_ports_hold_on_the_hosts_network_or_they_do_not() -> None:
    """Where such a pod is taken for its node, nobody there calls a port anything."""
    pods = pod(POD, node="one"), pod("b/host", "80/TCP=http", host=True, node="two")
    assert answer(cluster(*pods, egress(ports=[{"port": "http"}])), POD, "b/host") is UNDEFINED
    assert answer(cluster(*pods, egress(ports=[{"port": 80}])), POD, "b/host") is ALLOW
    assert answer(cluster(*pods, egress(ports=[{"port": "dns"}])), POD, "b/host") is DENY


def test_a_pod_on_the_network_of_the_pods_own_node_may_be_taken_for_the_node() -> None:
    pods = pod(POD, node="one"), pod("b/host", host=True, node="one"), pod("b/away", host=True, node="two")
    snapshot = cluster(*pods, network_policy())
    assert (answer(snapshot, "b/host", POD), answer(snapshot, "b/away", POD)) == (UNDEFINED, DENY)


def test_where_a_pod_that_is_not_placed_yet_will_be_is_open() -> None:
    """Any pod on a host's network may turn out to be on that of its node."""
    snapshot = cluster(pod(POD), pod("b/host", host=True, node="one"), network_policy())
    assert answer(snapshot, "b/host", POD) is UNDEFINED


def test_each_pod_is_spared_its_own_node_whatever_it_has_in_common_with_others() -> None:
    pods, nodes = (pod("a/one", node="one"), pod("a/two", node="two")), (node("one"), node("two"))
    snapshot = cluster(*pods, *nodes, network_policy())
    flows = (("node:one", "a/one"), ("node:two", "a/one"), ("node:one", "a/two"), ("node:two", "a/two"))
    assert [answer(snapshot, *flow) for flow in flows] == [ALLOW, DENY, DENY, ALLOW]
