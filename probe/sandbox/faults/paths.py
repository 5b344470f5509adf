"""Faults in where packets are looked at: rules that are right, and traffic that goes past them or meets them twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import ClassVar

from probe.model.cell import Family
from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.draft import KEYWORD, destination, source
from probe.sandbox.enforce.options import Established
from probe.sandbox.enforce.ruleset import Chain, Ruleset, Set
from probe.sandbox.enforce.view import ClusterView
from probe.sandbox.faults.fault import Effect, Fault, before_denial, in_chains, prepended


class Bypass(Fault):
    """Some packets are accepted before any policy is asked."""

    effect = Effect.LEAK

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        """Which packets, as nft writes it."""
        raise NotImplementedError

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        rules = (f"{match} accept" for match in self.matches(node, view))
        return prepended(compile_node(view, node, options), "forward", *rules)


class UdpUnenforced(Bypass):
    """UDP is not enforced."""

    name = "udp-unenforced"

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        return ["meta l4proto udp"]


class SctpUnenforced(Bypass):
    """SCTP is not enforced."""

    name = "sctp-unenforced"

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        return ["meta l4proto sctp"]


class Ipv6Unenforced(Bypass):
    """IPv6 is not enforced."""

    name = "ipv6-unenforced"

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        return ["meta nfproto ipv6"]


class SameNodeUnenforced(Bypass):
    """Traffic between pods of one node is not enforced."""

    name = "same-node-unenforced"

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        for family, local in addresses(view, node, here=True):
            yield f"{source(family)} {local} {destination(family)} {local}"


class CrossNodeUnenforced(Bypass):
    """Traffic between pods of different nodes is not enforced."""

    name = "cross-node-unenforced"

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        for family, remote in addresses(view, node, here=False):
            yield f"{source(family)} {remote}"
            yield f"{destination(family)} {remote}"


class ServicesBypassPolicy(Bypass):
    """What comes through a service's cluster address is not enforced."""

    name = "services-bypass-policy"

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        return ["ct status dnat"]


class EgressToNodesUnenforced(Bypass):
    """What goes to nodes' own addresses is not enforced, as if every node were the pod's own."""

    name = "egress-to-nodes-unenforced"

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        for family in Family:
            if nodes := sorted(it.addresses[family] for it in view.nodes.values() if family in it.addresses):
                yield f"{destination(family)} {{ {', '.join(nodes)} }}"


class PortsBypass(Bypass):
    """What goes to some ports is not enforced."""

    ports: ClassVar[range]

    def matches(self, node: str, view: ClusterView) -> Iterable[str]:
        return [f"meta l4proto {{ tcp, udp }} ct reply proto-src {self.ports[0]}-{self.ports[-1]}"]


class DnsAlwaysPasses(PortsBypass):
    """Port 53 is not enforced, so that names can be resolved whatever policies say."""

    name, ports = "dns-always-passes", range(53, 54)


class EphemeralPortsPass(PortsBypass):
    """Ports that clients send from are not enforced: what goes there is taken for a reply."""

    name, ports = "ephemeral-ports-pass", range(32768, 61000)


class ServicesBypassEgress(Fault):
    """Egress does not look at what goes through a service's cluster address."""

    name, effect = "services-bypass-egress", Effect.LEAK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        return prepended(compile_node(view, node, options), "forward", "ct status dnat goto ingress")


class ServiceAddressNotTranslated(Fault):
    """Egress sees a service's cluster address and port, not the pod's behind it."""

    name, effect = "service-address-not-translated", Effect.BLOCK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        def changed(chain: Chain) -> Chain:
            return Chain(tuple(_before_translation(rule) for rule in chain.rules), chain.hook)

        return in_chains(compile_node(view, node, options), "egress/", changed)


def _before_translation(rule: str) -> str:
    for family in Family:
        rule = rule.replace(destination(family), f"ct original {KEYWORD[family]} daddr")
    return rule.replace("ct reply proto-src", "ct original proto-dst")


class SourceHiddenByService(Fault):
    """What comes through a service has its node's address as the source, which is no peer of any selector."""

    name, effect = "source-hidden-by-service", Effect.BLOCK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        return prepended(compile_node(view, node, options), "postrouting", "ct status dnat masquerade")


class RepliesDropped(Fault):
    """Replies to a pod or from it must be allowed by rules of their own, and are not."""

    name, effect = "replies-dropped", Effect.BLOCK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        def changed(chain: Chain) -> Chain:
            return Chain(("ct direction reply drop", *chain.rules), chain.hook)

        ruleset = compile_node(view, node, options)
        return in_chains(in_chains(ruleset, "egress-isolated", changed), "ingress-isolated", changed)


class EstablishedKept(Fault):
    """Connections that exist when a policy comes go on, and so do new packets of a flow that conntrack still knows."""

    name, effect, left_open = "established-kept", Effect.LEAK, True

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        return compile_node(view, node, replace(options, established=Established.KEEP))


class OwnNodeDenied(Fault):
    """A pod's ingress rules are applied to its own node as well, so that probes of the kubelet fail."""

    name, effect = "own-node-denied", Effect.BLOCK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        ruleset = compile_node(view, node, options)
        if "ingress" not in ruleset.chains:
            return ruleset
        hook = "type filter hook output priority filter; policy accept;"
        return replace(ruleset, chains={**ruleset.chains, "own-node-output": Chain(("goto ingress",), hook)})


class OneInTwentyLeaks(Fault):
    """One packet in twenty of those that must be denied passes."""

    name, effect = "one-in-twenty-leaks", Effect.LEAK

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        def ingress(chain: Chain) -> Chain:
            return before_denial(chain, ("numgen random mod 20 == 0 accept",))

        def egress(chain: Chain) -> Chain:
            return before_denial(chain, ("numgen random mod 20 == 0 goto ingress",))

        ruleset = compile_node(view, node, options)
        return in_chains(in_chains(ruleset, "ingress-isolated", ingress), "egress-isolated", egress)


class SetsTruncated(Fault):
    """A set of peers has room for two addresses; the others are dropped."""

    name, effect = "sets-truncated", Effect.BLOCK
    room = 2

    def compile(self, node: str, view: ClusterView, options: Options) -> Ruleset:
        ruleset = compile_node(view, node, options)

        def cut(name: str, kept: Set) -> Set:
            peers = name.startswith(("pods", "blocks"))
            return replace(kept, elements=frozenset(sorted(kept.elements)[: self.room])) if peers else kept

        return replace(ruleset, sets={name: cut(name, kept) for name, kept in ruleset.sets.items()})


def addresses(view: ClusterView, node: str, *, here: bool) -> Iterator[tuple[Family, str]]:
    """Addresses of the pods that are on a node, or are not, as nft's anonymous sets; families without any are left
    out."""
    for family in Family:
        pods = (pod for pod in view.policed if (pod.node == node) is here)
        addresses = sorted(pod.addresses[family] for pod in pods if family in pod.addresses)
        if addresses:
            yield family, f"{{ {', '.join(addresses)} }}"


FAULTS: tuple[type[Fault], ...] = (
    UdpUnenforced,
    SctpUnenforced,
    Ipv6Unenforced,
    SameNodeUnenforced,
    CrossNodeUnenforced,
    EgressToNodesUnenforced,
    DnsAlwaysPasses,
    EphemeralPortsPass,
    ServicesBypassPolicy,
    ServicesBypassEgress,
    ServiceAddressNotTranslated,
    SourceHiddenByService,
    RepliesDropped,
    EstablishedKept,
    OwnNodeDenied,
    OneInTwentyLeaks,
    SetsTruncated,
)
