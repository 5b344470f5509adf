"""Missing permissions, each with the rule that grants it."""

from __future__ import annotations

from collections.abc import Sequence

from probe.cluster.permissions import Permission, role_rules
from probe.cluster.preflight.finding import Finding, ok, problem, warning

_CHECK = "permissions"


def judge_permissions(asked: Sequence[Permission], denied: Sequence[Permission], user: str = "") -> list[Finding]:
    """One problem for each resource that lacks verbs; a warning where a run works without."""
    who = user or "this user"
    if not denied:
        return [ok(_CHECK, f"{who} may do all that a run does ({len(asked)} verbs)")]
    findings = []
    required = [permission for permission in denied if not permission.optional]
    optional = [permission for permission in denied if permission.optional]
    for rule, say in [(rule, problem) for rule in role_rules(required)] + [
        (rule, warning) for rule in role_rules(optional)
    ]:
        resource = f"{rule.resource}.{rule.group}" if rule.group else rule.resource
        what = "; ".join(rule.whys)
        grant = f'{{apiGroups: ["{rule.group}"], resources: ["{rule.resource}"], verbs: [{", ".join(rule.verbs)}]}}'
        findings.append(
            say(
                _CHECK,
                f"{who} may not {' or '.join(rule.verbs)} {resource} in all namespaces ({what})",
                f"add the rule {grant} to a ClusterRole of yours; `cni-probe rbac` prints all that is needed",
            )
        )
    return findings
