"""What is true of the API whatever the cluster and its policies are: each test is a property, and says why it holds.

The oracle is asked for all pairs of pods, nodes and addresses outside, over both families, on some ports of each world.
What must change nothing because it says the same in other words is in ``test_rewording``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probe.model.cell import Family
from probe.model.snapshot import PodState
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle
from probe.policy.universe import AddressRange
from tests.policy.cases import (
    ADMIN,
    CLUSTER,
    EVERY_KIND,
    MIXED,
    NETWORK,
    Case,
    Cell,
    answers,
    cases,
    few,
    renamed,
    sections,
    types,
)
from tests.policy.generate.sets import Kinds
from tests.policy.generate.words import OUTSIDE, Object
from tests.policy.naive import Connection, outcomes
from tests.policy.support import ALLOW, DENY, EVERYBODY, UNDEFINED, cluster_policy, network_policy

# --- the two readings ----------------------------------------------------------------------------------------------


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(Kinds).flatmap(lambda kinds: cases(kinds, equal_priorities=True)))
def test_the_naive_reading_says_the_same(case: Case) -> None:
    """Both read the same API."""
    snapshot = case.snapshot()
    oracle = Oracle(snapshot, [AddressRange.of(address) for address in OUTSIDE])
    ends: dict[str, PodState | str] = {each.id: each for each in snapshot.pods} | {each: each for each in OUTSIDE}
    for asked in case.questions:
        table = oracle.table(asked)
        for source, destination in ((one, other) for one in ends for other in ends):
            version = 6 if asked.family is Family.IPV6 else 4
            connection = Connection(snapshot, ends[source], ends[destination], asked.port, asked.protocol, version)
            found = table.answer(oracle.universe.index[source], oracle.universe.index[destination])
            expected = {True: ALLOW, False: DENY}
            possible = outcomes(connection)
            assert found is (UNDEFINED if len(possible) == 2 else expected[possible.pop()])


@few
@given(EVERY_KIND)
def test_a_single_flow_is_decided_as_the_table_says(case: Case) -> None:
    """They are one evaluation, and differ in what they look at alone."""
    oracle = Oracle(case.snapshot(), [AddressRange.of(address) for address in OUTSIDE])
    for (source, destination, asked), answer in case.answers().items():
        assert oracle.decide(source, destination, asked).answer is answer


# --- undefined -----------------------------------------------------------------------------------------------------


@few
@given(EVERY_KIND)
def test_nothing_is_undefined_where_all_is_known(case: Case) -> None:
    """Without hosts' networks, unknown addresses, equal priorities and domain names the API leaves nothing open."""
    assert UNDEFINED not in case.answers().values()


@few
@given(cases(Kinds.CLUSTER, equal_priorities=True))
def test_swapping_policies_of_equal_priority_changes_nothing(case: Case) -> None:
    """Neither the order in the list nor the name may decide between them."""
    names = [f"name-{len(case.policies) - number}" for number in range(len(case.policies))]
    again = [renamed(policy, name) for policy, name in zip(case.policies, names, strict=True)]
    assert case.answers() == case.answers(reversed(case.policies)) == case.answers(again)


@few
@given(cases(Kinds.CLUSTER, equal_priorities=True))
def test_distinct_priorities_choose_among_what_equal_ones_leave_open(case: Case) -> None:
    """Any of the policies of a priority may be applied, so each order gives one of the possible answers."""
    before = case.answers()
    ordered = [copy.deepcopy(policy) for policy in case.policies]
    for number, policy in enumerate(sorted(ordered, key=lambda policy: int(policy["spec"]["priority"]))):
        policy["spec"]["priority"] = number
    after = case.answers(ordered)
    assert all(after[cell] is before[cell] for cell in before if before[cell] is not UNDEFINED)
    assert UNDEFINED not in after.values()


# --- more and fewer policies ---------------------------------------------------------------------------------------


@few
@given(NETWORK)
def test_another_policy_for_isolated_pods_takes_nothing_away(case: Case) -> None:
    """Rules of NetworkPolicies add up, so one more can only allow more to a pod that is isolated already."""
    closed = [network_policy(name, "closed", policyTypes=["Ingress", "Egress"]) for name in case.world.namespaces]
    before, after = case.answers(closed), case.answers([*closed, *case.policies])
    assert all(after[cell] is ALLOW for cell in before if before[cell] is ALLOW)


@few
@given(NETWORK)
def test_without_policies_everything_is_allowed_and_with_all_closed_only_what_is_exempt(case: Case) -> None:
    """A pod that no policy selects is not isolated; one that is keeps only itself and its own node."""
    assert set(case.answers([]).values()) == {ALLOW}
    closed = [network_policy(name, "closed", policyTypes=["Ingress", "Egress"]) for name in case.world.namespaces]
    homes = {pod.id: f"node:node-{pod.node + 1}" for pod in case.world.pods}
    for (source, destination, _), answer in case.answers(closed).items():
        ends = (source, destination)
        spared = source == destination or homes.get(ends[0]) == ends[1] or homes.get(ends[1]) == ends[0]
        assert (answer is ALLOW) == (spared or not any(end in homes for end in ends))


