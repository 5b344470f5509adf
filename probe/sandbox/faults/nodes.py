"""Faults in what one node knows of another, in what comes from nodes, and in what belongs to no new connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from probe.model.cell import Family
from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.controller import NodeRules
from probe.sandbox.enforce.direction import ALLOW, Direction
from probe.sandbox.enforce.draft import ADDRESS_TYPE, KEYWORD
from probe.sandbox.enforce.ruleset import Chain, Ruleset, Set
from probe.sandbox.enforce.view import ClusterView
from probe.sandbox.faults.fault import Effect, Fault, before_denial, in_chains, prepended
from probe.sandbox.faults.paths import Bypass, addresses


class PeersOfOwnNodeOnly(Fault):
    """A node's peer sets have the pods of that node alone: what comes from others, or goes to them, is nobody's."""

    name, effect = "peers-of-own-node-only", Effect.BLOCK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        local = {it for pod in view.policed if pod.node == node for it in pod.addresses.values()}
        return _with_sets(compile_node(view, node, options), "pods", lambda it: it & local)


class Ipv6PeersMissing(Fault):
    """Of a pod's addresses only the first is put into sets of peers: over IPv6 nobody is a peer."""

    name, effect = "ipv6-peers-missing", Effect.BLOCK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        first = {next(iter(pod.addresses.values())) for pod in view.policed}
        return _with_sets(compile_node(view, node, options), "pods", lambda it: it & first)


class SameNodeServicesUnenforced(Bypass):
    """What comes through a service to a pod of the same node is not enforced."""

    name = "same-node-services-unenforced"

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        for family, local in addresses(view, node, here=True):
            ip = KEYWORD[family]
            yield f"ct status dnat ct original {ip} saddr {local} ct reply {ip} saddr {local}"


class NodePortsUnenforced(Bypass):
    """What comes through a node port is not enforced, as if it were the node's own."""

    name, left_open = "node-ports-unenforced", True

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        for family, own in _nodes_own(view):
            yield f"ct status dnat ct original {family} daddr {own}"


class OtherNodesUnenforced(Bypass):
    """What comes from a node is not enforced, be it the pod's own node or another."""

    name, left_open = "other-nodes-unenforced", True

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        for family, own in _nodes_own(view):
            yield f"ct original {family} saddr {own}"


class HairpinDenied(Fault):
    """A pod is no peer of itself: what it sends itself through a service must be allowed by a rule."""

    name, effect, left_open = "hairpin-denied", Effect.BLOCK, True

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        def changed(chain: Chain) -> Chain:
            return Chain(tuple(rule for rule in chain.rules if "@hairpins" not in rule), chain.hook)

        ruleset = compile_node(view, node, options)
        return in_chains(in_chains(ruleset, "forward", changed), "egress-others", changed)


class IcmpErrorsDropped(Fault):
    """ICMP errors about a connection must be allowed by rules of their own, and are not."""

    name, effect, left_open = "icmp-errors-dropped", Effect.BLOCK, True

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        return prepended(compile_node(view, node, options), "forward", "ct state related drop")


class RetransmissionsPass(Fault):
    """A packet that is denied leaves a trace, by which the same packet passes when it is sent again."""

    name, effect = "retransmissions-pass", Effect.LEAK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        ruleset = compile_node(view, node, options)
        for family in Family:
            ip, address = KEYWORD[family], ADDRESS_TYPE[family]
            ends = (
                f"ct original {ip} saddr",
                f"ct original {ip} daddr",
                "ct original proto-src",
                "ct original proto-dst",
            )
            flow = " . ".join(ends)
            kind = f"{address} . {address} . inet_service . inet_service"
            seen = Set(f"{kind}; flags dynamic,timeout; size 65535; timeout 20s", frozenset())
            ruleset = replace(ruleset, sets={**ruleset.sets, f"seen-{ip}": seen})
            for direction in Direction:
                again = (
                    f"meta l4proto tcp {flow} @seen-{ip} {ALLOW[direction]}",
                    f"meta l4proto tcp add @seen-{ip} {{ {flow} }}",
                )
                ruleset = in_chains(ruleset, f"{direction}-isolated", partial(before_denial, rules=again))
        return ruleset


class ConnectionsCutByChanges(Fault):
    """Whenever rules change, every connection that is open is reset, whatever policies say of it."""

    name, effect = "connections-cut-by-changes", Effect.BLOCK
    seconds = 0.15

    def __init__(self) -> None:
        self._cutting: dict[str, Ruleset] = {}

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        ruleset = compile_node(view, node, options)
        cut = ("ct state established meta l4proto tcp reject with tcp reset", "ct state established drop")
        self._cutting[node] = prepended(ruleset, "forward", *cut)
        return ruleset

    async def install(self, node: str, kernel: NodeRules, ruleset: Ruleset) -> None:
        await kernel.install(self._cutting[node])
        await asyncio.sleep(self.seconds)
        await kernel.install(ruleset)


def _nodes_own(view: ClusterView) -> Iterator[tuple[str, str]]:
    """Of each family that nodes have nft's word for it, and their addresses as an anonymous set."""
    for family in Family:
        own = sorted(it.addresses[family] for it in view.nodes.values() if family in it.addresses)
        if own:
            yield KEYWORD[family], f"{{ {', '.join(own)} }}"


def _with_sets(ruleset: Ruleset, kind: str, change: Callable[[frozenset[str]], frozenset[str]]) -> Ruleset:
    """The ruleset with the elements of every set of a kind changed."""
    changed = {
        name: replace(kept, elements=change(kept.elements)) if name.startswith(kind) else kept
        for name, kept in ruleset.sets.items()
    }
    return replace(ruleset, sets=changed)


FAULTS: tuple[type[Fault], ...] = (
    PeersOfOwnNodeOnly,
    Ipv6PeersMissing,
    SameNodeServicesUnenforced,
    NodePortsUnenforced,
    OtherNodesUnenforced,
    HairpinDenied,
    IcmpErrorsDropped,
    RetransmissionsPass,
    ConnectionsCutByChanges,
)
