"""Faults in what a plugin does not understand: an entry, its policy, or all that comes after is dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from probe.model.cell import Protocol
from probe.sandbox.enforce.view import FINISHED, ClusterView, Policy, PortMatch, Rule
from probe.sandbox.faults.fault import Effect, Fault, with_policies, with_ports

T = TypeVar("T")


class _Refused(Fault):
    """A policy with an entry of some kind is not enforced at all."""

    effect = Effect.LEAK

    def is_unreadable(self, port: PortMatch) -> bool:
        """Whether that is such an entry."""
        raise NotImplementedError

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_policies(view, lambda policy: None if any(map(self.is_unreadable, _ports(policy))) else policy)


class ProtocolOnlyRefusesPolicy(_Refused):
    """A policy that has an entry with a protocol and no port is not enforced."""

    name = "protocol-only-refuses-policy"

    def is_unreadable(self, port: PortMatch) -> bool:
        return port.port is None


class SctpRefusesPolicy(_Refused):
    """A policy that speaks of SCTP is not enforced."""

    name = "sctp-refuses-policy"

    def is_unreadable(self, port: PortMatch) -> bool:
        return port.protocol is Protocol.SCTP


class SctpAsTcp(Fault):
    """An SCTP port is compiled as a TCP port."""

    name, effect = "sctp-as-tcp", Effect.BOTH

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def changed(port: PortMatch) -> Iterable[PortMatch]:
            return [replace(port, protocol=Protocol.TCP) if port.protocol is Protocol.SCTP else port]

        return with_ports(view, changed)


class _Freezes(Fault):
    """After something has been seen, no later change of policies is followed (a loop that died)."""

    effect = Effect.BOTH

    def __init__(self) -> None:
        self._frozen: dict[str, tuple[Policy, ...]] = {}

    def is_the_end(self, view: ClusterView) -> bool:
        """Whether it has been seen."""
        raise NotImplementedError

    def see(self, node: str, view: ClusterView) -> ClusterView:
        if node not in self._frozen and self.is_the_end(view):
            self._frozen[node] = view.policies
        return replace(view, policies=self._frozen.get(node, view.policies))


class OnePolicyFreezesTheRest(_Freezes):
    """After a policy with an ``except`` has been seen, no later change of policies is followed (a loop that died)."""

    name = "one-policy-freezes-the-rest"

    def is_the_end(self, view: ClusterView) -> bool:
        return any(_has_except(policy) for policy in view.policies)


class FinishedPodFreezesTheRest(_Freezes):
    """After a completed pod has been seen, no later change of policies is followed (a loop that died)."""

    name = "finished-pod-freezes-the-rest"

    def is_the_end(self, view: ClusterView) -> bool:
        return any(pod.phase in FINISHED for pod in view.pods)


def _has_except(policy: Policy) -> bool:
    return any(getattr(peer, "excepts", ()) for peer in _each(policy, lambda rule: rule.peers))


def _ports(policy: Policy) -> Iterable[PortMatch]:
    return _each(policy, lambda rule: rule.ports)


def _each(policy: Policy, of: Callable[[Rule], tuple[T, ...] | None]) -> Iterable[T]:
    rules = (*(policy.ingress or ()), *(policy.egress or ()))
    return (each for rule in rules for each in of(rule) or ())


FAULTS: tuple[type[Fault], ...] = (
    ProtocolOnlyRefusesPolicy,
    SctpRefusesPolicy,
    SctpAsTcp,
    OnePolicyFreezesTheRest,
    FinishedPodFreezesTheRest,
)
