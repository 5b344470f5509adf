"""Faults in what is looked up once, or found to be the same as before: it is not looked at again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from probe.model.cell import Protocol
from probe.sandbox.enforce.selectors import Operator, Selector
from probe.sandbox.enforce.view import ClusterView, Policy
from probe.sandbox.faults.fault import Effect, Fault, with_pods, with_policies, with_selectors


class NamedPortNumbersKept(Fault):
    """A pod that is created again under its name is taken to have the same numbers behind its ports' names."""

    name, effect = "named-port-numbers-kept", Effect.BOTH

    def __init__(self) -> None:
        self._ports: dict[tuple[str, str], Mapping[tuple[str, Protocol], int]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        return with_pods(
            view, lambda pod: replace(pod, ports=self._ports.setdefault((pod.namespace, pod.name), pod.ports))
        )


class OperatorEditsIgnored(Fault):
    """An edit that changes an expression's operator alone is not noticed."""

    name, effect = "operator-edits-ignored", Effect.BOTH

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], tuple[Policy, Policy]] = {}

    def see(self, node: str, view: ClusterView) -> ClusterView:
        def without_operators(selector: Selector) -> Selector:
            return Selector(tuple(replace(it, operator=Operator.EXISTS) for it in selector.requirements))

        looked_at = with_selectors(view, without_operators).policies
        keys = [(node, policy.namespace, policy.name) for policy in view.policies]
        self._seen = {key: pair for key, pair in self._seen.items() if key[0] != node or key in keys}
        for key, policy, bare in zip(keys, view.policies, looked_at, strict=True):
            if key not in self._seen or self._seen[key][1] != bare:
                self._seen[key] = policy, bare
        return with_policies(view, lambda policy: self._seen[node, policy.namespace, policy.name][0])


FAULTS: tuple[type[Fault], ...] = (NamedPortNumbersKept, OperatorEditsIgnored)
