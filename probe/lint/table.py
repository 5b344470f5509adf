"""All rules: how they are called, how bad it is what they find, and what it means. Examples: docs/lint.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from probe.lint.context import Context
from probe.lint.finding import Found, Level
from probe.lint.rules.coverage import egress_without_dns, no_default_deny
from probe.lint.rules.order import equal_priority, shadowed_rule
from probe.lint.rules.peers import (
    allow_from_everywhere,
    and_instead_of_or,
    ip_block_in_pod_range,
    or_instead_of_and,
)
from probe.lint.rules.ports import end_port_without_effect, named_port_unserved
from probe.lint.rules.redundancy import except_undone, redundant_peer, redundant_port, redundant_rule
from probe.lint.rules.sections import ignored_section, swapped_section
from probe.lint.rules.selection import label_near_miss, no_pods_in_namespace, peer_matches_nothing, selects_nothing
from probe.lint.rules.services import service_selects_nothing, service_target_unserved

Check: TypeAlias = Callable[[Context], Iterator[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``level`` is what most findings have; ``check`` may say otherwise of single ones."""

    id: str
    level: Level
    summary: str
    check: Check


def _none(context: Context) -> Iterator[Found]:
    """What reading the manifests, or the comments, finds by itself."""
    return iter(())


INVALID: Final = Rule(
    "invalid", Level.ERROR, "The API server would refuse the object, so that it has no effect at all.", _none
)
UNKNOWN_IGNORE: Final = Rule(
    "unknown-ignore", Level.WARNING, "A comment asks to ignore a rule that there is not.", _none
)

RULES: Final = (
    INVALID,
    Rule("swapped-section", Level.ERROR, "Rules stand in the section that policyTypes does not list.", swapped_section),
    Rule("ignored-section", Level.WARNING, "A section has no effect: policyTypes does not list it.", ignored_section),
    Rule("selects-nothing", Level.WARNING, "The policy selects no pod.", selects_nothing),
    Rule("no-pods-in-namespace", Level.INFO, "The policy lies in a namespace without pods.", no_pods_in_namespace),
    Rule("peer-matches-nothing", Level.WARNING, "A peer means no pod, or no node.", peer_matches_nothing),
    Rule("label-near-miss", Level.WARNING, "A label is spelt almost as one that is in use.", label_near_miss),
    Rule("and-instead-of-or", Level.WARNING, "Nobody meets both selectors of a peer, though both are met apart.",
         and_instead_of_or),
    Rule("or-instead-of-and", Level.WARNING, "A dash makes two peers of what was probably meant as one.",
         or_instead_of_and),
    Rule("named-port-unserved", Level.WARNING, "Nobody serves a port of that name and protocol.", named_port_unserved),
    Rule("end-port-without-effect", Level.INFO, "A range of ports ends where it begins.", end_port_without_effect),
    Rule("redundant-peer", Level.INFO, "Another peer of the rule means all of this one, too.", redundant_peer),
    Rule("redundant-port", Level.INFO, "Another port of the rule means this one, too, or ranges overlap.",
         redundant_port),
    Rule("redundant-rule", Level.INFO, "Another rule of the policy allows all of this already.", redundant_rule),
    Rule("except-undone", Level.WARNING, "A wider block allows what an except leaves out.", except_undone),
    Rule("shadowed-rule", Level.WARNING, "An earlier rule decides all that this one matches.", shadowed_rule),
    Rule("equal-priority", Level.WARNING, "Which of two policies is asked first is undefined.", equal_priority),
    Rule("allow-from-everywhere", Level.INFO, "A rule accepts traffic from everywhere, on any port (warning) or some.",
         allow_from_everywhere),
    Rule("no-default-deny", Level.WARNING, "Pods of the namespace are selected by no policy for ingress.",
         no_default_deny),
    Rule("egress-without-dns", Level.WARNING, "Pods may connect to others, but not ask a name server for them.",
         egress_without_dns),
    Rule("ip-block-in-pod-range", Level.WARNING, "Pods are meant by their addresses.", ip_block_in_pod_range),
    Rule("service-selects-nothing", Level.WARNING, "A service leads to no pod.", service_selects_nothing),
    Rule("service-target-unserved", Level.WARNING, "No pod behind a service has its target port.",
         service_target_unserved),
    UNKNOWN_IGNORE,
)  # fmt: skip
"""In the order in which docs/lint.md has them."""

BY_ID: Final = {rule.id: rule for rule in RULES}
