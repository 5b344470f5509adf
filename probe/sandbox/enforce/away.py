"""What a node's kernel holds while its enforcer is away: restarted, upgraded, or dead.

Network plugins differ here, and most leaks and outages of an upgrade come of it. Three ways are known of real ones:
rules that are nobody's process stay in the kernel; rules (or programs) are taken away with the process that put them
there; or whatever is isolated is cut off until somebody is there to say what may pass.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from probe.sandbox.enforce.compile import Options, compile_node
from probe.sandbox.enforce.ruleset import Ruleset
from probe.sandbox.enforce.view import Action, ClusterPolicy, ClusterRule, ClusterView


class Away(enum.StrEnum):
    """What holds meanwhile. In every mode nothing that changes is followed, and new pods of the node wait."""

    KEEP = "keep"  # the rules as they are
    FAIL_OPEN = "fail-open"  # no policies at all
    FAIL_CLOSED = "fail-closed"  # whatever policies isolate is cut off


@dataclass(frozen=True, slots=True)
class Absence:
    """A node's enforcer was away.

    ``began`` and ``ended`` (unix time) are when the kernel had taken the rules of the absence, and those after it; with
    ``keep``, when the enforcer stopped and had caught up. ``within`` (seconds): the instants may have been that much
    earlier, since the kernel needs a moment to take rules.
    """

    node: str
    mode: Away
    began: float
    ended: float
    within: float

    @property
    def seconds(self) -> float:
        """How long it was away."""
        return self.ended - self.began


def left_behind(view: ClusterView, node: str, options: Options, mode: Away) -> Ruleset | None:
    """The ruleset of an absence; None if it is the one that is there. Services go on as they were in every mode."""
    if mode is Away.KEEP:
        return None
    if mode is Away.FAIL_OPEN:
        return compile_node(view, node, replace(options, policies=False))
    return compile_node(allowing_nothing(view), node, options)


def allowing_nothing(view: ClusterView) -> ClusterView:
    """The view in which policies select what they did, and none of their rules allows anything."""
    policies = (replace(it, ingress=it.ingress and (), egress=it.egress and ()) for it in view.policies)
    return replace(view, policies=tuple(policies), cluster_policies=tuple(map(_denying, view.cluster_policies)))


def _denying(policy: ClusterPolicy) -> ClusterPolicy:
    def denied(rules: tuple[ClusterRule, ...]) -> tuple[ClusterRule, ...]:
        return tuple(replace(it, action=Action.DENY) if it.action is Action.ALLOW else it for it in rules)

    return replace(policy, ingress=denied(policy.ingress), egress=denied(policy.egress))
