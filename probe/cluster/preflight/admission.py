"""Whether namespaces and pods as a run makes them would be let in: dry runs, and the webhooks that take part.

A dry run in an existing namespace goes through every admission plugin and webhook of that namespace, not of one with
a run's own labels. So its refusal of a pod is a warning; ``--create`` tries the real thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from probe.cluster.api import Json
from probe.cluster.preflight.finding import Finding, names, ok, problem, warning
from probe.cluster.preflight.look import EXEC_NAMESPACE, Listing, Refused, Unseen
from probe.cluster.preflight.selectors import selects

_NAMESPACES = "namespaces"
_PODS = "pod security"
_WEBHOOKS = "webhooks"
_NO_DRY_RUN = "does not support dry run"
_METADATA_NAME = "kubernetes.io/metadata.name"


def judge_dry_runs(namespace: Refused | None, pod: Refused | None) -> list[Finding]:
    """Findings about a namespace with the PodSecurity labels of a run's, and about an agent pod."""
    return [_namespace(namespace), _pod(pod)]


def _namespace(refused: Refused | None) -> Finding:
    if refused is None:
        return ok(_NAMESPACES, "one with the PodSecurity labels of a run's would be admitted (dry run)")
    if _NO_DRY_RUN in refused.message:
        return warning(_NAMESPACES, f"cannot be tried: {refused.message}", "see `doctor --create`")
    return problem(
        _NAMESPACES,
        f"a run cannot make one: {refused.message}",
        "whoever runs this needs to create namespaces and label them; runs use no namespace of anybody else",
    )


def _pod(refused: Refused | None) -> Finding:
    if refused is None:
        return ok(_PODS, f"an agent pod would be admitted (dry run in the namespace {EXEC_NAMESPACE})")
    return warning(
        _PODS,
        f"a dry run in the namespace {EXEC_NAMESPACE} says: {refused.message}",
        "a run's own namespaces may be treated differently: `doctor --create` tries it for real",
    )


def judge_webhooks(configurations: Listing, namespace: Json, pod: Json) -> list[Finding]:
    """Warn of webhooks that see what a run creates: they may refuse it, or change it (sidecars)."""
    if isinstance(configurations, Unseen):
        return []
    labels = namespace["metadata"]["labels"] | {_METADATA_NAME: namespace["metadata"]["name"]}
    pod_labels = pod["metadata"]["labels"]
    found = sorted(
        {
            f"{configuration['metadata']['name']} ({what})"
            for configuration in configurations
            for webhook in configuration.get("webhooks") or ()
            if selects(webhook.get("namespaceSelector"), labels)
            for what in _matches(webhook, labels, pod_labels)
        }
    )
    if not found:
        return [ok(_WEBHOOKS, "none takes part when a run's namespaces and pods are created")]
    return [
        warning(
            _WEBHOOKS,
            f"{names(found)} take part when a run creates them",
            "if pods are refused or get sidecars, exempt the runs' namespaces by the label "
            "app.kubernetes.io/managed-by=cni-probe",
        )
    ]


def _matches(webhook: Json, labels: Mapping[str, str], pod_labels: Mapping[str, str]) -> Iterator[str]:
    selector = webhook.get("objectSelector")
    for resource, own in (("namespaces", labels), ("pods", pod_labels)):
        if selects(selector, own) and any(_covers(rule, resource) for rule in webhook.get("rules") or ()):
            yield resource


def _covers(rule: Json, resource: str) -> bool:
    """Whether a rule of a webhook is for the creation of a core resource (RuleWithOperations)."""
    return (
        bool({"*", "CREATE"} & set(rule.get("operations", [])))
        and bool({"*", ""} & set(rule.get("apiGroups", [])))
        and bool({"*", "*/*", resource} & set(rule.get("resources", [])))
    )
