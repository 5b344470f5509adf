"""ResourceQuota and LimitRange: they concern a run only where something puts them into every new namespace."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from probe.cluster.api import Json
from probe.cluster.objects import MANAGED_BY
from probe.cluster.preflight.demand import Demand, most_pods
from probe.cluster.preflight.finding import Finding, names, problem, warning
from probe.cluster.preflight.look import Listing, Unseen
from probe.cluster.rbac import RUNNER_LABELS

_CHECK = "quotas"
_SYSTEM = ("default", "kube-", "openshift-", "cattle-")
_POD_COUNTS = ("pods", "count/pods")
_COMPUTE = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}
"""A quota on one of these refuses pods that do not state it (ResourceQuotaSpec.hard)."""


def judge_quotas(quotas: Listing, limits: Listing, namespaces: Listing, demand: Demand) -> list[Finding]:
    """Warn of quotas and limits that most namespaces of users share: a new namespace may well get them, too."""
    if isinstance(quotas, Unseen) or isinstance(limits, Unseen) or isinstance(namespaces, Unseen):
        return []
    users = {name for each in namespaces if _is_users(name := each["metadata"]["name"], each["metadata"])}
    findings = []
    for kind, listed in (("ResourceQuota", quotas), ("LimitRange", limits)):
        for name, spec, count in _usual(listed, users):
            said = _words(spec.get("hard", {})) if kind == "ResourceQuota" else f"{len(spec.get('limits', []))} limits"
            trouble = "; ".join(quota_troubles(spec.get("hard", {}), demand)) or "the fleet's pods are subject to it"
            findings.append(
                warning(
                    _CHECK,
                    f"{kind} {name} ({said}) is in {count} of {len(users)} namespaces, so maybe in a run's: {trouble}",
                    "`doctor --create` sees what a new namespace really gets",
                )
            )
    return findings


def judge_own_quotas(quotas: Iterable[Json], demand: Demand) -> list[Finding]:
    """Quotas that a namespace of our own got, which is how every namespace of a run will be."""
    findings = []
    for quota in quotas:
        hard = quota.get("spec", {}).get("hard", {})
        troubles = quota_troubles(hard, demand)
        text = f"a new namespace gets ResourceQuota {quota['metadata']['name']} ({_words(hard)})"
        advice = "exempt namespaces with the label app.kubernetes.io/managed-by=cni-probe, or raise it"
        if troubles:
            findings.append(problem(_CHECK, f"{text}: {'; '.join(troubles)}", advice))
        else:
            findings.append(warning(_CHECK, f"{text}, which the scenarios' pods fit in", advice))
    return findings


def quota_troubles(hard: Mapping[str, str], demand: Demand) -> list[str]:
    """What in ``ResourceQuotaSpec.hard`` the pods of one namespace would break."""
    troubles = []
    most, where = max(((count, name) for name, count in _pods_of_a_namespace(demand).items()), default=(0, ""))
    for key in _POD_COUNTS:
        limit = str(hard.get(key, ""))
        if limit.isdecimal() and most > int(limit):
            troubles.append(f"{key}={limit} is too few for the {most} pods of {where}")
    stated = demand.agent.resources
    unstated = [key for key, (kind, name) in _COMPUTE.items() if key in hard and name not in stated.get(kind, {})]
    if unstated:
        troubles.append(f"it wants pods to state {', '.join(unstated)}, and agents do not")
    return troubles


def _pods_of_a_namespace(demand: Demand) -> dict[str, int]:
    counts: dict[str, int] = {}
    for scenario in demand.scenarios:
        for pod in most_pods(scenario):
            key = f"{scenario.name}/{pod.namespace}"
            counts[key] = counts.get(key, 0) + 1
    return counts


def _usual(objects: Iterable[Json], users: Collection[str]) -> list[tuple[str, Json, int]]:
    """Name and spec of those that are alike in at least two namespaces of users and in most, and in how many."""
    found: dict[tuple[str, str], set[str]] = {}
    for each in objects:
        if each["metadata"]["namespace"] in users:
            key = each["metadata"]["name"], json.dumps(each.get("spec", {}), sort_keys=True)
            found.setdefault(key, set()).add(each["metadata"]["namespace"])
    return [
        (name, json.loads(spec), len(where))
        for (name, spec), where in sorted(found.items())
        if len(where) > 1 and 2 * len(where) > len(users)
    ]


def _is_users(name: str, metadata: Json) -> bool:
    labels = (metadata.get("labels") or {}).items()
    ours = labels >= MANAGED_BY.items() or labels >= RUNNER_LABELS.items()
    return not ours and not any(name == each or (each.endswith("-") and name.startswith(each)) for each in _SYSTEM)


def _words(hard: Mapping[str, str]) -> str:
    return names([f"{key}={value}" for key, value in sorted(hard.items())])
