"""Policies that say the same in other words: what must change no answer, and why.

Worlds and policies are random, as for ``test_properties``.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from probe.model.cell import Family
from probe.model.snapshot import NAME_LABEL
from probe.policy.decision import Answer
from tests.policy.cases import EVERY_KIND, NETWORK, Case, Cell, answers, few, peers, renamed, sections, types
from tests.policy.generate.words import NUMBERS, Object
from tests.policy.support import ALLOW, network_policy


@few
@given(NETWORK)
def test_order_means_nothing_in_network_policies(case: Case) -> None:
    """Policies, rules, peers, ports, excepts and policyTypes are sets of alternatives, whatever their order."""

    def backwards(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: backwards(value[key]) for key in reversed(value)}
        return [backwards(item) for item in reversed(value)] if isinstance(value, list) else value

    again = [backwards(policy) for policy in reversed(case.policies)]
    assert case.answers() == case.answers(again)


@few
@given(NETWORK)
def test_rules_split_into_policies_of_their_own_say_the_same(case: Case) -> None:
    """The rules of all policies that select a pod add up, so it does not matter how they are divided among them."""

    def split(policy: Object) -> list[Object]:
        kinds, spec = types(policy), policy["spec"]
        parts = [{**spec, "policyTypes": kinds, "ingress": [], "egress": []}]
        for direction, rules in sections(policy):
            if direction.capitalize() in kinds:
                parts += [
                    {"podSelector": spec["podSelector"], "policyTypes": [direction.capitalize()], direction: [rule]}
                    for rule in rules
                ]
        return [{**renamed(policy, f"{policy['metadata']['name']}-{n}"), "spec": part} for n, part in enumerate(parts)]

    assert case.answers() == case.changed(split)


@few
@given(NETWORK)
def test_peers_and_ports_split_into_rules_of_their_own_say_the_same(case: Case) -> None:
    """A rule matches if one of its peers and one of its ports do, which is a rule for each pair of them."""

    def split(policy: Object) -> list[Object]:
        for direction, rules in sections(policy):
            field = "to" if direction == "egress" else "from"
            policy["spec"][direction] = [
                {**({field: [peer]} if peer is not None else {}), **({"ports": [port]} if port is not None else {})}
                for rule in rules
                for peer in rule.get(field) or [None]
                for port in rule.get("ports") or [None]
            ]
        return [policy]

    assert case.answers() == case.changed(split)


@few
@given(NETWORK)
def test_policy_types_written_out_equal_the_default(case: Case) -> None:
    """Absent means Ingress, and Egress if there are egress rules; then rules for other types are no rules at all."""

    def change(policy: Object) -> list[Object]:
        kinds = types(policy)
        spec = {
            key: value for key, value in policy["spec"].items() if key == "podSelector" or key.capitalize() in kinds
        }
        return [{**policy, "spec": {**spec, "policyTypes": kinds}}]

    assert case.answers() == case.changed(change)


@few
@given(EVERY_KIND)
def test_match_labels_equal_expressions_of_one_value(case: Case) -> None:
    """meta/v1: a single key and value in matchLabels is equivalent to an In expression with that value alone."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(item) for item in value]
        if not isinstance(value, dict):
            return value
        changed = {key: change(item) for key, item in value.items() if key != "matchLabels"}
        labels = value.get("matchLabels") or {}
        more = [{"key": key, "operator": "In", "values": [item]} for key, item in labels.items()]
        if more:
            changed["matchExpressions"] = [*changed.get("matchExpressions", []), *more]
        return changed

    assert case.answers() == case.answers(change(policy) for policy in case.policies)


@few
@given(EVERY_KIND)
def test_expressions_of_several_values_are_several_of_one(case: Case) -> None:
    """NotIn several values is NotIn each of them, and expressions are AND."""

    def change(value: Any) -> Any:
        if isinstance(value, list):
            return [change(item) for item in value]
        if not isinstance(value, dict):
            return value
        changed = {key: change(item) for key, item in value.items()}
        if "matchExpressions" in changed:
            changed["matchExpressions"] = [
                {**each, "values": [one]} if one is not None else each
                for each in changed["matchExpressions"]
                for one in (each["values"] if each["operator"] == "NotIn" else [None])
            ]
        return changed

    assert case.answers() == case.answers(change(policy) for policy in case.policies)


