"""The table of the conformance scenarios, from their labels: ``python -m tests.scenario.conformance`` prints it.

Labels: ``feature`` is what a summary counts it under, ``upstream`` the case of Kubernetes' own NetworkPolicy tests that
a scenario stands for, ``docs`` a statement of the documentation (section.statement), ``api`` a field of the API
reference, ``cyclonus`` a family of its cases; ``cnp`` and ``beyond``: see ``other_suites``. What a matrix makes of one
file is one line of the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

from probe.model.scenario import Scenario
from probe.scenario import load_scenarios
from tests.scenario.other_suites import coverage

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
- *cyclonus*: the family of generated cases of [cyclonus](https://github.com/mattfenwick/cyclonus) that it belongs to.
  `scenarios/conformance/families/` has these as matrices: one file is several scenarios, of many steps.

Not here, because the documentation leaves them to the network plugin: other protocols than TCP, UDP and SCTP,
connections that were established before a policy, rewritten addresses.

Scenarios with ClusterNetworkPolicies need `--allow-cluster-scoped`, and are *unsupported* where a cluster does not have
the kind; those with pods on the network of nodes need `--allow-host-network`. Which pod gets an address again can only
be arranged on the embedded cluster: elsewhere the cells of a pod that got another one are *unsupported*, and say so.

"""
FILES: Final = tuple(sorted(DIRECTORY.rglob("*.yaml")))
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
CYCLONUS: Final = {
    "targets": (6, "whom a policy is about: its namespace, and its podSelector"),
    "rules": (4, "no rule, and an empty one"),
    "peers": (24, "no peer, and each kind of peer alone"),
    "peer-pairs": (90, "every two of ten kinds of peers"),
    "ports": (54, "each kind of port alone: by number, name, range and protocol, and some that match nothing"),
    "port-pairs": (16, "no port, and two ports"),
    "actions": (6, "policies, labels, pods and namespaces that come, change and go"),
    "conflicts": (16, "policies that allow nothing beside such that allow something"),
    "example": (1, "a named port, while pods and namespaces come and go"),
    "upstream": (13, "some of Kubernetes' own tests, which have a column of their own"),
}
"""Family -> how many of cyclonus' 230 cases are in it, and what they vary; most do it in both directions."""
_COLUMNS = ("feature", "upstream", "docs", "api", "cyclonus")


def page(scenarios: Sequence[Scenario]) -> str:
    """The whole page."""
    cases = sum("upstream" in scenario.labels for scenario in scenarios)
    steps = sum(len(scenario.steps) for scenario in scenarios)
    count = f"{len(scenarios)} scenarios with {steps} steps; {cases} of them stand for a case of upstream's.\n\n"
    tables = [
        *_features(scenarios),
        "",
        *_cyclonus(scenarios),
        "",
        *coverage(scenarios),
        "",
        *_table(scenarios),
    ]
    return _HEAD + count + "".join(f"{line}\n" for line in tables)


@cache
def suite() -> tuple[Scenario, ...]:
    """All of them, read once, by the first test that asks: collecting the tests takes nothing of it."""
    return tuple(load_scenarios([DIRECTORY]))


def of_file(path: Path) -> list[Scenario]:
    """The scenarios of one file."""
    return [scenario for scenario in suite() if Path(scenario.file) == path]


def files(scenarios: Sequence[Scenario]) -> list[list[Scenario]]:
    """The scenarios of each file."""
    return [list(each) for _, each in groupby(scenarios, key=lambda scenario: scenario.file)]


def of_family(scenarios: Sequence[Scenario], family: str) -> list[Scenario]:
    """Those that stand for a family of cyclonus."""
    if family == "upstream":
        return [scenario for scenario in scenarios if "upstream" in scenario.labels]
    return [scenario for scenario in scenarios if scenario.labels.get("cyclonus") == family]


def _features(scenarios: Sequence[Scenario]) -> Iterator[str]:
    counts = Counter(scenario.labels["feature"] for scenario in scenarios)
    yield "| feature | what it is about | scenarios |"
    yield "|---|---|---|"
    for feature, words in FEATURES.items():
        if counts[feature]:
            yield f"| {feature} | {words} | {counts[feature]} |"


def _cyclonus(scenarios: Sequence[Scenario]) -> Iterator[str]:
    yield "| family of cyclonus | what varies | its cases | our scenarios | steps | files |"
    yield "|---|---|---|---|---|---|"
    for family, (cases, what) in CYCLONUS.items():
        ours = of_family(scenarios, family)
        links = (
            ", ".join(_link(first) for first, *_ in files(ours)) if family != "upstream" else "those with *upstream*"
        )
        steps = sum(len(scenario.steps) for scenario in ours)
        yield f"| {family} | {what} | {cases} | {len(ours)} | {steps} | {links} |"


def _table(scenarios: Sequence[Scenario]) -> Iterator[str]:
    yield "| scenario | feature | upstream | documentation | API | cyclonus | what it shows |"
    yield "|---|---|---|---|---|---|---|"
    for scenario, *_ in sorted(files(scenarios), key=lambda each: ("upstream" not in each[0].labels, each[0].name)):
        labels = [scenario.labels.get(key, "") for key in _COLUMNS]
        yield f"| {' | '.join([_link(scenario), *labels, ' '.join(scenario.description.split())])} |"


def _link(scenario: Scenario) -> str:
    path = Path(scenario.file)
    return f"[{path.stem}](../{path.relative_to(ROOT)})"


if __name__ == "__main__":
    print(page(suite()), end="")
