"""Exhaustive small worlds: every policy over a tiny vocabulary in every tiny cluster, oracle against naive reading.

Nothing is sampled: each test walks the whole product of what its docstring lists, and both ways of asking the oracle,
``table`` and ``decide``, must say what ``naive`` says. The vocabulary is divided by concept (whom peers select, which
directions a policy is for, ports, blocks, several policies, tiers), as the product of all would take days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, combinations_with_replacement, product

from probe.model.cell import Family, Protocol
from probe.model.snapshot import NAME_LABEL, PodState, Snapshot
from probe.policy.decision import Answer
from probe.policy.oracle import Oracle, Question
from probe.policy.universe import AddressRange
from tests.policy.naive import Connection, outcomes
from tests.policy.support import (
    Object,
    block,
    cluster_policy,
    expression,
    labels,
    network_policy,
    pod,
)

OUTSIDE = "10.0.0.3"
HTTP = Question(80)
IN_A, IN_B = ({"matchLabels": {NAME_LABEL: name}} for name in ("a", "b"))
_ANSWERS = {
    frozenset([True]): Answer.ALLOW,
    frozenset([False]): Answer.DENY,
    frozenset([True, False]): Answer.UNDEFINED,
}


@dataclass
class Comparison:
    """How many worlds and cells were compared, and where the readings differ."""

    worlds: int = 0
    cells: int = 0
    differences: int = 0
    first: str = ""

    def compare(
        self, snapshot: Snapshot, flows: Iterable[tuple[str, str]], questions: Sequence[Question] = (HTTP,)
    ) -> None:
        """Ask for flows (ids of pods, or ``OUTSIDE``) in one world."""
        self.worlds += 1
        oracle = Oracle(snapshot, [AddressRange.of(OUTSIDE)])
        ends: dict[str, PodState | str] = {OUTSIDE: OUTSIDE, **{each.id: each for each in snapshot.pods}}
        for asked in questions:
            table = oracle.table(asked)
            for source, destination in flows:
                self.cells += 1
                version = 4 if asked.family is Family.IPV4 else 6
                connection = Connection(
                    snapshot, ends[source], ends[destination], asked.port, str(asked.protocol), version
                )
                expected = _ANSWERS[frozenset(outcomes(connection))]
                index = oracle.universe.index
                found = table.answer(index[source], index[destination])
                decided = oracle.decide(source, destination, asked).answer
                if not found is decided is expected:
                    self.differences += 1
                    self.first = (
                        self.first or f"{snapshot}\n{asked} {source} -> {destination}: {expected=} {found=} {decided=}"
                    )

    def must_agree(self, worlds: int, cells: int) -> None:
        """The sizes are stated, so that nobody halves a vocabulary unnoticed."""
        assert not self.differences, f"{self.differences} of {self.cells} cells differ; the first:\n{self.first}"
        assert (self.worlds, self.cells) == (worlds, cells)


def world(*pods: PodState, blue: dict[str, str] | None = None) -> Snapshot:
    """Two namespaces, ``a`` without labels of its own and ``b`` with those given, and no policies yet."""
    return Snapshot({"a": {NAME_LABEL: "a"}, "b": {**(blue or {}), NAME_LABEL: "b"}}, pods)


def with_policies(snapshot: Snapshot, *policies: Object) -> Snapshot:
    """The same cluster with policies."""
    return replace(snapshot, policies=policies)


# --- whom peers mean -----------------------------------------------------------------------------------------------

VALUES: tuple[dict[str, str], ...] = ({}, {"app": "web"}, {"app": ""})
SELECTORS: tuple[Object, ...] = (
    {},
    labels(app="web"),
    labels(app=""),
    expression("app", "In", "web", ""),
    expression("app", "NotIn", "web"),
    expression("app", "Exists"),
    expression("app", "DoesNotExist"),
)


def test_every_peer_against_every_labelling() -> None:
    """7 selectors as podSelector, as namespaceSelector, and 49 pairs as both, in either direction; labels of a pod of
    the policy's namespace, of a pod of another one, and of that namespace out of 3 each: 126 policies x 27 clusters."""
    comparison = Comparison()
    clusters = [
        world(pod("a/target"), pod("a/near", labels=near), pod("b/far", labels=far), blue=blue)
        for near, far, blue in product(VALUES, repeat=3)
    ]
    peers: list[Object] = [{"podSelector": selector} for selector in SELECTORS]
    peers += [{"namespaceSelector": selector} for selector in SELECTORS]
    peers += [{"podSelector": pods, "namespaceSelector": spaces} for pods, spaces in product(SELECTORS, repeat=2)]
    for peer, snapshot in product(peers, clusters):
        into = network_policy(ingress=[{"from": [peer]}], policyTypes=["Ingress"])
        comparison.compare(with_policies(snapshot, into), [("a/near", "a/target"), ("b/far", "a/target")])
        out = network_policy(egress=[{"to": [peer]}], policyTypes=["Egress"])
        comparison.compare(with_policies(snapshot, out), [("a/target", "a/near"), ("a/target", "b/far")])
    comparison.must_agree(worlds=3402, cells=6804)


