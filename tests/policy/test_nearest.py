"""The nearest miss of a denial: of the accepting rules the one that lacked least, and all that it lacked."""

from __future__ import annotations

import pytest

from probe.policy.decision import Aspect, NearMiss
from tests.policy.support import (
    DENY,
    V6,
    Object,
    ask,
    block,
    cluster,
    cluster_policy,
    egress,
    expression,
    ingress,
    labels,
    network_policy,
    node,
    pod,
    rule,
    to,
)

WEB = pod("a/web", "80/TCP=http", at="10.0.0.1", node="two", app="web")
DB = pod("b/db", "5432/TCP=sql", at="10.0.1.1", app="db", tier="back")
HOST = pod("b/host", at="172.18.0.2", node="two", host=True)
NODES = node("one", "172.18.0.1", os="linux"), node("two", "172.18.0.2", os="linux")
ALL: Object = {"namespaceSelector": {}}


def miss(*policies: Object, source: str = "b/db", destination: str = "a/web", on: str = "80/TCP") -> NearMiss:
    """The nearest miss of a flow that is denied."""
    decision = ask(
        cluster(WEB, DB, HOST, *NODES, *policies, namespaces={"b": {"team": "blue"}}), source, destination, on
    )
    assert decision.answer is DENY
    [found] = [side.near_miss for side in decision.sides if side.near_miss is not None]
    return found


def told(found: NearMiss) -> list[tuple[Aspect, str]]:
    return [(each.aspect, each.text) for each in found.differences]


# --- each aspect ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "aspect", "text"),
    [
        (
            {"podSelector": {}},
            Aspect.NAMESPACE,
            "without a namespaceSelector it means pods of a, and b/db is in b",
        ),
        (
            {"namespaceSelector": labels(team="red")},
            Aspect.NAMESPACE,
            "it asks for team=red and namespace b has team=blue",
        ),
        (
            {"namespaceSelector": labels(env="prod")},
            Aspect.NAMESPACE,
            "it asks for env=prod and namespace b has no label env",
        ),
        ({**ALL, "podSelector": labels(app="x")}, Aspect.LABEL, "it asks for app=x and b/db has app=db"),
        (
            {**ALL, "podSelector": expression("app", "In", "x", "y")},
            Aspect.LABEL,
            "it asks for app in (x, y) and b/db has app=db",
        ),
        ({**ALL, "podSelector": labels(role="x")}, Aspect.LABEL, "it asks for role=x and b/db has no label role"),
        (
            {**ALL, "podSelector": expression("app", "NotIn", "db")},
            Aspect.LABEL,
            "it asks for app!=db and b/db has app=db",
        ),
        (
            {**ALL, "podSelector": expression("app", "NotIn", "db", "x")},
            Aspect.LABEL,
            "it asks for app notin (db, x) and b/db has app=db",
        ),
        (
            {**ALL, "podSelector": expression("role", "Exists")},
            Aspect.LABEL,
            "it asks for a label role, which b/db has not",
        ),
        (
            {**ALL, "podSelector": expression("app", "DoesNotExist")},
            Aspect.LABEL,
            "it asks for !app and b/db has app=db",
        ),
        (block("192.0.2.0/24"), Aspect.ADDRESS, "b/db (10.0.1.1) is not in 192.0.2.0/24"),
        (block("::/0"), Aspect.ADDRESS, "::/0 says nothing of IPv4"),
        (block("10.0.0.0/8", "10.0.1.0/24"), Aspect.EXCEPT, "its except 10.0.1.0/24 leaves b/db out of 10.0.0.0/8"),
    ],
)
def test_what_a_peer_lacks(peer: Object, aspect: Aspect, text: str) -> None:
    assert told(miss(ingress(peer))) == [(aspect, text)]