@few
@given(EVERY_KIND)
def test_other_names_and_labels_change_nothing_if_all_are_changed(case: Case) -> None:
    """Labels, their values and names mean what they are compared with, and nothing by themselves."""
    words = {"app": "component", "web": "www", "db": "sql", "role": "layer", "front": "f", "back": "b", "team": "group"}
    words |= {"red": "1", "blue": "2", "env": "stage", "prod": "p", "dev": "d", "east": "o", "west": "w", "north": "n"}
    words |= {"http": "h", "admin": "a", "dns": "d", "absent": "missing"}

    def change(text: str) -> str:
        return re.sub(rf'"({"|".join(words)})"', lambda found: f'"{words[found[1]]}"', text)

    def labels(given: Mapping[str, str]) -> dict[str, str]:
        return dict(json.loads(change(json.dumps(given))))

    snapshot = case.snapshot()
    other = replace(
        snapshot,
        namespaces={words[name]: labels(given) for name, given in snapshot.namespaces.items()},
        pods=tuple(
            replace(
                pod,
                namespace=words[pod.namespace],
                labels=labels(pod.labels),
                ports=tuple(replace(port, name=port.name and words.get(port.name, port.name)) for port in pod.ports),
            )
            for pod in snapshot.pods
        ),
        policies=json.loads(change(json.dumps(snapshot.policies))),
    )
    assert [*answers(snapshot, case.questions).values()] == [*answers(other, case.questions).values()]


@few
@given(NETWORK)
def test_a_namespaces_name_is_its_metadata_name_label(case: Case) -> None:
    """A peer without a namespaceSelector means the policy's own namespace, as does its name by label."""

    def change(policy: Object) -> list[Object]:
        own = {"matchLabels": {NAME_LABEL: policy["metadata"]["namespace"]}}
        for rule in peers(policy):
            for peer in rule.get("from") or rule.get("to") or []:
                if "ipBlock" not in peer:
                    peer.setdefault("namespaceSelector", own)
        return [policy]

    assert case.answers() == case.changed(change)


# --- blocks --------------------------------------------------------------------------------------------------------


def with_blocks(case: Case, change: Callable[[Object], list[Object]]) -> dict[Cell, Answer]:
    """The answers after each ipBlock has been replaced by other peers."""

    def changed(policy: Object) -> list[Object]:
        for rule in peers(policy):
            field = "from" if rule.get("from") else "to"
            rule[field] = [
                new for peer in rule[field] for new in (change(peer["ipBlock"]) if "ipBlock" in peer else [peer])
            ]
        return [policy]

    return case.changed(changed)


WIDE: tuple[Object, ...] = (
    {"cidr": "0.0.0.0/0"},
    {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]},
    {"cidr": "10.0.0.0/16", "except": ["10.0.1.0/24", "10.0.2.2/32"]},
    {"cidr": "::/0", "except": ["fd00:0:0:1::/64", "fd00:0:0:2::2/127"]},
)


@st.composite
def cases_with_blocks(draw: st.DrawFn) -> Case:
    """Cases of NetworkPolicies of which one has a block at least."""
    case, kinds = draw(NETWORK), ["Ingress", "Egress"]
    peer = {"ipBlock": draw(st.sampled_from(WIDE))}
    wide = network_policy("east", "wide", policyTypes=kinds, ingress=[{"from": [peer]}], egress=[{"to": [peer]}])
    return replace(case, policies=[*case.policies, wide])


BLOCKS = cases_with_blocks()


@few
@given(BLOCKS)
def test_a_block_equals_its_two_halves(case: Case) -> None:
    """A block is a set of addresses, and list items are OR; each half keeps the excepts that lie in it."""

    def halves(given: Object) -> list[Object]:
        network = ipaddress.ip_network(given["cidr"])
        holes = [ipaddress.ip_network(hole) for hole in given.get("except", [])]
        if network.prefixlen == network.max_prefixlen:
            return [{"ipBlock": given}]
        parts = [half for half in network.subnets() if half not in holes]
        inside = {half: [str(hole) for hole in holes if hole.subnet_of(half)] for half in parts}  # type: ignore[arg-type]
        return [{"ipBlock": {"cidr": str(half), "except": inside[half]}} for half in parts] or [nobody()]

    assert case.answers() == with_blocks(case, halves)


def nobody() -> Object:
    """A peer that means nobody here."""
    return {"podSelector": {"matchLabels": {"nobody": "has-it"}}}


