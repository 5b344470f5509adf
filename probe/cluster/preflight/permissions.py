"""Missing permissions, each with the rule that grants it."""

from __future__ import annotations

from collections.abc import Sequence

from probe.cluster.permissions import Permission, role_rules
from probe.cluster.preflight.finding import Finding, ok, problem, warning
from probe.cluster.preflight.look import Denied, Unseen

_CHECK = "permissions"
_ANONYMOUS = "system:anonymous"


def judge_permissions(asked: Sequence[Permission], denied: Denied, user: str = "") -> list[Finding]:
    """One problem for each resource that lacks verbs; a warning where a run works without.

    Whoever may not even ask is nobody to the API server (``system:anonymous``): all who log in may
    (ClusterRole ``system:basic-user``).
    """
    who = f"the user {user}" if user else "this user"
    if isinstance(denied, Unseen):
        todo = "check the credentials of the kubeconfig's user: the API server takes requests without any for anonymous"
        return [(problem if _ANONYMOUS in denied.why else warning)(_CHECK, f"cannot be asked for: {denied.why}", todo)]
    if not denied:
        return [ok(_CHECK, f"{who} may do all that a run does ({len(asked)} permissions)")]
    required = [permission for permission in denied if not permission.optional]
    optional = [permission for permission in denied if permission.optional]
    rules = [(rule, problem) for rule in role_rules(required)] + [(rule, warning) for rule in role_rules(optional)]
    findings = []
    for number, (rule, say) in enumerate(rules, 1):
        all_of_them = "; `cni-probe rbac` prints all that is needed" if number == len(rules) else ""
        resource = f"{rule.resource}.{rule.group}" if rule.group else rule.resource
        what = "; ".join(rule.whys)
        grant = f'{{apiGroups: ["{rule.group}"], resources: ["{rule.resource}"], verbs: [{", ".join(rule.verbs)}]}}'
        findings.append(
            say(
                _CHECK,
                f"{who} may not {' or '.join(rule.verbs)} {resource} in all namespaces ({what})",
                f"add the rule {grant} to a ClusterRole of yours{all_of_them}",
            )
        )
    return findings
