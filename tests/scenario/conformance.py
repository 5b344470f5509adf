"""The table of the conformance scenarios, from their labels: ``python -m tests.scenario.conformance`` prints it.

Labels: ``feature`` is what a summary counts it under, ``upstream`` the case of Kubernetes' own NetworkPolicy tests that
a scenario stands for, ``docs`` a statement of the documentation (section.statement), ``api`` a field of the API
reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from probe.model.scenario import Scenario
from probe.scenario import load_scenarios

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "scenarios/conformance"
PAGE = ROOT / "docs/conformance.md"

_HEAD = """\
# What the conformance scenarios show

`scenarios/conformance/` has one scenario for each behaviour of NetworkPolicy (networking.k8s.io/v1): a comment that
gives the policies' reasoning, the policies, and what is expected, stated by hand. `cni-probe validate` holds every
statement against the API's rules as `cni-probe` reads them, a run holds it against packets.

    cni-probe conformance             # on the cluster of your kubeconfig
    cni-probe conformance --sandbox   # on an embedded one
    cni-probe conformance --list      # what there is; --tag, --include and others choose

They share a fleet, `scenarios/fleets/xyz.yaml`: pods a, b and c in each of the namespaces x, y and z, on several nodes,
tried by their own addresses and through services, over each address family that the cluster has. Two things depend on
the cluster: where there is no SCTP its cells are *unsupported*, and so are those to endpoints outside the cluster
where none are given ([clusters.md](clusters.md) has how to).

- *feature*: what it is about, in one word; a summary counts by these, and `--tag feature=ports` chooses by them.
- *upstream*: the case of Kubernetes' own end-to-end tests of NetworkPolicy (`test/e2e/network/netpol`, 48 cases) with
  the same behaviour. Where these take the address of a running pod for an `ipBlock`, ours tell blocks apart by
  endpoints outside the cluster, and pods by blocks that hold every address or none: nothing must be known before.
- *documentation*: a statement of the page
  [Network Policies](https://kubernetes.io/docs/concepts/services-networking/network-policies/), by section.
- *API*: the field of the API reference that it is about.

Not here, because the documentation leaves them to the network plugin: other protocols than TCP, UDP and SCTP,
connections that were established before a policy, rewritten addresses. What it says of pods on their node's network,
and of a pod's own node, is in `scenarios/paths/host-network.yaml` (which needs `--allow-host-network`).

"""
FEATURES = {
    "targets": "which pods a policy isolates",
    "peers": "pods and namespaces as peers",
    "blocks": "`ipBlock` and `except`",
    "ports": "port numbers",
    "port-ranges": "`endPort`",
    "named-ports": "ports by name",
    "protocols": "TCP and UDP",
    "sctp": "SCTP",
    "selectors": "label selectors",
    "directions": "`policyTypes`, ingress and egress",
    "combination": "several policies together",
    "changes": "what happens while policies are in force",
    "traffic": "replies, and a pod's traffic to itself",
    "services": "traffic through Services",
    "host-network": "nodes, and pods on their network",
    "cluster-policies": "ClusterNetworkPolicy and its predecessors",
    "scale": "many rules, peers and policies",
}
"""The label ``feature`` of each conformance scenario is one of these."""
_COLUMNS = ("feature", "upstream", "docs", "api")


def page(scenarios: list[Scenario]) -> str:
    """The whole page."""
    cases = sum("upstream" in scenario.labels for scenario in scenarios)
    steps = sum(len(scenario.steps) for scenario in scenarios)
    count = f"{len(scenarios)} scenarios with {steps} steps; {cases} of them stand for a case of upstream's.\n\n"
    tables = [*_features(scenarios), "", *_table(scenarios)]
    return _HEAD + count + "".join(f"{line}\n" for line in tables)


def _features(scenarios: list[Scenario]) -> Iterator[str]:
    counts = Counter(scenario.labels["feature"] for scenario in scenarios)
    yield "| feature | what it is about | scenarios |"
    yield "|---|---|---|"
    for feature, words in FEATURES.items():
        if counts[feature]:
            yield f"| {feature} | {words} | {counts[feature]} |"


def _table(scenarios: list[Scenario]) -> Iterator[str]:
    yield "| scenario | feature | upstream | documentation | API | what it shows |"
    yield "|---|---|---|---|---|---|"
    for scenario in sorted(scenarios, key=lambda each: ("upstream" not in each.labels, each.name)):
        link = f"[{scenario.name}](../scenarios/conformance/{Path(scenario.file).name})"
        labels = [scenario.labels.get(key, "") for key in _COLUMNS]
        yield f"| {' | '.join([link, *labels, ' '.join(scenario.description.split())])} |"


if __name__ == "__main__":
    print(page(load_scenarios([DIRECTORY])), end="")
