"""Pods without a policy, and pods without a name server: all policies of a pod count, whichever file they are in."""

from __future__ import annotations

import pytest

from tests.lint.conftest import Fires, cluster_policy, policy

KUBE_SYSTEM = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}"
DB = "{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}"
DENY = policy("{podSelector: {}}", "deny") + policy("{podSelector: {}}", "deny", "monitoring")


def egress(rules: str, name: str = "p", selector: str = "{matchLabels: {app: web}}") -> str:
    return policy(f"podSelector: {selector}\npolicyTypes: [Egress]\negress: [{rules}]", name)


# --- default deny --------------------------------------------------------------------------------------------------


def test_a_namespace_without_any_policy_and_one_with_some(fires: Fires) -> None:
    assert fires("no-default-deny", policy("{podSelector: {matchLabels: {app: web}}}")) == [
        "warning: in the namespace shop no policy selects api, db for ingress: everybody reaches them",
        "warning: the namespace monitoring has no policy for ingress: everybody reaches its pods",
    ]


def test_where_every_pod_is_selected_the_next_one_may_not_be(fires: Fires) -> None:
    expression = "{matchExpressions: [{key: app, operator: Exists}]}"
    text = policy(f"{{podSelector: {expression}}}") + policy("{podSelector: {}}", namespace="monitoring")
    assert fires("no-default-deny", text) == [
        "info: every pod of the namespace shop is selected for ingress, but a new one may be by no policy"
    ]


def test_a_policy_for_egress_protects_nobody_from_others(fires: Fires) -> None:
    text = policy("{podSelector: {}, policyTypes: [Egress]}")
    assert len(fires("no-default-deny", text)) == 2


def test_a_baseline_that_denies_is_a_default_deny(fires: Fires) -> None:
    everybody = "[{action: Deny, from: [{namespaces: {}}]}]"
    assert fires("no-default-deny", cluster_policy("p", tier="Baseline", ingress=everybody)) == []
    some = "[{action: Deny, from: [{namespaces: {matchLabels: {team: retail}}}]}]"
    assert len(fires("no-default-deny", cluster_policy("p", tier="Baseline", ingress=some))) == 2
    assert len(fires("no-default-deny", cluster_policy("p", tier="Admin", ingress=everybody))) == 2


def test_pods_on_the_hosts_network_are_nobodys_to_protect(fires: Fires) -> None:
    host = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: agent, namespace: infra}\nspec: {hostNetwork: true}\n"
    assert fires("no-default-deny", DENY + host) == []


# --- DNS -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "level"),
    [
        (DB, "warning"),
        (f"{DB}, {{ports: [{{port: 53, protocol: UDP}}]}}", "info"),
        (f"{DB}, {{ports: [{{port: 53, protocol: UDP}}, {{port: 53}}]}}", None),
        (f"{DB}, {{to: [{KUBE_SYSTEM}]}}", None),
        (f"{DB}, {{to: [{{namespaceSelector: {{}}, podSelector: {{matchLabels: {{k8s-app: kube-dns}}}}}}]}}", None),
        (f"{DB}, {{to: [{{namespaceSelector: {{matchLabels: {{team: platform}}}}}}]}}", "warning"),
        (f"{DB}, {{to: [{{podSelector: {{}}}}]}}", "warning"),
        (f"{DB}, {{to: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}]}}", None),
        (f"{DB}, {{to: [{{ipBlock: {{cidr: 10.0.0.1/32}}}}]}}", "warning"),
        ("{}", None),
        ("{to: [{ipBlock: {cidr: 10.0.0.1/32}}]}", None),  # by address, which needs no name
        ("", None),  # nobody to look up
        (f"{DB}, {{ports: [{{port: dns, protocol: UDP}}, {{port: dns-tcp}}]}}", None),
        (f"{DB}, {{to: [{{podSelector: {{}}}}], ports: [{{port: 1, endPort: 65535}}]}}", "warning"),
    ],
)
def test_whether_a_name_server_can_be_asked(fires: Fires, rules: str, level: str | None) -> None:
    for alone in (False, True):  # the same without any pod, by the words of the policy alone
        found = fires("egress-without-dns", egress(rules), alone)
        assert [text.partition(":")[0] for text in found] == ([level] if level else [])


def test_another_policy_of_the_same_pods_may_allow_it(fires: Fires) -> None:
    dns = "{ports: [{port: 53, protocol: UDP}, {port: 53}]}"
    for selector in ("{}", "{matchLabels: {app: web}}"):
        assert fires("egress-without-dns", egress(DB) + egress(dns, "dns", selector)) == []
    assert len(fires("egress-without-dns", egress(DB) + egress(dns, "dns", "{matchLabels: {app: api}}"))) == 1


def test_an_administrators_policy_may_allow_it(fires: Fires) -> None:
    ports = "[{udp: {destinationPort: {number: 53}}}, {tcp: {destinationPort: {number: 53}}}]"
    dns = f"[{{action: Accept, to: [{{namespaces: {{}}}}], protocols: {ports}}}]"
    assert fires("egress-without-dns", egress(DB) + cluster_policy("dns", egress=dns)) == []
    assert (
        len(fires("egress-without-dns", egress(DB) + cluster_policy("dns", egress=dns.replace("Accept", "Pass")))) == 1
    )
