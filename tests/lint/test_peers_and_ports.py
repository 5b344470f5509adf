"""Peers and ports: what is nearly the same as a mistake and is none."""

from __future__ import annotations

import pytest

from tests.lint.conftest import Fires, cluster_policy, policy

WEB = "podSelector: {matchLabels: {app: web}}\n"


def ingress(rule: str) -> str:
    return policy(f"{WEB}ingress: [{rule}]")


def egress(rules: str) -> str:
    return policy(f"{WEB}policyTypes: [Egress]\negress: [{rules}]")


# --- AND and OR ----------------------------------------------------------------------------------------------------


def test_two_items_that_both_make_sense_are_worth_a_look(fires: Fires) -> None:
    pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: api, namespace: monitoring, labels: {app: api}}\n"
    text = ingress(
        "{from: [{namespaceSelector: {matchLabels: {team: platform}}}, {podSelector: {matchLabels: {app: api}}}]}"
    )
    assert fires("or-instead-of-and", text) == []  # no pod of monitoring has it: nothing else can be meant
    assert fires("or-instead-of-and", text + pod)[0].startswith("info: any pod of namespaces with team=platform")


@pytest.mark.parametrize(
    "peers",
    [
        "{podSelector: {matchLabels: {app: prometheus}}}, {namespaceSelector: {matchLabels: {team: platform}}}",
        "{namespaceSelector: {}}, {podSelector: {matchLabels: {app: prometheus}}}",
        "{namespaceSelector: {matchLabels: {team: platform}}}, {podSelector: {}}",
    ],
)
def test_other_pairs_of_items_are_no_halves_of_one(fires: Fires, peers: str) -> None:
    assert fires("or-instead-of-and", ingress(f"{{from: [{peers}]}}")) == []


# --- everywhere ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "level"),
    [
        ("{}", "warning"),
        ("{from: []}", "warning"),
        ("{ports: [{port: 8080}]}", "info"),
        ("{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}", "warning"),
        ("{from: [{ipBlock: {cidr: '::/0'}}], ports: [{port: 8080}]}", "info"),
        ("{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}", None),
        ("{from: [{namespaceSelector: {}}]}", None),
    ],
)
def test_from_everywhere(fires: Fires, rule: str, level: str | None) -> None:
    assert [text.partition(":")[0] for text in fires("allow-from-everywhere", ingress(rule))] == (
        [level] if level else []
    )


def test_to_everywhere_is_how_clients_are(fires: Fires) -> None:
    assert fires("allow-from-everywhere", egress("{}")) == []


# --- named ports ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ingress("{ports: [{port: http}]}"), []),
        (
            ingress("{ports: [{port: http, protocol: UDP}]}"),
            ['warning: no pod that the policy selects serves a port "http"/UDP'],
        ),
        (egress("{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: postgres}]}"), []),
        (
            egress("{to: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: postgres}]}"),
            ['warning: no pod that the peers mean serves a port "postgres"/TCP'],
        ),
        (egress("{ports: [{port: postgres}]}"), []),
        (egress("{to: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: postgres}]}"), []),
        (
            egress(
                "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}], "
                "ports: [{port: dns, protocol: UDP}]}"
            ),
            [],
        ),
    ],
)
def test_names_of_ports_are_the_destinations(fires: Fires, text: str, found: list[str]) -> None:
    assert fires("named-port-unserved", text) == found


def test_a_name_of_a_cluster_scoped_policy_takes_any_protocol(fires: Fires) -> None:
    text = "[{action: Deny, from: [{namespaces: {}}], protocols: [{destinationNamedPort: %s}]}]"
    assert fires("named-port-unserved", cluster_policy("p", ingress=text % "http")) == []
    (found,) = fires("named-port-unserved", cluster_policy("p", ingress=text % "nothing"))
    assert found == 'warning: no pod that the policy selects serves a port "nothing"'


# --- redundancy ----------------------------------------------------------------------------------------------------


def test_the_later_of_two_that_say_the_same_is_the_redundant_one(fires: Fires) -> None:
    twice = "{from: [{podSelector: {}}, {podSelector: {}}]}"
    assert len(fires("redundant-peer", ingress(twice))) == 1


def test_pods_of_the_own_namespace_are_among_those_of_all(fires: Fires) -> None:
    wider = "{from: [{podSelector: {matchLabels: {app: api}}}, {namespaceSelector: {}}]}"
    assert len(fires("redundant-peer", ingress(wider))) == 1
    assert fires("redundant-peer", ingress("{from: [{podSelector: {}}, {ipBlock: {cidr: 0.0.0.0/0}}]}")) == []


def test_ranges_that_overlap(fires: Fires) -> None:
    text = ingress("{ports: [{port: 80, endPort: 90}, {port: 85, endPort: 95}]}")
    assert fires("redundant-port", text) == ["info: 85-95/TCP overlaps with 80-90/TCP in line 7"]


def test_a_rule_beside_one_that_allows_everything_restricts_nothing(fires: Fires) -> None:
    (found,) = fires("redundant-rule", ingress("{from: [{podSelector: {}}]}, {}"))
    assert found == "warning: the rule in line 7 allows everything already"


@pytest.mark.parametrize(
    ("other", "undone"),
    [
        ("{from: [{ipBlock: {cidr: 10.0.0.0/12}}]}", True),
        ("{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}", False),  # meant so
        ("{from: [{ipBlock: {cidr: 10.0.0.0/12, except: [10.1.2.0/24]}}]}", False),  # not all of it
        ("{from: [{ipBlock: {cidr: 10.0.0.0/12}}], ports: [{port: 443}]}", False),
        ("{from: [{ipBlock: {cidr: 10.0.0.0/12}}], ports: [{port: 80, endPort: 90}]}", True),
        ("{from: [{podSelector: {}}]}", False),
    ],
)
def test_an_except_holds_for_its_own_block_only(fires: Fires, other: str, undone: bool) -> None:
    block = "{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80}]}"
    found = fires("except-undone", ingress(f"{block}, {other}"))
    assert found == (["warning: 10.1.0.0/16 is allowed again by the block in line 7"] if undone else [])


def test_blocks_of_a_cluster_scoped_peer_have_places_of_their_own(fires: Fires) -> None:
    peers = "[{networks: [10.0.0.0/8, 192.0.2.0/24]}, {networks: [10.1.0.0/16]}]"
    text = cluster_policy("p", egress=f"[{{action: Deny, to: {peers}}}]")
    assert fires("redundant-peer", text) == ["info: the peer beside it means all of this one, too"]


# --- sections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "swapped", "ignored"),
    [
        ("policyTypes: [Ingress]\negress: [{}]", True, False),
        ("policyTypes: [Egress]\ningress: [{}]", True, False),
        ("policyTypes: [Egress]\negress: [{}]\ningress: [{}]", False, True),
        ("policyTypes: [Egress]\negress: [{}]\ningress: []", False, True),
        ("policyTypes: [Egress]\ningress: []", False, True),
        ("policyTypes: [Egress]\ningress: null", False, False),
        ("policyTypes: [Ingress, Egress]\ningress: [{}]", False, False),
        ("egress: [{}]", False, False),
        ("ingress: [{}]", False, False),
        ("egress: []", False, True),  # without policyTypes an empty section isolates nothing
    ],
)
def test_sections_that_are_not_listed(fires: Fires, spec: str, swapped: bool, ignored: bool) -> None:
    text = policy(f"{WEB}{spec}")
    assert bool(fires("swapped-section", text)) == swapped
    assert bool(fires("ignored-section", text)) == ignored