# --- whom and what a policy is for ---------------------------------------------------------------------------------

RULES: tuple[Object | None, ...] = (None, {"rules": []}, {"rules": [{}]}, {"rules": [{"ports": [{"port": 81}]}]})
TYPES: tuple[list[str] | None, ...] = (None, [], ["Ingress"], ["Egress"], ["Ingress", "Egress"], ["Egress", "Ingress"])


def sections(ingress: Object | None, egress: Object | None, types: list[str] | None) -> Object:
    """A spec's sections, of which None is absent."""
    given = {"ingress": ingress and ingress["rules"], "egress": egress and egress["rules"], "policyTypes": types}
    return {key: value for key, value in given.items() if value is not None}


def test_every_subject_policy_type_and_section() -> None:
    """A policy with one of 7 podSelectors or none, 6 policyTypes, and each section absent, empty, of a rule for
    everything, or of one for another port: 768; labels of a pod of its namespace and of another one out of 3 each: 9
    clusters."""
    comparison = Comparison()
    clusters = [world(pod("a/one", labels=one), pod("b/two", labels=two)) for one, two in product(VALUES, repeat=2)]
    flows = [("a/one", "b/two"), ("b/two", "a/one"), ("a/one", OUTSIDE), (OUTSIDE, "a/one")]
    specs = [sections(*each) for each in product(RULES, RULES, TYPES)]
    for spec, selector, snapshot in product(specs, (*SELECTORS, None), clusters):
        comparison.compare(with_policies(snapshot, network_policy(spec={**spec, "podSelector": selector})), flows)
    comparison.must_agree(worlds=6912, cells=27648)


# --- ports ---------------------------------------------------------------------------------------------------------

PORTS: tuple[Object, ...] = (
    {}, {"port": 80}, {"port": 81}, {"port": "http"}, {"port": "other"}, {"port": 80, "endPort": 80},
    {"port": 80, "endPort": 81}, {"port": 81, "endPort": 90}, {"port": 1, "endPort": 65535},
)  # fmt: skip
SERVED: tuple[tuple[str, ...], ...] = ((), ("80/TCP=http",), ("81/TCP=http", "80/UDP=other"), ("80/UDP=http", "80/TCP"))


def with_protocols(ports: Iterable[Object]) -> Iterator[Object]:
    for each, protocol in product(ports, (None, "TCP", "UDP", "SCTP")):
        yield each if protocol is None else {**each, "protocol": protocol}


def test_every_port_and_every_pair_of_ports() -> None:
    """9 ports x 4 protocols, alone, together with each of 4 others, absent and empty, in either direction; 4 sets of
    served ports: 182 rules x 2 x 4 worlds, and to each 9 questions (3 numbers over 3 protocols)."""
    comparison = Comparison()
    questions = [Question(number, protocol) for number in (80, 81, 91) for protocol in Protocol]
    single = list(with_protocols(PORTS))
    rules: list[Object] = [{}, {"ports": []}, *({"ports": [each]} for each in single)]
    rules += [{"ports": [one, two]} for one, two in product(single, single[4:8])]
    for rule, served in product(rules, SERVED):
        snapshot = world(pod("a/server", *served), pod("b/client", "81/TCP=http", "80/TCP=other"))
        flows = [("b/client", "a/server")]
        into = network_policy("a", ingress=[rule])
        comparison.compare(with_policies(snapshot, into), flows, questions)
        out = network_policy("b", policyTypes=["Egress"], egress=[rule])
        comparison.compare(with_policies(snapshot, out), flows, questions)
    comparison.must_agree(worlds=1456, cells=13104)


# --- blocks --------------------------------------------------------------------------------------------------------


