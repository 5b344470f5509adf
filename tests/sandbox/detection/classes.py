"""The classes of enforcement bugs that users of real network plugins reported, and which faults are of each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class BugClass:
    """``faults``: names of the registry. ``note``: what there is beside the suite, or why there is no fault."""

    words: str
    faults: tuple[str, ...] = ()
    note: str = ""


def _of(words: str, faults: str = "", note: str = "") -> BugClass:
    return BugClass(words, tuple(faults.split()), note)


_WATCH = "no suite restarts a cluster's enforcer: [watch](watch.md) judges it while somebody does"

CLASSES: Final[Mapping[str, BugClass]] = {
    "deny-during-agent-restart": _of(
        "what is allowed is cut off while the enforcer restarts", "closed-while-updating-2s", _WATCH
    ),
    "unenforced-after-agent-restart": _of(
        "nothing is enforced while the enforcer restarts, or ever after", "open-while-updating-2s", _WATCH
    ),
    "pod-ip-reuse": _of(
        "an address keeps what its owner before was, or loses what its owner is",
        "stale-addresses finished-pods-count isolation-inherited late-delete-takes-the-address",
    ),
    "policy-types-wrong-direction": _of(
        "policyTypes are not what they say",
        "ingress-always-isolated egress-always-isolated unlisted-types-enforced ingress-ignored egress-ignored",
    ),
    "ipv6-not-enforced": _of(
        "the second address family has no rules, or no peers", "ipv6-unenforced ipv6-peers-missing"
    ),
    "protocol-only-port-entry": _of(
        "an entry with a protocol and no port, or the policy with it, is dropped",
        "protocol-only-ignored protocol-only-as-any protocol-only-refuses-policy",
    ),
    "policy-delete-residue": _of(
        "a deleted policy leaves something behind, or takes along what is another's",
        "policy-deletes-ignored last-delete-leaves-isolation recreated-policy-ignored delete-takes-what-is-alike "
        "policies-without-rules-stay delete-isolates-the-other-direction policies-outlive-their-namespace",
    ),
    "node-to-pod-wrong": _of(
        "the kubelet's probes are denied, or other nodes may do what they like",
        "own-node-denied other-nodes-unenforced",
        "a pod on the network of the pod's node stands for the kubelet; from other nodes the API leaves it open",
    ),
    "ns-and-pod-as-or": _of(
        "two selectors of one peer are united, or one of them is not looked at",
        "selectors-as-or namespace-selector-ignored pod-selector-beside-namespaces-ignored "
        "absent-namespace-selector-as-all",
    ),
    "named-port-wrong-pod": _of(
        "a port's name means the number that another pod has for it",
        "named-port-of-first-pod named-port-as-union named-port-of-source named-port-of-any-protocol",
    ),
    "named-port-not-resolved": _of(
        "a port's name is not found where a second container has it",
        "named-port-ignored",
        "the fleet's pods have one container each",
    ),
    "capacity-truncation": _of(
        "what is more than there is room for is lost",
        "rules-truncated ports-truncated peers-truncated namespaces-truncated policies-truncated sets-truncated "
        "first-rule-only first-peer-only first-port-only policy-names-cut names-run-together port-masks-truncated "
        "values-truncated requirements-truncated",
    ),
    "established-survives-deny": _of(
        "an open connection goes on after a denial",
        "established-kept",
        "the API leaves it open: [over time](over-time.md) records it",
    ),
    "established-cut-by-unrelated-change": _of(
        "an open connection that is allowed is cut by a change that is not about it", "connections-cut-by-changes"
    ),
    "egress-bypass-through-service": _of(
        "egress is not enforced through services",
        "services-bypass-policy services-bypass-egress service-address-not-translated",
    ),
    "same-node-service-bypass": _of(
        "what comes through a service on the same node is not enforced",
        "same-node-services-unenforced same-node-unenforced",
    ),
    "source-nat-hides-peer": _of(
        "a policy sees a node in the client's place",
        "source-hidden-by-service node-ports-unenforced",
        "through node ports the API leaves it open",
    ),
    "empty-selector-matches-nothing": _of(
        "an empty selector means nobody", "empty-subject-selects-none empty-peer-selects-none"
    ),
    "empty-rule-list-not-deny": _of("a direction without rules is not isolated", "no-rules-allow"),
    "endport-ignored": _of(
        "a range of ports has another end",
        "endport-ignored endport-exclusive endport-unlimited cluster-port-ranges-ignored overlapping-ranges-refused "
        "ranges-known-by-first-port port-masks-truncated",
    ),
    "non-tcp-udp-protocols": _of(
        "other protocols escape, or ICMP errors are dropped",
        "sctp-unenforced icmp-errors-dropped",
        "the API speaks of TCP, UDP and SCTP alone",
    ),
    "sctp-mishandled": _of(
        "an SCTP port is dropped, breaks its policy, or is opened as TCP",
        "sctp-refuses-policy sctp-as-tcp protocol-ignored sctp-unenforced",
    ),
    "udp-not-enforced": _of("UDP passes", "udp-unenforced"),
    "protocol-default-missed": _of(
        "an absent protocol is not TCP",
        "protocol-ignored",
        "the API server writes TCP into every NetworkPolicy, so that no plugin can miss it",
    ),
    "policies-not-unioned": _of(
        "policies of one pod do not add up",
        "first-policy-only last-policy-overrides policies-intersect subjects-of-every-namespace",
    ),
    "pod-label-change-lost": _of("labels of pods are not followed", "pod-labels-kept pod-labels-only-added"),
    "namespace-label-change-lost": _of(
        "labels of namespaces are not followed",
        "namespace-labels-kept namespace-labels-only-added namespace-labels-kept-beside-pods",
    ),
    "policy-update-stale": _of(
        "an edited policy keeps what it lost",
        "policy-updates-ignored policy-updates-only-add pod-selector-kept policy-types-only-added "
        "operator-edits-ignored edit-frees-what-others-use",
    ),
    "leak-at-pod-start": _of(
        "a new pod is not isolated in its first moments",
        "new-pods-open-300ms new-pods-open-50ms subjects-chosen-once",
    ),
    "deny-at-pod-start": _of(
        "a new pod is nobody's peer",
        "peers-chosen-once",
        "how soon it must be one the API does not say: the run reports how long it took",
    ),
    "event-order-race": _of(
        "it matters in which order policies, pods and labels come",
        "subjects-chosen-once policies-without-pods-forgotten peers-chosen-once",
    ),
    "recreated-pod-inherits-state": _of(
        "a pod is taken for the one that had its name before", "recreated-pod-keeps-labels named-port-numbers-kept"
    ),
    "one-bad-object-freezes-sync": _of(
        "after one object nothing is followed any more", "one-policy-freezes-the-rest finished-pod-freezes-the-rest"
    ),
    "hairpin-denied": _of(
        "a pod does not reach itself through its service", "hairpin-denied", "the API leaves it open"
    ),
    "reply-denied": _of(
        "replies of allowed connections are dropped",
        "replies-dropped connections-cut-by-changes",
        "replies after minutes of silence take longer than the suite has",
    ),
    "except-ignored": _of(
        "except is not what it says",
        "except-ignored except-across-blocks blocks-known-by-cidr overlapping-excepts-refused",
    ),
    "ipblock-does-not-match-pods": _of("a block does not match pods", "blocks-miss-pods"),
    "ip-family-conflation": _of("a block of one family matches the other one", "families-conflated"),
    "match-expressions": _of(
        "matchExpressions are not what they say",
        "expressions-ignored first-expression-only first-value-only notin-needs-the-key does-not-exist-ignored "
        "exists-ignored empty-value-as-absent",
    ),
    "host-network-pod-selected": _of(
        "pods on the network of nodes are selected", "host-network-is-matched", "the API leaves it open"
    ),
    "silent-fail-open-prerequisite": _of(
        "the plugin runs, and enforces nothing", "", "the sandbox's `--no-enforcement`: the suite fails from its start"
    ),
    "cnp-anp-specific": _of(
        "tiers, priorities and peers of cluster-scoped policies are mistaken",
        "cluster-policies-ignored priorities-reversed pass-as-allow baseline-as-admin allow-beats-deny "
        "own-node-is-no-peer node-peers-mean-pods accept-as-pass accept-of-one-end-is-enough "
        "first-cluster-policy-only priorities-in-a-byte high-priorities-ignored cluster-policy-deletes-ignored "
        "cluster-policy-updates-ignored cluster-subject-kept cluster-rule-order-kept cluster-subjects-chosen-once "
        "cluster-peers-chosen-once",
    ),
    "feature-path-bypass": _of(
        "a special path of one plugin goes past policies", "", "needs that plugin: run the suite with the feature on"
    ),
    "ndp-dropped": _of(
        "a denial drops neighbour discovery, too",
        "",
        "the embedded cluster has its neighbours written down; on others every pod that a step creates tries it",
    ),
    "cross-node-only": _of(
        "policies hold on one node, and not between nodes",
        "cross-node-unenforced same-node-unenforced peers-of-own-node-only",
    ),
    "namespace-termination-gap": _of(
        "policies are gone before the pods that they are about",
        "policies-go-before-their-pods terminating-pods-forgotten",
    ),
    "conntrack-state-promoted": _of(
        "what was denied passes when it is sent again", "retransmissions-pass one-in-twenty-leaks"
    ),
}
"""By the class' name."""