@few
@given(EVERY_KIND)
def test_the_same_policy_twice_is_the_same_policy(case: Case) -> None:
    """Under another name, and for cluster-scoped ones at the same priority, it says nothing that was not said."""
    twins = [renamed(policy, f"{policy['metadata']['name']}-again") for policy in case.policies]
    twins = [policy for policy in twins if policy["kind"] != "BaselineAdminNetworkPolicy"]
    assert case.answers() == case.answers([*case.policies, *twins])


@few
@given(MIXED)
def test_a_policy_that_selects_nobody_changes_nothing(case: Case) -> None:
    """Only a policy that selects an end of a connection is asked about it."""
    nobody = {"matchLabels": {"nobody": "has-it"}}
    more = [
        network_policy("east", "nobody", podSelector=nobody, policyTypes=["Ingress", "Egress"]),
        cluster_policy(
            name="nobody",
            subject={"namespaces": nobody},
            ingress=[{"action": "Deny", "from": [EVERYBODY]}],
            egress=[{"action": "Deny", "to": [{"networks": ["0.0.0.0/0", "::/0"]}]}],
        ),
    ]
    assert case.answers() == case.answers([*case.policies, *more])


@few
@given(NETWORK)
def test_a_policy_of_another_namespace_than_both_ends_does_nothing(case: Case) -> None:
    """A NetworkPolicy selects pods of its own namespace alone."""
    before = case.answers()
    kept = {
        name: case.answers([policy for policy in case.policies if policy["metadata"]["namespace"] != name])
        for name in case.world.namespaces
    }
    for cell, answer in before.items():
        ends = {end.partition("/")[0] for end in cell[:2]}
        assert all(kept[name][cell] is answer for name in kept if name not in ends)


@few
@given(NETWORK)
def test_each_side_is_judged_by_its_own_policies(case: Case) -> None:
    """A connection is allowed if the source's egress and the destination's ingress allow it, each independently."""

    def alone(kind: str) -> dict[Cell, Answer]:
        return case.changed(
            lambda policy: (
                [{**policy, "spec": {**policy["spec"], "policyTypes": [kind]}}] if kind in types(policy) else []
            )
        )

    out, into = alone("Egress"), alone("Ingress")
    assert {cell: ALLOW if out[cell] is into[cell] is ALLOW else DENY for cell in out} == case.answers()


# --- tiers ---------------------------------------------------------------------------------------------------------


def everything(direction: str) -> list[Object]:
    """Peers that mean everybody whom rules of a direction can mean."""
    outside: list[Object] = [{"networks": ["0.0.0.0/0", "::/0"]}, {"nodes": {}}]
    return [EVERYBODY, *(outside if direction == "egress" else [])]


def for_all(action: str, tier: str = "Admin", priority: int = 2) -> Object:
    """A policy that does one thing with all traffic of everybody."""
    rules = {
        direction: [{"action": action, field: everything(direction)}]
        for direction, field in (("ingress", "from"), ("egress", "to"))
    }
    return cluster_policy(tier, priority, "for-all", spec=rules)


def without_tier(policies: Iterable[Object], tier: str) -> list[Object]:
    return [policy for policy in policies if policy["spec"].get("tier") != tier]


def moved_down(policies: Iterable[Object]) -> list[Object]:
    """The same policies with room for the priorities 0 to 2."""
    moved = copy.deepcopy([*policies])
    for number, policy in enumerate(sorted(moved, key=lambda policy: int(policy["spec"].get("priority", 0)))):
        if "priority" in policy["spec"]:
            policy["spec"]["priority"] = 3 + number
    return moved


@few
@given(MIXED)
def test_an_admin_rule_of_the_lowest_number_that_passes_all_disables_the_admin_tier(case: Case) -> None:
    """Pass skips all further rules of the tier."""
    policies = moved_down(case.policies)
    assert case.answers([for_all("Pass"), *policies]) == case.answers(without_tier(policies, "Admin"))


@few
@given(MIXED)
def test_a_baseline_rule_of_the_lowest_number_that_passes_all_disables_the_baseline_tier(case: Case) -> None:
    """After the last tier comes the default, as it does after a tier without a match."""
    policies = moved_down(case.policies)
    assert case.answers([for_all("Pass", "Baseline"), *policies]) == case.answers(without_tier(policies, "Baseline"))


