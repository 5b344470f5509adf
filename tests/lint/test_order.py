"""Rules of cluster-scoped policies that an earlier one decides, and priorities that decide nothing."""

from __future__ import annotations

import pytest

from tests.lint.conftest import Fires, cluster_policy

ALL = "{namespaces: {}}"
PLATFORM = "{namespaces: {matchLabels: {team: platform}}}"
TCP_80 = "protocols: [{tcp: {destinationPort: {number: 80}}}]"


def rules(*rules: str) -> str:
    return f"[{', '.join(rules)}]"


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        (f"{{action: Deny, from: [{ALL}]}}", f"{{action: Accept, from: [{PLATFORM}]}}", True),
        (f"{{action: Pass, from: [{ALL}]}}", f"{{action: Deny, from: [{PLATFORM}]}}", True),
        (f"{{action: Deny, from: [{PLATFORM}]}}", f"{{action: Accept, from: [{ALL}]}}", False),
        (f"{{action: Deny, from: [{ALL}], {TCP_80}}}", f"{{action: Accept, from: [{PLATFORM}]}}", False),
        (f"{{action: Deny, from: [{ALL}]}}", f"{{action: Accept, from: [{PLATFORM}], {TCP_80}}}", True),
    ],
)
def test_in_one_policy_or_in_an_earlier_one(fires: Fires, first: str, second: str, shadowed: bool) -> None:
    assert bool(fires("shadowed-rule", cluster_policy("p", ingress=rules(first, second)))) == shadowed
    one = cluster_policy("one", priority="1", ingress=rules(first))
    two = cluster_policy("two", priority="2", ingress=rules(second))
    assert bool(fires("shadowed-rule", two + one)) == shadowed


def test_an_earlier_policy_for_others_shadows_nothing(fires: Fires) -> None:
    deny, accept = f"{{action: Deny, from: [{ALL}]}}", f"{{action: Accept, from: [{PLATFORM}]}}"
    one = cluster_policy("one", priority="1", subject=PLATFORM, ingress=rules(deny))
    two = cluster_policy("two", priority="2", ingress=rules(accept))
    assert fires("shadowed-rule", one + two) == []
    assert len(fires("shadowed-rule", one + two.replace("subject: {namespaces: {}}", f"subject: {PLATFORM}"))) == 1


def test_tiers_and_directions_are_apart(fires: Fires) -> None:
    deny = rules(f"{{action: Deny, from: [{ALL}]}}")
    one = cluster_policy("one", priority="1", ingress=deny)
    assert fires("shadowed-rule", one + cluster_policy("two", tier="Baseline", priority="2", ingress=deny)) == []
    out = rules(f"{{action: Deny, to: [{ALL}]}}")
    assert fires("shadowed-rule", one + cluster_policy("two", priority="2", egress=out)) == []


@pytest.mark.parametrize(
    ("subject", "fields", "equal"),
    [
        (PLATFORM, {}, True),
        ("{namespaces: {matchLabels: {team: retail}}}", {}, False),
        (PLATFORM, {"tier": "Baseline"}, False),
        (PLATFORM, {"priority": "11"}, False),
        ("{namespaces: {matchLabels: {team: sales}}}", {}, False),  # no pod has it: by words they exclude each other
        ("{namespaces: {matchLabels: {zone: west}}}", {}, True),  # no pod has it: by words there may be one
    ],
)
def test_equal_priorities(fires: Fires, subject: str, fields: dict[str, str], equal: bool) -> None:
    deny = rules(f"{{action: Deny, from: [{ALL}]}}")
    one = cluster_policy("one", subject=PLATFORM, ingress=deny)
    two = cluster_policy("two", **({"subject": subject, "ingress": deny} | fields))
    assert bool(fires("equal-priority", one + two)) == equal


def test_the_older_kind_of_the_same_tier_counts_as_well(fires: Fires) -> None:
    rule = f"[{{action: Deny, from: [{ALL}]}}]"
    older = (
        "---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: old}\n"
        f"spec: {{priority: 10, subject: {ALL}, ingress: {rule}}}\n"
    )
    assert len(fires("equal-priority", cluster_policy("new", ingress=rule) + older)) == 1
