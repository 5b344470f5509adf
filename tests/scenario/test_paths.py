"""Ways as a dimension of plans: which cells there are, and which of them the API leaves open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

import pytest

from probe.model.cell import Cell, Expectation, Family, Path, Protocol, Via
from probe.model.fleet import Placement, Spread
from probe.model.plan import PlannedStep
from probe.model.scenario import Scenario
from probe.scenario import make_plan, ways_needed
from probe.scenario.plan import left_open

Load: TypeAlias = Callable[..., Scenario]

FLEET = """\
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: paths}
spec:
  fleet:
    namespaces:
      a:
        pods:
          web: [80/TCP]
          client:
          proxy: {ports: [8080/TCP], hostNetwork: true}
    external:
      host: {addresses: [203.0.113.10], ports: 443}
"""


def scenario_text(probe: str, expect: str, *, fleet: str = FLEET) -> str:
    return f"{fleet}  probe: {probe}\n  steps:\n    - name: only\n      expect: {expect}\n"


def planned(load: Load, probe: str, expect: str, *families: Family) -> PlannedStep:
    return make_plan(load(scenario_text(probe, expect)), families or (Family.IPV4,)).steps[-1]


def expected(step: PlannedStep) -> dict[str, str]:
    return {str(item.cell): str(item.expectation) for item in step.cells}


def ways(step: PlannedStep) -> Counter[str]:
    return Counter(item.cell.way for item in step.cells)


# --- which cells there are -----------------------------------------------------------------------------------------


def test_without_paths_a_pod_is_tried_at_its_own_address_and_a_host_network_pod_at_its_nodes(load: Load) -> None:
    step = planned(load, "{from: a/client}", "allow")
    assert list(expected(step)) == [
        "a/client -> a/web 80/TCP",
        "a/client -> a/proxy 8080/TCP via node-ip",
        "a/client -> external/host (203.0.113.10) 443/TCP",
    ]


def test_every_port_of_every_pod_is_tried_by_every_way_that_is_asked_for(load: Load) -> None:
    step = planned(load, "{from: a/client, paths: ['*']}", "allow")
    assert ways(step) == {
        "pod-ip": 1,
        "node-ip": 1,
        "cluster-ip/same-port": 2,
        "cluster-ip/other-port": 2,
        "node-port/cluster": 2,
        "node-port/other-node": 2,
        "node-port/local": 2,
        "external": 1,
        "dns": 2,
    }


@pytest.mark.parametrize(
    ("paths", "tried"),
    [
        ("cluster-ip", {"cluster-ip/same-port", "cluster-ip/other-port"}),
        ("[pod-ip, node-port/local]", {"pod-ip", "node-port/local"}),
        ("'node-port/*'", {"node-port/cluster", "node-port/other-node", "node-port/local"}),
        ("'node-*'", {"node-ip", "node-port/cluster", "node-port/other-node", "node-port/local"}),
        ("'*/*-port'", {"cluster-ip/same-port", "cluster-ip/other-port"}),
        ("dns", {"dns"}),
    ],
)
def test_paths_are_called_by_path_way_or_glob(load: Load, paths: str, tried: set[str]) -> None:
    assert set(ways(planned(load, f"{{paths: {paths}}}", "allow"))) == tried


def test_a_cell_behind_a_service_keeps_the_destinations_own_port(load: Load) -> None:
    step = planned(load, "{from: a/client, to: a/web, paths: cluster-ip/other-port}", "allow")
    assert [item.cell for item in step.cells] == [
        Cell("a/client", "a/web", 80, Protocol.TCP, Family.IPV4, Path.CLUSTER_IP, via=Via.OTHER_PORT)
    ]


def test_every_way_is_tried_over_every_family(load: Load) -> None:
    step = planned(load, "{from: a/client, to: a/web, paths: [pod-ip, cluster-ip]}", "allow", *Family)
    assert Counter(item.cell.family for item in step.cells) == {Family.IPV4: 3, Family.IPV6: 3}


def test_dns_is_a_cell_for_every_source_protocol_and_family(load: Load) -> None:
    step = planned(load, "{from: [a/web, a/client], paths: dns}", "allow", *Family)
    assert list(expected(step))[:4] == [
        "a/web -> cluster/dns 53/UDP",
        "a/web -> cluster/dns 53/UDP IPv6",
        "a/web -> cluster/dns 53/TCP",
        "a/web -> cluster/dns 53/TCP IPv6",
    ]
    assert len(step.cells) == 8
    assert {item.cell.address for item in step.cells} == {None}


def test_probe_chooses_dns_like_any_destination(load: Load) -> None:
    step = planned(
        load, "{paths: [pod-ip, dns], to: cluster/dns, protocols: [UDP], families: [IPv4]}", "allow", *Family
    )
    assert {str(item.cell).partition(" -> ")[2] for item in step.cells} == {"cluster/dns 53/UDP"}


def test_a_step_may_ask_for_paths_of_its_own(load: Load) -> None:
    text = scenario_text("{paths: [pod-ip]}", "allow") + "    - {name: dns, probe: {paths: [dns]}, expect: allow}\n"
    first, second = make_plan(load(text)).steps
    assert (set(ways(first)), set(ways(second))) == ({"pod-ip"}, {"dns"})


# --- what is expected ----------------------------------------------------------------------------------------------

RULE = "{from: a/client, to: a/web, verdict: deny}"


def test_the_ways_to_a_destination_share_their_expectation(load: Load) -> None:
    step = planned(
        load, "{from: a/client, to: a/web, paths: [pod-ip, cluster-ip]}", f"{{default: allow, rules: [{RULE}]}}"
    )
    assert set(expected(step).values()) == {"deny"}


def test_a_rule_may_speak_of_some_ways_only(load: Load) -> None:
    rule = "{from: a/client, path: [cluster-ip/other-port, dns], verdict: deny}"
    probe = "{from: a/client, to: [a/web, cluster/dns], paths: [pod-ip, cluster-ip, dns]}"
    step = planned(load, probe, f"{{default: allow, rules: [{rule}]}}")
    assert expected(step) == {
        "a/client -> a/web 80/TCP": "allow",
        "a/client -> a/web 80/TCP via cluster-ip/same-port": "allow",
        "a/client -> a/web 80/TCP via cluster-ip/other-port": "deny",
        "a/client -> cluster/dns 53/UDP": "deny",
        "a/client -> cluster/dns 53/TCP": "deny",
    }


def test_what_a_policy_sees_through_a_node_is_left_open(load: Load) -> None:
    step = planned(
        load, "{from: a/client, to: a/web, paths: [pod-ip, node-port]}", f"{{default: allow, rules: [{RULE}]}}"
    )
    assert expected(step) == {
        "a/client -> a/web 80/TCP": "deny",
        "a/client -> a/web 80/TCP via node-port/cluster": "either",
        "a/client -> a/web 80/TCP via node-port/other-node": "either",
        "a/client -> a/web 80/TCP via node-port/local": "either",
    }


def test_only_rules_with_a_path_decide_what_is_left_open_even_if_others_come_later(load: Load) -> None:
    rules = "{path: node-port/local, verdict: drop}, {verdict: allow}"
    step = planned(
        load, "{from: a/client, to: a/web, paths: [pod-ip, node-port]}", f"{{default: deny, rules: [{rules}]}}"
    )
    assert {item.cell.way: str(item.expectation) for item in step.cells} == {
        "pod-ip": "allow",
        "node-port/cluster": "either",
        "node-port/other-node": "either",
        "node-port/local": "drop",
    }


def test_a_default_does_not_decide_what_is_left_open(load: Load) -> None:
    step = planned(load, "{from: a/client, paths: [pod-ip, node-ip]}", "deny")
    assert expected(step) == {
        "a/client -> a/web 80/TCP": "deny",
        "a/client -> a/proxy 8080/TCP via node-ip": "either",
    }


def test_where_plain_allow_is_expected_every_way_to_another_pod_must_connect(load: Load) -> None:
    step = planned(load, "{self: false, paths: ['*']}", "allow")
    assert set(expected(step).values()) == {"allow"}
    assert {item.cell.source for item in step.cells} == {"a/web", "a/client", "a/proxy"}


def test_what_comes_from_a_pod_on_the_hosts_network_is_left_open(load: Load) -> None:
    rule = "{from: 'a/*', to: a/web, verdict: deny}"
    step = planned(load, "{to: [a/web, external/host], self: false}", f"{{default: allow, rules: [{rule}]}}")
    seen = expected(step)
    assert seen["a/client -> a/web 80/TCP"] == "deny"
    assert seen["a/proxy -> a/web 80/TCP"] == "either"
    assert seen["a/proxy -> external/host (203.0.113.10) 443/TCP"] == "either"


@pytest.mark.parametrize(
    ("rule", "pod_ip", "node_port"),
    [
        ("{from: a/proxy, verdict: allow}", "allow", "either"),
        ("{from: [a/client, a/proxy], verdict: deny}", "deny", "either"),
        ("{from: 'a/prox?', path: pod-ip, verdict: allow}", "allow", "either"),
        ("{path: '*', verdict: allow}", "allow", "allow"),
    ],
)
def test_a_rule_that_names_the_source_or_a_path_decides_what_comes_from_the_hosts_network(
    load: Load, rule: str, pod_ip: str, node_port: str
) -> None:
    step = planned(load, "{to: a/web, paths: [pod-ip, node-port/local]}", f"{{default: deny, rules: [{rule}]}}")
    seen = expected(step)
    assert seen["a/proxy -> a/web 80/TCP"] == pod_ip
    assert seen["a/proxy -> a/web 80/TCP via node-port/local"] == node_port


def test_the_name_of_a_group_of_replicas_is_a_name_and_no_glob(load: Load) -> None:
    fleet = FLEET.replace("proxy: {ports: [8080/TCP], ", "proxy: {replicas: 2, ")
    text = scenario_text("{to: a/web}", "{default: deny, rules: [{from: a/proxy, verdict: allow}]}", fleet=fleet)
    seen = expected(make_plan(load(text)).steps[0])
    assert seen["a/proxy-1 -> a/web 80/TCP"] == "allow"


@pytest.mark.parametrize("expect", ["allow", "{default: allow, rules: [{from: a/web, to: a/web, verdict: allow}]}"])
def test_whether_a_pod_reaches_itself_through_a_service_is_left_open(load: Load, expect: str) -> None:
    step = planned(load, "{from: a/web, to: a/web, paths: [pod-ip, cluster-ip/same-port]}", expect)
    assert expected(step) == {
        "a/web -> a/web 80/TCP": "allow",
        "a/web -> a/web 80/TCP via cluster-ip/same-port": "either",
    }


def test_a_rule_that_names_the_pod_at_both_ends_and_a_path_decides_that_too(load: Load) -> None:
    rules = "{from: a/web, to: a/web, path: cluster-ip, verdict: allow}, {from: a/web, path: cluster-ip, verdict: drop}"
    probe = "{from: a/web, to: [a/web, a/proxy], paths: cluster-ip/same-port}"
    step = planned(load, probe, f"{{default: deny, rules: [{rules}]}}")
    assert expected(step) == {
        "a/web -> a/web 80/TCP via cluster-ip/same-port": "allow",
        "a/web -> a/proxy 8080/TCP via cluster-ip/same-port": "drop",
    }


def test_what_is_left_open_needs_no_word_where_everything_else_has_one(load: Load) -> None:
    rules = "{from: [a/web, a/client], to: a/web, verdict: deny}"
    step = planned(load, "{to: [a/web, a/proxy], paths: ['*']}", f"{{rules: [{rules}]}}")
    assert Counter(expected(step).values())["deny"] == 3 + 1


def test_what_is_left_open_is_known_by_the_cell_too(load: Load) -> None:
    """For whoever explains a verdict."""
    step = planned(load, "{paths: ['*']}", f"{{default: deny, rules: [{RULE}]}}")
    assert {item.cell: left_open(item.cell, {"a/proxy"}) for item in step.cells} == {
        item.cell: item.expectation is Expectation.EITHER for item in step.cells
    }


# --- what a run needs ----------------------------------------------------------------------------------------------


def test_services_are_needed_only_for_the_destinations_and_ways_that_are_tried(load: Load) -> None:
    text = scenario_text("{from: a/client, to: a/web}", "allow") + (
        "    - name: services\n"
        "      probe: {paths: [cluster-ip, node-port/local, dns], to: [a/web, cluster/dns]}\n"
        "      expect: allow\n"
    )
    needs = ways_needed(make_plan(load(text)))
    assert needs.services == {"a/web": {Via.SAME_PORT, Via.OTHER_PORT, Via.LOCAL}}
    assert needs.host_network
    assert needs.dns


def test_a_scenario_of_pod_addresses_needs_nothing_more(load: Load) -> None:
    text = scenario_text("{self: true}", "allow", fleet=FLEET.replace(", hostNetwork: true", ""))
    needs = ways_needed(make_plan(load(text)))
    assert (needs.services, needs.host_network, needs.dns) == ({}, False, False)


def test_a_pod_that_a_later_step_creates_counts(load: Load) -> None:
    text = scenario_text(
        "{paths: [pod-ip, cluster-ip/same-port]}", "allow", fleet=FLEET.replace(", hostNetwork: true", "")
    )
    late = "{namespaces: {a: {pods: {late: {ports: 9000, hostNetwork: true}}}}}"
    needs = ways_needed(make_plan(load(text + f"    - {{name: late, create: {late}, expect: allow}}\n")))
    assert needs.host_network
    assert set(needs.services) == {"a/web", "a/proxy", "a/late"}


# --- placement -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "placement"),
    [
        ("spread", Placement()),
        ("same", Placement(Spread.SAME)),
        ("{spread: different}", Placement(Spread.DIFFERENT)),
        ("{group: east}", Placement(Spread.SPREAD, "east")),
        ("{spread: same, group: east}", Placement(Spread.SAME, "east")),
    ],
)
def test_placement_is_a_word_or_a_word_and_a_group_of_nodes(load: Load, written: str, placement: Placement) -> None:
    text = scenario_text("{self: true}", "allow").replace("    external:", f"    placement: {written}\n    external:")
    assert load(text).fleet.placement == placement


TWO = "proxy: {ports: [8080/TCP], hostNetwork: true}"


@pytest.mark.parametrize(
    ("pods", "placement"),
    [
        (f"{TWO[:-1]}, node: [a, b], replicas: 2}}", "spread"),
        (f"{TWO[:-1]}, node: a}}\n          other: {{ports: 8080, hostNetwork: true, node: b}}", "same"),
        (f"{TWO[:-1]}, replicas: 2}}", "different"),
        (f"{TWO}\n          other: {{ports: 8080/UDP, hostNetwork: true}}", "same"),
        (f"{TWO}\n          other: {{ports: 8080}}", "same"),
        (f"{TWO[:-1]}, replicas: 2}}".replace("ports: [8080/TCP], ", ""), "same"),
    ],
)
def test_host_network_pods_may_serve_the_same_port_where_they_cannot_meet(
    load: Load, pods: str, placement: str
) -> None:
    text = scenario_text("{self: true}", "allow").replace(TWO, pods)
    text = text.replace("    external:", f"    placement: {placement}\n    external:")
    assert any(pod.host_network for pod in load(text).fleet.pods)


def test_a_host_network_pod_may_follow_another_that_an_earlier_step_deleted(load: Load) -> None:
    text = scenario_text("{self: true}", "allow") + (
        "    - {name: gone, delete: [pod/a/proxy], expect: allow}\n"
        "    - name: next\n"
        "      create: {namespaces: {a: {pods: {next: {ports: 8080, hostNetwork: true}}}}}\n"
        "      expect: allow\n"
    )
    assert make_plan(load(text)).steps[-1].pods[-1].host_network
