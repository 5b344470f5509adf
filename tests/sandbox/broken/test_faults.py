"""Every fault breaks what it says, and nothing else: the rules that a node's kernel would get, with it and without.

For each fault there is a history of the cluster that shows it. What makes no difference to it, a policy that uses
nothing of what it breaks, must compile as on a healthy node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from probe.model.cell import Family, Protocol
from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.read import read_policy
from probe.sandbox.enforce.readcluster import read_cluster_policy
from probe.sandbox.enforce.ruleset import Ruleset
from probe.sandbox.enforce.view import Backend, ClusterView, Node, Pod, Service, ServicePort
from probe.sandbox.faults.fault import NAME_LABEL, Fault
from probe.sandbox.faults.registry import FAULTS
from tests.sandbox.enforce.objects import cnp, policy, rule

TCP = Protocol.TCP


def pod(name: str, number: int, node: str = "n1", labels: dict[str, str] | None = None, **more: Any) -> Pod:
    namespace, short = name.split("/")
    addresses = {Family.IPV4: f"10.1.0.{number}", Family.IPV6: f"fd00::{number}"}
    given = {"app": short} if labels is None else labels
    ports = more.pop("ports", {("http", TCP): 80 if number % 2 else 8080})
    return Pod(more.pop("uid", f"uid-{number}"), namespace, short, given, node, addresses, ports, **more)


SERVICE = Service(
    "x",
    "web",
    {Family.IPV4: "10.96.0.9"},
    (ServicePort("10.96.0.9", Family.IPV4, TCP, 8000, (Backend("10.1.0.1", 80, "n1"),)),),
)
CLUSTER = ClusterView(
    pods=(
        pod("x/web", 1),
        pod("x/api", 2, "n2"),
        pod("x/db", 3, labels={"app": "db", "tier": ""}),
        pod("y/web", 4, "n2"),
        pod("y/bare", 5, labels={}),
    ),
    namespaces={"x": {"team": "a", NAME_LABEL: "x"}, "y": {"team": "b"}},
    services=(SERVICE,),
    nodes={name: Node({}, {Family.IPV4: f"192.168.0.{number}"}) for number, name in enumerate(("n1", "n2"), 1)},
)
WEB = {"matchLabels": {"app": "web"}}
API = {"podSelector": {"matchLabels": {"app": "api"}}}
TEAM = {"namespaceSelector": {"matchLabels": {"team": "b"}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": [*values]} if values else {})}]}


def block(cidr: str, *excepts: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr, "except": list(excepts)}}


def having(*manifests: dict[str, Any], view: ClusterView = CLUSTER) -> ClusterView:
    """The cluster with these policies, and no others."""
    own = [each for each in manifests if each["kind"] == "NetworkPolicy"]
    others = [each for each in manifests if each["kind"] != "NetworkPolicy"]
    return replace(
        view, policies=tuple(map(read_policy, own)), cluster_policies=tuple(map(read_cluster_policy, others))
    )


def web(
    *peers: dict[str, Any], ports: Sequence[dict[str, Any]] = (), selector: Any = WEB, **more: Any
) -> dict[str, Any]:
    """A policy for ``x/web`` with one ingress rule."""
    rule = {"from": list(peers)} | ({"ports": list(ports)} if ports else {})
    return policy("x", selector, ingress=[rule], **more)


def of(numbers: Sequence[int], view: ClusterView = CLUSTER) -> ClusterView:
    return replace(view, pods=tuple(view.pods[number] for number in numbers))


def relabelled(view: ClusterView, uid: str, labels: dict[str, str]) -> ClusterView:
    return replace(view, pods=tuple(replace(it, labels=labels) if it.uid == uid else it for it in view.pods))


def recreated(view: ClusterView, uid: str, **changes: Any) -> ClusterView:
    return replace(
        view, pods=tuple(replace(it, uid=f"{uid}-2", **changes) if it.uid == uid else it for it in view.pods)
    )


def named(app: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": app}}}


ANYBODY: dict[str, Any] = {"namespaces": {}}
TEAM_B: dict[str, Any] = {"namespaces": {"matchLabels": {"team": "b"}}}
FRONT = {"podSelector": {"matchLabels": {"tier": "front"}}}
LONG = "a" * 31
FIVE = dict.fromkeys("abcde", "1")
SIX = dict.fromkeys("abcdef", "1")
WITH_HOST = replace(CLUSTER, pods=(*CLUSTER.pods, pod("x/host", 9, host_network=True)))
THIRTY_ONE = range(1, 32)
JOB = {"app": "api"}
SPACE_MORE = replace(
    CLUSTER, pods=(*CLUSTER.pods, pod("x-y/web", 6)), namespaces={**CLUSTER.namespaces, "x-y": {"team": "c"}}
)
MANY_SPACES = replace(
    CLUSTER,
    pods=(*CLUSTER.pods, pod("z/web", 7)),
    namespaces={name: {NAME_LABEL: name} for name in (*"abcdefgh", "x", "y", "z")},
)
WITH_JOB = replace(CLUSTER, pods=(*CLUSTER.pods, pod("x/job", 8, phase="Succeeded")))
ENDING = replace(CLUSTER, pods=tuple(replace(it, terminating=True) for it in CLUSTER.pods))
PUBLISHED = replace(
    CLUSTER, nodes={name: replace(it, published={Family.IPV4: frozenset({name})}) for name, it in CLUSTER.nodes.items()}
)
NAMED = replace(CLUSTER, namespaces={name: {**labels, NAME_LABEL: name} for name, labels in CLUSTER.namespaces.items()})
BARE = replace(NAMED, namespaces={name: {NAME_LABEL: name} for name in CLUSTER.namespaces})
NODES: dict[str, Any] = {"nodes": {}}
RANGES = [{"tcp": {"destinationPort": {"range": {"start": 80, "end": 90}}}}]
DENY = policy("x", {})
TO_API = policy("x", WEB, types=["Egress"], egress=[{"to": [API]}])
RANGE = {"port": 80, "endPort": 90}
PORT_NAME = {"port": "http"}
_PATHS = (
    "udp-unenforced", "sctp-unenforced", "ipv6-unenforced", "same-node-unenforced", "cross-node-unenforced",
    "services-bypass-policy", "services-bypass-egress", "source-hidden-by-service", "replies-dropped",
    "established-kept", "own-node-denied", "one-in-twenty-leaks", "dns-always-passes", "ephemeral-ports-pass",
    "egress-to-nodes-unenforced",
)  # fmt: skip
_NODES = (
    "same-node-services-unenforced", "node-ports-unenforced", "other-nodes-unenforced", "hairpin-denied",
    "icmp-errors-dropped", "retransmissions-pass",
)  # fmt: skip
HISTORIES: dict[str, list[ClusterView]] = {
    # whom rules mean
    "except-ignored": [having(web(block("10.1.0.0/16", "10.1.0.0/30")))],
    "except-across-blocks": [having(web(block("10.1.0.0/16", "10.1.0.0/30"), block("10.1.0.0/24")))],
    "selectors-as-or": [having(web(TEAM | API))],
    "absent-namespace-selector-as-all": [having(web({"podSelector": WEB}))],
    "namespace-selector-ignored": [having(web(TEAM))],
    "pod-selector-beside-namespaces-ignored": [having(web(TEAM | {"podSelector": WEB}))],
    "empty-subject-selects-none": [having(DENY)],
    "empty-peer-selects-none": [having(web({"podSelector": {}}))],
    "first-peer-only": [having(web(API, TEAM))],
    "blocks-miss-pods": [having(web(block("10.1.0.0/16")))],
    "families-conflated": [having(web(block("0.0.0.0/0")))],
    # blocks and ranges that meet others
    "longest-prefix-only": [having(policy("x", WEB, ingress=[
        {"from": [block("10.1.0.0/16")], "ports": [{"port": 80}]}, {"from": [API], "ports": [{"port": 81}]}]))],
    "blocks-known-by-cidr": [having(web(block("10.1.0.0/16"), block("10.1.0.0/16", "10.1.0.0/30")))],
    "blocks-without-their-ends": [having(web(block("10.1.0.0/16")))],
    "ipv6-blocks-cut": [having(web(block("fd00::/112")))],
    "overlapping-excepts-refused": [having(web(block("10.1.0.0/16", "10.1.0.1/32", "10.1.0.0/30")))],
    "overlapping-ranges-refused": [having(web(API, ports=[{"port": 80}, RANGE]))],
    "ranges-known-by-first-port": [having(web(API, ports=[RANGE, {"port": 80}]))],
    # which ports
    "protocol-ignored": [having(web(API, ports=[{"port": 80}]))],
    "protocol-only-ignored": [having(web(API, ports=[{"protocol": "UDP"}]))],
    "protocol-only-as-any": [having(web(API, ports=[{"protocol": "UDP"}]))],
    "endport-ignored": [having(web(API, ports=[RANGE]))],
    "endport-exclusive": [having(web(API, ports=[RANGE]))],
    "endport-unlimited": [having(web(API, ports=[RANGE]))],
    "first-port-only": [having(web(API, ports=[{"port": 80}, {"port": 81}]))],
    "ports-ignored": [having(web(API, ports=[{"port": 80}]))],
    "named-port-ignored": [having(web(API, ports=[PORT_NAME]))],
    "named-port-of-first-pod": [having(web(API, ports=[PORT_NAME]))],
    "named-port-as-union": [having(web(API, ports=[PORT_NAME]))],
    "named-port-of-source": [having(policy("x", WEB, types=["Egress"], egress=[{"ports": [PORT_NAME]}]))],
    "named-port-of-any-protocol": [having(web(API, ports=[PORT_NAME | {"protocol": "UDP"}]))],
    # labels
    "notin-needs-the-key": [having(web({"podSelector": expression("tier", "NotIn", "front")}))],
    "does-not-exist-ignored": [having(web({"podSelector": expression("tier", "DoesNotExist")}))],
    "exists-ignored": [having(web({"podSelector": expression("tier", "Exists")}))],
    "first-value-only": [having(web({"podSelector": expression("app", "In", "db", "api")}))],
    "empty-value-as-absent": [having(web({"podSelector": {"matchLabels": {"tier": ""}}}))],
    "first-expression-only": [having(web({"podSelector": {"matchLabels": {"app": "db", "tier": "front"}}}))],
    "expressions-ignored": [having(web({"podSelector": expression("tier", "Exists")}))],
    "namespace-labels-inherited": [having(web({"podSelector": {"matchLabels": {"team": "a"}}}))],
    "pod-labels-count-for-namespaces": [having(web({"namespaceSelector": {"matchLabels": {"app": "api"}}}))],
    "labels-run-together": [having(web(named("a-b")), view=relabelled(CLUSTER, "uid-2", {"app-a": "b"}))],
    "label-separators-conflated": [having(web(named("a-b")), view=relabelled(CLUSTER, "uid-2", {"app": "a.b"}))],
    "label-values-cut": [having(web(named(LONG + "1")), view=relabelled(CLUSTER, "uid-2", {"app": LONG + "2"}))],
    # which policies
    "ingress-ignored": [having(DENY)],
    "egress-ignored": [having(TO_API)],
    "ingress-always-isolated": [having(TO_API)],
    "egress-always-isolated": [having(web(API))],
    "unlisted-types-enforced": [having(policy("x", WEB, types=["Ingress"], egress=[{"to": [API]}]))],
    "no-rules-allow": [having(DENY)],
    "first-rule-only": [having(policy("x", WEB, ingress=[{"from": [API]}, {"from": [TEAM]}]))],
    "first-policy-only": [having(web(API, name="a"), web(TEAM, name="b"))],
    "last-policy-overrides": [having(web(API, name="a"), web(TEAM, name="b"))],
    "policies-intersect": [having(web(API, name="a"), web(TEAM, name="b"))],
    "host-network-is-matched": [having(web({"podSelector": {}}), view=WITH_HOST)],
    "subjects-of-every-namespace": [having(policy("y", WEB))],
    # room
    "rules-truncated": [
        having(policy("x", WEB, ingress=[{"from": [API], "ports": [{"port": number}]} for number in THIRTY_ONE]))
    ],
    "ports-truncated": [having(web(API, ports=[{"port": number} for number in range(1, 26)]))],
    "peers-truncated": [having(web(*(block(f"10.2.0.{number}/32") for number in range(65))))],
    "namespaces-truncated": [having(web({"namespaceSelector": {}}), view=MANY_SPACES)],
    "policies-truncated": [having(*(web(API, name=f"p{number}", ports=[{"port": number}]) for number in range(1, 34)))],
    "port-masks-truncated": [having(web(API, ports=[{"port": 2, "endPort": 65534}]))],
    "values-truncated": [having(web({"podSelector": expression("app", "In", *"abcdefgh", "web")}))],
    "requirements-truncated": [
        having(web({"podSelector": {"matchLabels": SIX}}), view=relabelled(CLUSTER, "uid-2", FIVE))
    ],
    "policy-names-cut": [having(web(API, name="a" * 70 + "1"), web(TEAM, name="a" * 70 + "2"))],
    "names-run-together": [having(web(API, name="y-a"), policy("x-y", {}, name="a"), view=SPACE_MORE)],
    "finished-pods-count": [
        having(web(API), view=replace(CLUSTER, pods=(*CLUSTER.pods, pod("x/job", 3, phase="Succeeded", labels=JOB))))
    ],
    # what is not understood
    "protocol-only-refuses-policy": [having(web(API, ports=[{"protocol": "UDP"}]))],
    "sctp-refuses-policy": [having(web(API, ports=[{"protocol": "SCTP", "port": 80}]))],
    "sctp-as-tcp": [having(web(API, ports=[{"protocol": "SCTP", "port": 80}]))],
    "one-policy-freezes-the-rest": [having(web(block("10.0.0.0/8", "10.1.0.0/16"))), having(DENY)],
    "finished-pod-freezes-the-rest": [having(web(API), view=WITH_JOB), having(DENY, view=WITH_JOB)],
    # changes
    "pod-labels-kept": [having(web(API)), having(web(API), view=relabelled(CLUSTER, "uid-3", {"app": "api"}))],
    "pod-labels-only-added": [having(web(API)), having(web(API), view=relabelled(CLUSTER, "uid-2", {"other": "x"}))],
    "namespace-labels-kept": [
        having(web(TEAM)),
        having(web(TEAM), view=replace(CLUSTER, namespaces={"x": {"team": "b"}, "y": {"team": "a"}})),
    ],
    "policy-updates-ignored": [having(web(API)), having(web(TEAM))],
    "policy-updates-only-add": [having(web(API)), having(web(TEAM))],
    "policy-deletes-ignored": [having(web(API)), having()],
    "last-delete-leaves-isolation": [having(web(API)), having()],
    "recreated-policy-ignored": [having(web(API)), having(), having(web(API))],
    "subjects-chosen-once": [having(DENY, view=of([0, 1])), having(DENY)],
    "peers-chosen-once": [
        having(web({"podSelector": {}}), view=of([0, 1])),
        having(web({"podSelector": {}}), view=of([0, 1, 2])),
    ],
    "recreated-pod-keeps-labels": [
        having(web(API)),
        having(web(API), view=recreated(CLUSTER, "uid-2", labels={"app": "other"})),
    ],
    "stale-addresses": [
        having(web(API)),
        having(web(API), view=recreated(CLUSTER, "uid-2", name="other", labels={"app": "other"})),
    ],
    "terminating-pods-forgotten": [
        having(DENY, view=ENDING)
    ],
    # what is looked up once
    "named-port-numbers-kept": [
        having(web(API, ports=[PORT_NAME])),
        having(web(API, ports=[PORT_NAME]), view=recreated(CLUSTER, "uid-1", ports={("http", TCP): 99})),
    ],
    "operator-edits-ignored": [
        having(web({"podSelector": expression("app", "In", "api")})),
        having(web({"podSelector": expression("app", "NotIn", "api")})),
    ],
    # what is shared
    "peers-known-by-selector": [
        having(web({"podSelector": WEB}), policy("y", WEB, ingress=[{"from": [{"podSelector": WEB}]}]), view=NAMED)
    ],
    "edit-frees-what-others-use": [
        having(web(API, name="a"), web(API, name="b")),
        having(web(API, name="a"), web(TEAM, name="b")),
    ],
    "policy-goes-with-one-pod": [having(DENY), having(DENY, view=of([1, 2, 3, 4]))],
    "pod-leaves-with-one-peer": [
        having(web(API, FRONT), view=relabelled(CLUSTER, "uid-2", {"app": "api", "tier": "front"})),
        having(web(API, FRONT), view=relabelled(CLUSTER, "uid-2", {"tier": "front"})),
    ],
    # what is taken back
    "pod-selector-kept": [having(web(API)), having(web(API, selector={}))],
    "policy-types-only-added": [having(policy("x", WEB, types=["Ingress", "Egress"])), having(policy("x", WEB))],
    "namespace-labels-only-added": [
        having(web(TEAM)),
        having(web(TEAM), view=replace(CLUSTER, namespaces={"x": {"team": "a"}, "y": {}})),
    ],
    "namespace-labels-kept-beside-pods": [
        having(web(TEAM | {"podSelector": WEB}), view=NAMED),
        having(web(TEAM | {"podSelector": WEB}), view=BARE),
    ],
    "delete-takes-what-is-alike": [having(web(API, name="a"), web(API, name="b")), having(web(API, name="b"))],
    "policies-without-rules-stay": [having(DENY), having()],
    "delete-isolates-the-other-direction": [having(web(API, name="a"), DENY), having(web(API, name="a"))],
    "policies-outlive-their-namespace": [having(DENY), having(view=of([3, 4])), having()],
    "policies-go-before-their-pods": [having(DENY, view=ENDING)],
    "isolation-inherited": [having(web(API)), having(web(API), view=recreated(CLUSTER, "uid-1", labels={}))],
    "late-delete-takes-the-address": [
        having(web(API), view=replace(CLUSTER, pods=(*CLUSTER.pods, pod("x/job", 2, phase="Succeeded", uid="job")))),
        having(web(API)),
    ],
    "policies-without-pods-forgotten": [having(DENY, view=of([3, 4])), having(DENY)],
    # paths
    **{name: [having(DENY)] for name in _PATHS},
    "service-address-not-translated": [having(TO_API)],
    "sets-truncated": [having(web({"namespaceSelector": {}}))],
    # nodes
    **{name: [having(DENY)] for name in _NODES},
    "peers-of-own-node-only": [having(web(API))],
    "ipv6-peers-missing": [having(web(API))],
    # cluster-scoped policies
    "cluster-policies-ignored": [having(cnp(ANYBODY, ingress=[
        rule("Deny", ANYBODY)]))],
    "priorities-reversed": [having(
        cnp(ANYBODY, name="a", priority=1, ingress=[rule("Deny", ANYBODY)]),
        cnp(ANYBODY, name="b", priority=2, ingress=[rule("Accept", ANYBODY)]))],
    "pass-as-allow": [having(cnp(ANYBODY, ingress=[rule("Pass", ANYBODY)]))],
    "accept-as-pass": [having(cnp(ANYBODY, ingress=[rule("Accept", ANYBODY)]))],
    "accept-of-one-end-is-enough": [having(cnp(ANYBODY, egress=[rule("Accept", ANYBODY)]))],
    "first-cluster-policy-only": [having(
        cnp(ANYBODY, name="a", priority=1, ingress=[rule("Accept", TEAM_B)]),
        cnp(ANYBODY, name="b", priority=2, ingress=[rule("Deny", ANYBODY)]))],
    "priorities-in-a-byte": [having(
        cnp(ANYBODY, name="a", priority=1, ingress=[rule("Accept", ANYBODY)]),
        cnp(ANYBODY, name="b", priority=256, ingress=[rule("Deny", ANYBODY)]))],
    "high-priorities-ignored": [having(cnp(ANYBODY, priority=100, ingress=[rule("Deny", ANYBODY)]))],
    "allow-beats-deny": [having(cnp(ANYBODY, ingress=[rule("Deny", ANYBODY), rule("Accept", ANYBODY)]))],
    "cluster-port-ranges-ignored": [having(cnp(ANYBODY, ingress=[rule("Deny", ANYBODY, ports=RANGES)]))],
    "own-node-is-no-peer": [having(cnp(ANYBODY, egress=[rule("Deny", NODES)]), view=PUBLISHED)],
    "node-peers-mean-pods": [having(cnp(ANYBODY, egress=[rule("Deny", NODES)]), view=PUBLISHED)],
    "baseline-as-admin": [having(DENY, cnp(ANYBODY, tier="Baseline", ingress=[
        rule("Accept", ANYBODY)]))],
    # changes of these
    "cluster-policy-deletes-ignored": [having(cnp(ANYBODY, ingress=[rule("Deny", ANYBODY)])), having()],
    "cluster-policy-updates-ignored": [
        having(cnp(ANYBODY, ingress=[rule(action, ANYBODY)])) for action in ("Deny", "Accept")
    ],
    "cluster-subject-kept": [having(cnp(whom, ingress=[rule("Deny", ANYBODY)])) for whom in (ANYBODY, TEAM_B)],
    "cluster-rule-order-kept": [
        having(cnp(ANYBODY, ingress=[rule("Deny", ANYBODY), rule("Accept", TEAM_B)])),
        having(cnp(ANYBODY, ingress=[rule("Accept", TEAM_B), rule("Deny", ANYBODY)])),
    ],
    "cluster-subjects-chosen-once": [
        having(cnp(TEAM_B, ingress=[rule("Deny", ANYBODY)]), view=view) for view in (NAMED, BARE)
    ],
    "cluster-peers-chosen-once": [
        having(cnp(ANYBODY, ingress=[rule("Deny", ANYBODY)]), view=view) for view in (of([0, 1]), CLUSTER)
    ],
}  # fmt: skip
INNOCENT = having(policy("x", {"matchLabels": {"app": "web"}}, ingress=[{"from": [API, API], "ports": [
    {"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "TCP"}]}]))  # fmt: skip
"""One subject, one peer, one port, written twice where a fault drops all but the first."""
_TOUCH_EVERYTHING = {
    "absent-namespace-selector-as-all", "egress-always-isolated", "ingress-ignored", "protocol-ignored",
    "ports-ignored", "subjects-of-every-namespace",
    # these write every policy anew, under names of their own
    "first-policy-only", "last-policy-overrides", "policies-intersect", "policies-truncated",
    "last-delete-leaves-isolation",
    *(name for name, fault in FAULTS.items() if fault.__module__.endswith((".paths", ".nodes"))),
}  # fmt: skip
"""Faults that no policy escapes."""
_TIMED = {name for name, fault in FAULTS.items() if fault.install is not Fault.install}


def ruleset(name: str | None, history: Sequence[ClusterView]) -> list[Ruleset]:
    """What both nodes' kernels have at the end of a history."""
    fault = FAULTS[name]() if name is not None else None
    found: list[Ruleset] = []
    for view in history:
        if fault is None:
            found = [compile_node(view, node, Options()) for node in ("n1", "n2")]
        else:
            found = [fault.compile(node, fault.see(node, view), Options()) for node in ("n1", "n2")]
    return found


def test_every_fault_has_a_history_that_shows_it() -> None:
    assert HISTORIES.keys() | _TIMED == FAULTS.keys()
    assert len(FAULTS) >= 40


@pytest.mark.parametrize("name", HISTORIES)
def test_a_fault_changes_what_the_kernel_gets(name: str) -> None:
    assert ruleset(name, HISTORIES[name]) != ruleset(None, HISTORIES[name])


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - _TOUCH_EVERYTHING - _TIMED))
def test_a_fault_leaves_alone_what_it_is_not_about(name: str) -> None:
    assert ruleset(name, [INNOCENT]) == ruleset(None, [INNOCENT])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_says_what_it_breaks(name: str) -> None:
    fault = FAULTS[name]
    assert fault.__doc__
    assert fault.summary().endswith(".")
    assert name == name.lower()
    assert " " not in name


def test_there_are_faults_for_every_depth() -> None:
    """The view, the ruleset, and the time."""
    for stage in ("see", "compile", "install"):
        assert any(stage in vars(fault) for fault in FAULTS.values())