def test_of_several_excepts_the_one_that_hits_is_told() -> None:
    found = miss(ingress(block("10.0.0.0/8", "10.0.1.0/24", "10.9.0.0/16")))
    assert told(found) == [(Aspect.EXCEPT, "its except 10.0.1.0/24 leaves b/db out of 10.0.0.0/8")]


@pytest.mark.parametrize(
    ("port", "aspect", "text"),
    [
        ({"port": 81}, Aspect.PORT, "it asks for 81/TCP"),
        ({"port": 81, "endPort": 90}, Aspect.PORT, "it asks for 81-90/TCP"),
        ({"port": 80, "protocol": "UDP"}, Aspect.PROTOCOL, "it asks for 80/UDP"),
        ({"protocol": "UDP"}, Aspect.PROTOCOL, "it asks for all of UDP"),
        ({"port": "sql"}, Aspect.PORT, 'it asks for "sql"/TCP, which the destination does not serve'),
        ({"port": "http", "protocol": "UDP"}, Aspect.PORT, 'it asks for "http"/UDP, which is 80/TCP there'),
    ],
)
def test_what_a_port_lacks(port: Object, aspect: Aspect, text: str) -> None:
    assert told(miss(ingress(ports=[port]))) == [(aspect, text)]


def test_several_ports_are_all_told() -> None:
    assert told(miss(ingress(ports=[{"port": 81}, {"port": 82}]))) == [(Aspect.PORT, "it asks for 81/TCP or 82/TCP")]


def test_a_name_is_what_the_destination_calls_so() -> None:
    found = miss(egress(ports=[{"port": "sql"}]), source="a/web", destination="b/db")
    assert told(found) == [(Aspect.PORT, 'it asks for "sql"/TCP, which is 5432/TCP there')]


def test_a_pod_is_asked_for_and_it_is_an_address() -> None:
    assert told(miss(ingress(ALL), source="192.0.2.1")) == [(Aspect.KIND, "it selects pods, and 192.0.2.1 is no pod")]
    assert told(miss(ingress(ALL), source="node:one")) == [(Aspect.KIND, "it selects pods, and node:one is a node")]


def test_an_address_of_the_family_that_does_not_exist() -> None:
    decision = ask(cluster(WEB, DB, ingress(block("fd00::/8"))), "b/db", "a/web", family=V6)
    assert decision.ingress.near_miss is not None
    text = "it asks for addresses of fd00::/8 and b/db has no IPv6 address"
    assert told(decision.ingress.near_miss) == [(Aspect.ADDRESS, text)]


def test_an_address_that_is_not_known() -> None:
    """Where pods can't be in the block, though it is not known where they are."""
    snapshot = cluster(WEB, pod("b/template"), ingress(block("192.0.2.0/24")), pod_cidrs=["10.0.0.0/8"])
    decision = ask(snapshot, "b/template", "a/web")
    assert decision.ingress.near_miss is not None
    text = "it asks for addresses of 192.0.2.0/24 and that of b/template is not known"
    assert told(decision.ingress.near_miss) == [(Aspect.ADDRESS, text)]


def test_several_differences_are_all_told() -> None:
    peer = {"namespaceSelector": labels(team="red"), "podSelector": labels(app="x", tier="back")}
    found = miss(ingress(peer, ports=[{"port": 81}]))
    assert [aspect for aspect, _ in told(found)] == [Aspect.NAMESPACE, Aspect.LABEL, Aspect.PORT]


# --- which one is nearest ------------------------------------------------------------------------------------------


def test_the_rule_with_the_fewest_differences_is_nearest() -> None:
    far = ingress({"namespaceSelector": labels(team="red"), "podSelector": labels(app="x")}, name="far")
    near = ingress({"namespaceSelector": labels(team="red")}, name="near")
    assert str(miss(far, near).rule) == "a/near ingress[0]"


def test_among_equals_the_first_is_nearest() -> None:
    peers = [{"from": [{**ALL, "podSelector": labels(app=app)}]} for app in ("x", "y")]
    assert str(miss(network_policy(ingress=peers)).rule) == "a/policy ingress[0]"