def blocks() -> list[Object]:
    """All blocks in 10.0.0.0/30, and the whole of IPv4, each with up to two different excepts out of its own parts."""
    parts = ["10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/31", *(f"10.0.0.{n}/32" for n in range(4))]
    inside = {
        "0.0.0.0/0": parts,
        "10.0.0.0/30": parts[1:],
        "10.0.0.0/31": parts[3:5],
        "10.0.0.2/31": parts[5:],
        **{part: [] for part in parts[3:]},
    }
    holes = ((cidr, chain.from_iterable(combinations(within, n) for n in range(3))) for cidr, within in inside.items())
    return [block("::/0"), *(block(cidr, *excepts) for cidr, all_of_them in holes for excepts in all_of_them)]


def test_every_block_and_every_pair_of_blocks() -> None:
    """64 blocks alone, in a rule of either direction, and all pairs of them, for ingress: 2,144 policies. Two of the
    four addresses of 10.0.0.0/30 are pods, one of which is the subject, and one is outside."""
    comparison = Comparison()
    snapshot = world(pod("a/target", at="10.0.0.1"), pod("b/other", at="10.0.0.2"))
    single = blocks()
    for peers in chain(combinations(single, 1), combinations(single, 2)):
        into = network_policy(ingress=[{"from": [*peers]}])
        comparison.compare(with_policies(snapshot, into), [("b/other", "a/target"), (OUTSIDE, "a/target")])
    for peer in single:
        out = network_policy(policyTypes=["Egress"], egress=[{"to": [peer]}])
        comparison.compare(with_policies(snapshot, out), [("a/target", "b/other"), ("a/target", OUTSIDE)])
    comparison.must_agree(worlds=2144, cells=4288)


# --- several policies ----------------------------------------------------------------------------------------------


def test_every_pair_of_network_policies() -> None:
    """Policies of 2 namespaces with 2 podSelectors, for ingress, egress or both, with no rule, one for everything, for
    pods of the own namespace, for the other namespace or for addresses: 60 policies, all pairs, one and the same
    included: 1,830 worlds of three pods."""
    comparison = Comparison()
    peers: tuple[list[Object], ...] = (
        [], [{}], [{"podSelector": {}}], [{"namespaceSelector": IN_B}], [block("10.0.0.2/31")],
    )  # fmt: skip
    specs: list[Object] = []
    for peer in peers:
        into = [{"from": peer}] if peer != [{}] else [{}]
        out = [{"to": peer}] if peer != [{}] else [{}]
        specs.append({"policyTypes": ["Ingress"], "ingress": into if peer else []})
        specs.append({"policyTypes": ["Egress"], "egress": out if peer else []})
        specs.append({"ingress": into if peer else [], "egress": out})
    policies = [
        network_policy(namespace, spec={**spec, "podSelector": selector})
        for namespace, selector, spec in product(("a", "b"), ({}, labels(app="web")), specs)
    ]
    snapshot = world(
        pod("a/web", at="10.0.0.1", app="web"), pod("a/db", at="10.0.0.2"), pod("b/web", at="10.0.1.1", app="web")
    )
    flows = [
        ("a/web", "a/db"), ("a/db", "a/web"), ("a/web", "b/web"), ("b/web", "a/web"),
        (OUTSIDE, "a/web"), ("a/web", OUTSIDE),
    ]  # fmt: skip
    for one, two in combinations_with_replacement(policies, 2):
        named = {**two, "metadata": {**two["metadata"], "name": "second"}}
        comparison.compare(with_policies(snapshot, one, named), flows)
    comparison.must_agree(worlds=1830, cells=10980)


# --- tiers ---------------------------------------------------------------------------------------------------------

CLUSTER_PEERS: tuple[Object, ...] = (
    {"namespaces": {}},
    {"namespaces": IN_B},
    {"pods": {"namespaceSelector": {}, "podSelector": labels(app="web")}},
)
ISOLATING: tuple[tuple[Object, ...], ...] = (
    (),
    (network_policy(policyTypes=["Ingress", "Egress"]),),
    (
        network_policy(
            ingress=[{"from": [{"podSelector": {}}]}],
            egress=[{"to": [{"podSelector": {}}]}],
        ),
    ),
)
TIERS = world(pod("a/target", at="10.0.0.1"), pod("a/web", at="10.0.0.2", app="web"), pod("b/other", at="10.0.1.1"))


