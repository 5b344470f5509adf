"""What the conformance scenarios show beside Kubernetes' own tests and cyclonus' families, for the page and its tests.

Labels: ``cnp`` is a group of the conformance tests of ClusterNetworkPolicy (kubernetes-sigs/network-policy-api, 24 of
them), ``beyond`` what none of these suites has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from probe.model.scenario import Scenario

_TIERS: Final = ("Admin", "Baseline")


def _both(*rest: str) -> tuple[str, ...]:
    return tuple(f"CNP{tier}Tier{each}" for tier in _TIERS for each in rest)


CNP: Final[Mapping[str, tuple[str, ...]]] = {
    "ingress-by-protocol": _both("IngressTCP", "IngressUDP", "IngressSCTP"),
    "egress-by-protocol": _both("EgressTCP", "EgressUDP", "EgressSCTP"),
    "both-directions": _both("Gress"),
    "egress-to-networks": _both("EgressInlineCIDRPeers"),
    "egress-to-nodes": _both("EgressNodePeers"),
    "named-ports-of-destinations": _both("IngressNamedPort", "EgressNamedPort"),
    "priorities": ("CNPAdminTierPriorityField",),
    "tiers-in-turn": ("CNPAdminTierIntegration",),
    "pass-leaves-the-tier": (),
}
"""The label's value -> the tests with these behaviours, by their short names."""

BEYOND: Final[Mapping[str, str]] = {
    "port-name-numbers": "different numbers behind one port's name",
    "absent-keys": "NotIn and DoesNotExist where the key is absent, of pods as peers",
    "expressions-of-subjects": "the same, and Exists, of the pods that a policy selects",
    "expressions-of-namespaces": "the same of namespaces, and values that are empty",
    "empty-values": 'the label value ""',
    "label-keys": "prefixes of keys, capitals and dots, labels that look alike",
    "label-values": "labels that get another value",
    "end-port-edges": "endPort: below, first, last, above; ranges that overlap or have gaps",
    "end-port-limits": "ports 1 and 65535, alone and as ends of ranges",
    "except-beside-blocks": "except inside and beside another block",
    "nested-blocks": "blocks in blocks of other rules, their ends, the same block with other exceptions",
    "one-family": "blocks of one family, and of both in one rule",
    "protocol-only": "rules with a protocol and no port, in both directions",
    "many-rules": "a policy of more than 30 rules",
    "many-ports": "a rule of more than 60 ports",
    "many-peers": "a rule of 100 peers",
    "many-namespaces": "a peer that means 15 namespaces",
    "many-policies": "50 policies on one pod",
    "long-names": "policies whose names begin alike, or are alike once joined",
    "hairpin": "a pod through its own service",
    "headless": "headless services",
    "named-target-port": "services whose targetPort is a name, with different numbers behind it",
    "own-address": "a pod's own address",
    "own-node": "a pod's own node, and pods on the network of nodes",
    "replies": "replies of connections that are allowed one way",
    "edited-pod-selector": "an edited podSelector, edited policyTypes",
    "cluster-policy-changes": "labels, pods and edits that a cluster-scoped policy follows, and its deletion",
    "edited-rules": "rules, peers and ports that an edit takes away",
    "one-of-two-policies": "one of two policies with the same rules deleted",
    "recreated-policy": "a policy deleted and created again under its name at once",
    "recreated-pod": "a pod created again under its name with other labels",
    "recreated-namespace": "a namespace deleted and created again",
    "address-reuse": "an address that another pod gets",
    "completed-pod": "completed pods, whose addresses others get",
    "terminating-pod": "pods in their grace period",
    "terminating-namespace": "namespaces whose pods are in their grace period",
    "labels-of-both": "labels of namespaces and pods that change under a peer with both selectors",
    "order-of-events": "policies before their pods, pods before their namespace's labels",
    "kept-connections": "connections that are open while policies of others come and go",
}
"""The label's value -> what it is about."""


def coverage(scenarios: Sequence[Scenario]) -> Iterator[str]:
    """The lines of the tables, with links to be filled in by the page."""
    yield "| conformance tests of ClusterNetworkPolicy | ours |"
    yield "|---|---|"
    for value, theirs in CNP.items():
        if theirs:
            yield f"| {', '.join(theirs)} | {_names(scenarios, 'cnp', value)} |"
    yield ""
    yield "| what these suites leave out | ours |"
    yield "|---|---|"
    for value, words in BEYOND.items():
        yield f"| {words} | {_names(scenarios, 'beyond', value)} |"


def _names(scenarios: Sequence[Scenario], label: str, value: str) -> str:
    found = (scenario.name.partition("[")[0] for scenario in scenarios if scenario.labels.get(label) == value)
    return ", ".join(dict.fromkeys(found))
