"""The order of evaluation: Admin tier, NetworkPolicy, Baseline tier, default.

A subject's side of connections is judged for all peers at once: sets of endpoints go down the tiers, and fall out of
them where a rule decides. As a rule may match only perhaps, an endpoint can have several possible fates; an answer is
one that all of them agree on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from probe.policy.rules import Action, Direction, Policy, PolicyRef, Rule, RuleRef, Tier
from probe.policy.universe import Match

Reading: TypeAlias = Callable[[Rule], Match]
"""Whom a rule matches as the other end of the subject's connections, on the port in question."""

Trace: TypeAlias = Callable[[Tier, RuleRef | None, Match], None]
"""Is told what decides, or may decide, and for whom: the tier and the rule (None: isolation, which needs no rule)."""

_TIERS = tuple(Tier)


def order(policy: Policy) -> tuple[int, int, PolicyRef]:
    """The order in which policies are asked; among equals by name, so that reports are stable."""
    return _TIERS.index(policy.tier), policy.priority, policy.ref


@dataclass(slots=True)
class Fates:
    """What may become of traffic with each endpoint (sets): accepted, denied, or left to what comes next."""

    accept: int = 0
    deny: int = 0
    onward: int = 0

    def add(self, other: Fates) -> None:
        """Take over what may have been decided; where things go on from here stays."""
        self.accept |= other.accept
        self.deny |= other.deny


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One subject's side on one port. ``trace``, if any, is told every possible decision."""

    direction: Direction
    read: Reading
    trace: Trace | None = None

    def judge(self, policies: Sequence[Policy], among: int, home: Match, *, certain: bool) -> Fates:
        """Who of ``among`` may be accepted and who may be denied.

        ``policies`` are those that select the subject for the direction, sorted by ``order``. ``home`` has the address
        of its own node. ``certain``: whether NetworkPolicies surely select it (not on the host's network). What no tier
        decides is accepted: without policies everybody talks to everybody.
        """
        total = Fates(onward=among)
        for tier, group in groupby(policies, key=lambda policy: policy.tier):
            if tier is Tier.NETWORK_POLICY:
                fates = self._isolate([*group], total.onward, home, certain=certain)
            else:
                fates = self._ask_in_order(tier, [*group], total.onward)
            total.add(fates)
            total.onward = fates.onward
        return Fates(total.accept | total.onward, total.deny)

    def _isolate(self, policies: Sequence[Policy], among: int, home: Match, *, certain: bool) -> Fates:
        """NetworkPolicy: the rules of all policies add up; what none of them accepts is denied, and that is final.

        Traffic with the pod's own node is allowed in any case (NetworkPolicySpec.ingress and the documentation of
        ipBlock). The cluster-scoped policies know no such exception.
        """
        accepted = home
        for policy in policies:
            for rule in policy.directions[self.direction]:
                found = self.read(rule)
                accepted |= found
                self._tell(Tier.NETWORK_POLICY, rule.ref, found, among)
        denied = among & ~accepted.sure
        self._tell(Tier.NETWORK_POLICY, None, Match(among & ~accepted.maybe, denied), among)
        return Fates(among & accepted.maybe, denied, 0 if certain else among)

    def _ask_in_order(self, tier: Tier, policies: Sequence[Policy], among: int) -> Fates:
        """A tier of cluster-scoped policies. Of several with the same priority that match, any one may be applied
        (ClusterNetworkPolicySpec.priority)."""
        fates = Fates(onward=0)
        live = among  # not surely decided yet
        for _, equals in groupby(policies, key=lambda policy: policy.priority):
            undecided = live
            for policy in equals:
                found, rest = self._first_match(tier, policy, live)
                fates.add(found)
                fates.onward |= found.onward
                undecided &= rest
            live = undecided
        fates.onward |= live
        return fates

    def _first_match(self, tier: Tier, policy: Policy, live: int) -> tuple[Fates, int]:
        """What a policy's first matching rule does to each, and for whom there may be none."""
        fates = Fates()
        for rule in policy.directions[self.direction]:
            found = self.read(rule)
            hit = live & found.maybe
            match rule.action:
                case Action.ACCEPT:
                    fates.accept |= hit
                case Action.DENY:
                    fates.deny |= hit
                case Action.PASS:
                    fates.onward |= hit
            self._tell(tier, rule.ref, found, live)
            live &= ~found.sure
        return fates, live

    def _tell(self, tier: Tier, rule: RuleRef | None, found: Match, among: int) -> None:
        if self.trace is not None and found.maybe & among:
            self.trace(tier, rule, Match(found.sure & among, found.maybe & among))
