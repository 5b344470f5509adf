"""Faults in which ports rules mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from probe.model.cell import Protocol
from probe.sandbox.enforce.direction import Direction
from probe.sandbox.enforce.ports import MAX_PORT
from probe.sandbox.enforce.view import ClusterView, Pod, Policy, PortMatch, Rule
from probe.sandbox.faults.fault import Effect, Fault, with_pods, with_policies, with_ports, with_rules


class ProtocolIgnored(Fault):
    """A port's number opens it for every protocol."""

    name, effect = "protocol-ignored", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_ports(view, lambda port: [replace(port, protocol=each) for each in Protocol])


class ProtocolOnlyIgnored(Fault):
    """An entry with a protocol and no port is dropped."""

    name, effect = "protocol-only-ignored", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_ports(view, lambda port: [] if port.port is None else [port])


class ProtocolOnlyAsAny(Fault):
    """An entry with a protocol and no port opens every protocol."""

    name, effect = "protocol-only-as-any", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(rule: Rule, _: Direction) -> Iterable[Rule]:
            bare = any(port.port is None for port in rule.ports or ())
            return [replace(rule, ports=None)] if bare else [rule]

        return with_rules(view, changed)


class EndPortIgnored(Fault):
    """``endPort`` is not looked at: a range is its first port alone."""

    name, effect = "endport-ignored", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_ports(view, lambda port: [replace(port, end=None)])


class EndPortExclusive(Fault):
    """``endPort`` itself is left out of its range."""

    name, effect = "endport-exclusive", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(port: PortMatch) -> Iterable[PortMatch]:
            if port.end is None or not isinstance(port.port, int) or port.end == port.port:
                return [port]
            return [replace(port, end=port.end - 1)]

        return with_ports(view, changed)


class EndPortUnlimited(Fault):
    """A range has no end: it opens every port above its first."""

    name, effect = "endport-unlimited", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_ports(view, lambda port: [port if port.end is None else replace(port, end=MAX_PORT)])


class FirstPortOnly(Fault):
    """Of the ports of a rule only the first counts."""

    name, effect = "first-port-only", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_rules(view, lambda rule, _: [replace(rule, ports=None if rule.ports is None else rule.ports[:1])])


class PortsIgnored(Fault):
    """A rule's ports are not looked at: it opens all of them."""

    name, effect = "ports-ignored", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_rules(view, lambda rule, _: [replace(rule, ports=None)])


class NamedPortIgnored(Fault):
    """An entry that names its port is dropped."""

    name, effect = "named-port-ignored", Effect.BLOCK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_ports(view, lambda port: [] if isinstance(port.port, str) else [port])


class NamedPortOfFirstPod(Fault):
    """A port's name is resolved once for the cluster, by the first pod that has it."""

    name, effect = "named-port-of-first-pod", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(port: PortMatch) -> Iterable[PortMatch]:
            if not isinstance(port.port, str):
                return [port]
            return [replace(port, port=number) for number in numbers_of(port, view.pods)[:1]]

        return with_ports(view, changed)


class NamedPortAsUnion(Fault):
    """A port's name stands for the numbers of all pods that have it, whichever pod is the destination."""

    name, effect = "named-port-as-union", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(port: PortMatch) -> Iterable[PortMatch]:
            if not isinstance(port.port, str):
                return [port]
            return [replace(port, port=number) for number in numbers_of(port, view.pods)]

        return with_ports(view, changed)


class NamedPortOfSource(Fault):
    """For egress a port's name is resolved on the source, whose numbers may be others."""

    name, effect = "named-port-of-source", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(policy: Policy) -> Policy:
            sources = [pod for pod in view.pods if is_selected(policy, pod)]

            def of_source(port: PortMatch) -> Iterable[PortMatch]:
                if not isinstance(port.port, str):
                    return [port]
                return [replace(port, port=number) for number in numbers_of(port, sources)]

            def rule(each: Rule) -> Rule:
                if each.ports is None:
                    return each
                return replace(each, ports=tuple(port for old in each.ports for port in of_source(old)))

            return replace(policy, egress=None if policy.egress is None else tuple(map(rule, policy.egress)))

        return with_policies(view, changed)


class NamedPortOfAnyProtocol(Fault):
    """A port's name is looked up without its protocol."""

    name, effect = "named-port-of-any-protocol", Effect.LEAK

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(pod: Pod) -> Pod:
            every = {(name, each): number for (name, _), number in pod.ports.items() for each in Protocol}
            return replace(pod, ports={**every, **pod.ports})

        return with_pods(view, changed)


def numbers_of(port: PortMatch, pods: Iterable[Pod]) -> list[int]:
    """What pods have behind a port's name, in their order, each number once."""
    numbers = (pod.ports.get((str(port.port), port.protocol)) for pod in pods)
    return list(dict.fromkeys(number for number in numbers if number is not None))


def is_selected(policy: Policy, pod: Pod) -> bool:
    """Whether a policy's subject is a pod."""
    return policy.namespace == pod.namespace and policy.selector.matches(pod.labels)


FAULTS: tuple[type[Fault], ...] = (
    ProtocolIgnored,
    ProtocolOnlyIgnored,
    ProtocolOnlyAsAny,
    EndPortIgnored,
    EndPortExclusive,
    EndPortUnlimited,
    FirstPortOnly,
    PortsIgnored,
    NamedPortIgnored,
    NamedPortOfFirstPod,
    NamedPortAsUnion,
    NamedPortOfSource,
    NamedPortOfAnyProtocol,
)