def test_of_a_rules_peers_the_nearest_counts() -> None:
    found = miss(ingress(block("192.0.2.0/24"), {"namespaceSelector": labels(a="b"), "podSelector": labels(a="b")}))
    assert [aspect for aspect, _ in told(found)] == [Aspect.ADDRESS]


def test_another_kind_of_peer_is_further_than_labels() -> None:
    pods = {"namespaceSelector": labels(a="b"), "podSelector": labels(a="b", c="d")}
    found = miss(
        ingress(ALL, name="first"), ingress(block("10.0.0.0/8", "10.0.0.0/9"), name="second"), source="192.0.2.1"
    )
    assert str(found.rule) == "a/second ingress[0]"
    assert str(miss(ingress(pods)).rule) == "a/policy ingress[0]"


def test_without_accepting_rules_nothing_is_near() -> None:
    decision = ask(cluster(WEB, DB, network_policy()), "b/db", "a/web")
    assert (decision.answer, decision.ingress.near_miss) == (DENY, None)


def test_what_is_allowed_has_no_near_miss() -> None:
    assert ask(cluster(WEB, DB, ingress()), "b/db", "a/web").ingress.near_miss is None


# --- cluster-scoped policies ---------------------------------------------------------------------------------------


def test_only_rules_before_the_denial_could_have_accepted() -> None:
    other = {"namespaces": labels(team="red")}
    before = cluster_policy(ingress=[rule("Accept", other), rule("Deny"), rule("Accept")])
    found = miss(before, ingress())
    assert str(found.rule) == "ClusterNetworkPolicy/policy ingress[0]"
    assert told(found) == [(Aspect.NAMESPACE, "it asks for team=red and namespace b has team=blue")]


def test_rules_of_network_policies_could_not_have_helped_against_a_denial_of_the_admin_tier() -> None:
    decision = ask(
        cluster(WEB, DB, cluster_policy(ingress=[rule("Deny")]), ingress(ports=[{"port": 1}])), "b/db", "a/web"
    )
    assert decision.ingress.near_miss is None


def test_a_nodes_peer_is_compared_with_the_nodes_labels() -> None:
    deny = to("Deny", {"networks": ["0.0.0.0/0"]})
    windows = cluster_policy(egress=[to("Accept", {"nodes": labels(os="windows")}), deny])
    for end, name in (("node:one", "one"), ("b/host", "two")):
        found = miss(windows, source="a/web", destination=end)
        assert told(found) == [(Aspect.LABEL, f"it asks for os=windows and node {name} has os=linux")]
    assert told(miss(windows, source="a/web", destination="b/db")) == [
        (Aspect.KIND, "it asks for nodes with os=windows")
    ]


def test_a_nodes_peer_that_fits_lacks_the_port_alone() -> None:
    tcp = {"protocols": [{"tcp": {"destinationPort": {"number": 81}}}]}
    policy = cluster_policy(egress=[to("Accept", {"nodes": {}}, **tcp), to("Deny", {"nodes": {}})])
    assert told(miss(policy, source="a/web", destination="node:one")) == [(Aspect.PORT, "it asks for 81/TCP")]


def test_a_selector_of_the_cluster_means_no_pod_on_the_hosts_network() -> None:
    policy = cluster_policy(egress=[to("Accept"), to("Deny", {"networks": ["0.0.0.0/0"]})])
    text = "it selects no pods on the host's network, as b/host is"
    assert told(miss(policy, source="a/web", destination="b/host")) == [(Aspect.KIND, text)]


def test_domain_names_are_no_pods() -> None:
    names = to("Accept", {"domainNames": ["example.com", "*.example.org"]})
    found = miss(cluster_policy(egress=[names, to("Deny")]), source="a/web", destination="b/db")
    text = "it asks for example.com, *.example.org, whose addresses are not known here"
    assert told(found) == [(Aspect.KIND, text)]