def cluster_rules(direction: str) -> list[Object]:
    """3 actions for 3 sets of pods, and for egress a block."""
    peers = (*CLUSTER_PEERS, *([{"networks": ["10.0.0.2/31"]}] if direction == "egress" else []))
    field = "to" if direction == "egress" else "from"
    return [{"action": action, field: [peer]} for action, peer in product(("Accept", "Deny", "Pass"), peers)]


def cluster_flows(direction: str) -> list[tuple[str, str]]:
    others = ("a/web", "b/other", OUTSIDE)
    return [("a/target", each) if direction == "egress" else (each, "a/target") for each in others]


SUBJECT = {"pods": {"namespaceSelector": IN_A, "podSelector": expression("app", "DoesNotExist")}}


def test_every_pair_of_cluster_network_policies_with_and_without_network_policies() -> None:
    """2 tiers x 2 priorities x 9 rules for ingress: 36 policies, all pairs, one and the same included: 666 pairs, with
    no NetworkPolicy, one that isolates and one that allows a part."""
    comparison = Comparison()
    policies = [
        cluster_policy(tier, priority, ingress=[rule], subject=SUBJECT)
        for tier, priority, rule in product(("Admin", "Baseline"), (0, 1), cluster_rules("ingress"))
    ]
    for (one, two), isolating in product(combinations_with_replacement(policies, 2), ISOLATING):
        named = {**two, "metadata": {"name": "second"}}
        comparison.compare(with_policies(TIERS, one, named, *isolating), cluster_flows("ingress"))
    comparison.must_agree(worlds=1998, cells=5994)


def test_every_pair_of_rules_in_order() -> None:
    """Two rules of one policy in either tier: 81 for ingress and 144 for egress, with 3 sets of NetworkPolicies."""
    comparison = Comparison()
    for direction in ("ingress", "egress"):
        pairs = product(cluster_rules(direction), repeat=2)
        for rules, tier, isolating in product(pairs, ("Admin", "Baseline"), ISOLATING):
            policy = cluster_policy(tier, spec={"subject": SUBJECT, direction: [*rules]})
            comparison.compare(with_policies(TIERS, policy, *isolating), cluster_flows(direction))
    comparison.must_agree(worlds=1350, cells=4050)


def test_every_way_through_the_three_tiers() -> None:
    """One of 12 rules for each direction, or none, in the Admin tier, the same in Baseline, and 3 sets of
    NetworkPolicies: 13 x 13 x 3."""
    comparison = Comparison()
    into = [*cluster_rules("ingress"), *cluster_rules("ingress")[:3]]
    rules = [None, *zip(into, cluster_rules("egress"), strict=True)]
    flows = [*cluster_flows("ingress"), *cluster_flows("egress")]
    for admin, baseline, isolating in product(rules, rules, ISOLATING):
        policies = [
            cluster_policy(tier, name=tier.lower(), subject=SUBJECT, ingress=[rule[0]], egress=[rule[1]])
            for tier, rule in (("Admin", admin), ("Baseline", baseline))
            if rule is not None
        ]
        comparison.compare(with_policies(TIERS, *policies, *isolating), flows)
    comparison.must_agree(worlds=507, cells=3042)


def test_every_port_of_a_cluster_network_policy() -> None:
    """Numbers, ranges and names over 3 protocols, alone and in pairs, in either direction; 4 sets of served ports."""
    comparison = Comparison()
    ports = ({"number": 80}, {"number": 81}, {"range": {"start": 80, "end": 81}}, {"range": {"start": 1, "end": 79}})
    items: list[Object] = [
        {protocol: {"destinationPort": port}} for protocol, port in product(("tcp", "udp", "sctp"), ports)
    ]
    items += [{"destinationNamedPort": name} for name in ("http", "other")]
    questions = [Question(number, protocol) for number in (79, 80, 81) for protocol in Protocol]
    lists = [[], *([one] for one in items), *([one, two] for one, two in combinations(items, 2))]
    for protocols, served, direction in product(lists, SERVED, ("ingress", "egress")):
        rule: Object = {"action": "Deny", "from" if direction == "ingress" else "to": [{"namespaces": {}}]}
        policy = cluster_policy(spec={direction: [{**rule, **({"protocols": protocols} if protocols else {})}]})
        snapshot = world(pod("a/server", *served), pod("b/client", "81/TCP=http", "80/TCP=other"))
        comparison.compare(with_policies(snapshot, policy), [("b/client", "a/server")], questions)
    comparison.must_agree(worlds=848, cells=7632)