@few
@given(MIXED)
def test_an_admin_rule_of_the_lowest_number_for_all_decides_all_between_pods(case: Case) -> None:
    """The Admin tier is asked first, the lowest number first in it, and Accept and Deny are final."""
    ids = {pod.id for pod in case.world.pods}
    for action, expected in (("Accept", ALLOW), ("Deny", DENY)):
        found = case.answers([for_all(action), *moved_down(case.policies)])
        between = {cell: answer for cell, answer in found.items() if set(cell[:2]) <= ids and cell[0] != cell[1]}
        assert set(between.values()) == {expected}


@few
@given(MIXED)
def test_a_network_policy_makes_baseline_irrelevant_for_its_direction(case: Case) -> None:
    """NetworkPolicies always make a final decision for the pods that they select."""
    isolating = [network_policy(name, "all", policyTypes=["Ingress", "Egress"]) for name in case.world.namespaces]
    with_baseline = case.answers([*case.policies, *isolating])
    assert with_baseline == case.answers([*without_tier(case.policies, "Baseline"), *isolating])


@few
@given(CLUSTER)
def test_rules_after_one_for_everything_are_never_reached(case: Case) -> None:
    """Rules are asked in order, and the first match decides."""

    def change(policy: Object, more: bool) -> list[Object]:
        for direction, rules in sections(policy):
            field = "to" if direction == "egress" else "from"
            final = {"action": "Deny", field: everything(direction)}
            policy["spec"][direction] = [*rules[:1], final, *(rules[1:] if more else [])]
        return [policy]

    assert case.changed(lambda policy: change(policy, True)) == case.changed(lambda policy: change(policy, False))


@few
@given(CLUSTER)
def test_priorities_count_by_their_order_alone(case: Case) -> None:
    """Lower values are asked first; how much lower means nothing."""
    assert case.answers() == case.answers(moved_down(case.policies))


@few
@given(ADMIN)
def test_the_older_kinds_say_the_same_in_their_successors_words(case: Case) -> None:
    """ClusterNetworkPolicy combines both in one kind: tier, Accept for Allow, protocols for ports (NPEP-285)."""
    assert case.answers() == case.changed(lambda policy: [in_new_words(policy)])


def in_new_words(policy: Object) -> Object:
    """A policy of v1alpha1 as one of v1alpha2."""
    spec = policy["spec"]
    for _, rules in sections(policy):
        for rule in rules:
            rule["action"] = rule["action"].replace("Allow", "Accept")
            if "ports" in rule:
                rule["protocols"] = [_protocol(port) for port in rule.pop("ports")]
    tier = "Baseline" if policy["kind"] == "BaselineAdminNetworkPolicy" else "Admin"
    return cluster_policy(tier, spec.pop("priority", 0), policy["metadata"]["name"], spec=spec)


def _protocol(port: Object) -> Object:
    if "namedPort" in port:
        return {"destinationNamedPort": port["namedPort"]}
    numbers = dict(port.get("portNumber") or port["portRange"])
    protocol = numbers.pop("protocol", "TCP").lower()
    return {protocol: {"destinationPort": {"number": numbers["port"]} if "port" in numbers else {"range": numbers}}}


# --- the world -----------------------------------------------------------------------------------------------------


@few
@given(EVERY_KIND)
def test_the_order_of_pods_and_nodes_means_nothing(case: Case) -> None:
    """Endpoints are numbered for the machine's sake."""
    snapshot = case.snapshot()
    turned = replace(snapshot, pods=snapshot.pods[::-1], nodes=snapshot.nodes[::-1])
    assert answers(snapshot, case.questions) == answers(turned, case.questions)


@few
@given(EVERY_KIND)
def test_another_pod_changes_nothing_between_the_others(case: Case) -> None:
    """A policy's rules speak of the two ends of a connection."""
    snapshot = case.snapshot()
    fewer = replace(snapshot, pods=snapshot.pods[:-1])
    before = answers(snapshot, case.questions)
    assert all(before[cell] is answer for cell, answer in answers(fewer, case.questions).items())


@few
@given(EVERY_KIND)
def test_what_is_known_of_an_address_only_settles_what_was_undefined(case: Case) -> None:
    """An answer that is given for an unknown address is right for any address that it may be."""
    snapshot = case.snapshot()
    known = answers(snapshot, case.questions)
    templates = replace(snapshot, pods=tuple(replace(pod, addresses=()) for pod in snapshot.pods))
    bounded = replace(templates, pod_cidrs=("10.0.0.0/16", "fd00::/16"))
    for less, more in (
        (answers(templates, case.questions), answers(bounded, case.questions)),
        (answers(bounded, case.questions), known),
    ):
        assert all(more[cell] is answer for cell, answer in less.items() if answer is not UNDEFINED)


@few
@given(EVERY_KIND)
def test_a_pod_always_reaches_itself(case: Case) -> None:
    """No policy can deny a pod its own address."""
    assert {answer for cell, answer in case.answers().items() if cell[0] == cell[1]} == {ALLOW}