@few
@given(BLOCKS)
def test_an_except_equals_several_blocks_around_it(case: Case) -> None:
    """What is left of a block without its excepts is a union of blocks."""

    def around(given: Object) -> list[Object]:
        left = [ipaddress.ip_network(given["cidr"])]
        for hole in map(ipaddress.ip_network, given.get("except", [])):
            left = [part for each in left for part in _without(each, hole)]  # type: ignore[arg-type]
        return [{"ipBlock": {"cidr": str(part)}} for part in left] or [nobody()]

    assert case.answers() == with_blocks(case, around)


def _without(block: ipaddress.IPv4Network, hole: ipaddress.IPv4Network) -> list[ipaddress.IPv4Network]:
    if block.subnet_of(hole):
        return []
    return [*block.address_exclude(hole)] if hole.subnet_of(block) else [block]


@few
@given(BLOCKS)
def test_an_except_never_adds_and_never_outlives_another_peer(case: Case) -> None:
    """Except subtracts from its own block; beside the whole block it subtracts nothing."""
    whole = with_blocks(case, lambda given: [{"ipBlock": {"cidr": given["cidr"]}}])
    assert whole == with_blocks(case, lambda given: [{"ipBlock": given}, {"ipBlock": {"cidr": given["cidr"]}}])
    assert all(whole[cell] is ALLOW for cell, answer in case.answers().items() if answer is ALLOW)


@few
@given(BLOCKS)
def test_blocks_of_the_other_family_say_nothing(case: Case) -> None:
    """Families never mix: without its IPv6 blocks a policy says the same of IPv4."""
    kept = with_blocks(case, lambda given: [nobody()] if ":" in given["cidr"] else [{"ipBlock": given}])
    before = case.answers()
    ipv4 = [cell for cell in before if cell[2].family is Family.IPV4]
    assert [before[cell] for cell in ipv4] == [kept[cell] for cell in ipv4]


# --- ports ---------------------------------------------------------------------------------------------------------


def with_ports(case: Case, change: Callable[[Object], list[Object]]) -> dict[Cell, Answer]:
    """The answers after each port of a NetworkPolicy has been replaced by others."""

    def changed(policy: Object) -> list[Object]:
        for _, rules in sections(policy):
            for rule in rules:
                if rule.get("ports"):
                    rule["ports"] = [new for port in rule["ports"] for new in change(port)]
        return [policy]

    return case.changed(changed)


@few
@given(NETWORK)
def test_a_range_of_ports_equals_two_ranges(case: Case) -> None:
    """endPort is inclusive, so a range is its beginning up to a port and the rest from the next port on."""

    def split(port: Object) -> list[Object]:
        first, last = port.get("port"), port.get("endPort")
        if first is None or last is None or first == last:
            return [port]
        middle = next((number for number in NUMBERS if first <= number < last), first)
        return [{**port, "endPort": middle}, {**port, "port": middle + 1}]

    assert case.answers() == with_ports(case, split)


@few
@given(NETWORK)
def test_a_port_is_a_range_of_one_and_no_port_is_all_of_them(case: Case) -> None:
    """``port`` alone is the range up to itself; a protocol without a port is the range of all its ports."""

    def as_range(port: Object) -> list[Object]:
        if "port" not in port:
            return [{**port, "port": 1, "endPort": 65535}]
        return [port if isinstance(port["port"], str) or "endPort" in port else {**port, "endPort": port["port"]}]

    assert case.answers() == with_ports(case, as_range)


@few
@given(NETWORK)
def test_the_protocol_written_out_equals_the_default(case: Case) -> None:
    """NetworkPolicyPort.protocol defaults to TCP."""
    assert case.answers() == with_ports(case, lambda port: [{"protocol": "TCP", **port}])


@few
@given(NETWORK)
def test_all_protocols_written_out_equal_no_ports(case: Case) -> None:
    """Without ports a rule is for all of them, which over the three protocols is what a port of each says."""

    def change(policy: Object) -> list[Object]:
        for rule in chain.from_iterable(rules for _, rules in sections(policy)):
            if not rule.get("ports"):
                rule["ports"] = [{"protocol": protocol} for protocol in ("TCP", "UDP", "SCTP")]
        return [policy]

    assert case.answers() == case.changed(change)


@few
@given(NETWORK)
def test_a_name_that_no_pod_serves_is_no_port(case: Case) -> None:
    """A named port is looked up on the destination; where nobody has it, it matches nothing."""
    absent = [{"port": 65535, "protocol": "SCTP"}]  # nothing that is asked about
    unserved = with_ports(case, lambda port: [{**port, "port": "unserved"}] if port.get("port") == "http" else [port])
    assert unserved == with_ports(case, lambda port: absent if port.get("port") == "http" else [port])
