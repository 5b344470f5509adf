"""Refusals in bulk: each cause once, with whom it concerns and what to do."""

from __future__ import annotations

import pytest

from probe.cluster.apierrors import ApiError
from probe.cluster.failures import raise_failures
from probe.model.errors import ClusterError, DeployError

PODS = ("shop/client", "shop/server", "lab/web")


def refused(message: str, code: int = 403) -> list[BaseException]:
    """The same refusal of each pod, as the API server words it."""
    return [
        ApiError(
            f"post /api/v1/namespaces/cp-abc123-{pod.partition('/')[0]}/pods", code, "Forbidden",
            message.replace("NAMESPACE", f"cp-abc123-{pod.partition('/')[0]}").replace("POD", pod.partition("/")[2]),
        )
        for pod in PODS
    ]  # fmt: skip


def said(results: list[BaseException]) -> str:
    with pytest.raises(DeployError) as caught:
        raise_failures(PODS, results, "pods were not created", DeployError)
    return str(caught.value)


@pytest.mark.parametrize(
    ("message", "cause", "advice"),
    [
        (
            'pods "POD" is forbidden: exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2',
            "exceeded quota: team, requested: pods=1, limited: pods=2",
            "raise the quota, exempt namespaces with the label app.kubernetes.io/managed-by=cni-probe from it",
        ),
        (
            'pods "POD" is forbidden: failed quota: team: must specify limits.cpu for: agent; limits.memory for: agent',
            "must specify limits.cpu for: agent",
            "state it: --limit cpu=... --limit memory=...",
        ),
        (
            'pods "POD" is forbidden: minimum memory usage per Container is 64Mi, but request is 24Mi',
            "minimum memory usage per Container is 64Mi",
            "a LimitRange in the namespace asks for it: say how much with --request and --limit",
        ),
        (
            'pods "POD" is forbidden: [maximum cpu usage per Pod is 1m, but limit is 5m, minimum cpu ...]',
            "maximum cpu usage per Pod is 1m",
            "--limit",
        ),
        (
            'pods "POD" is forbidden: violates PodSecurity "restricted:latest": host namespaces (hostNetwork=true)',
            'violates PodSecurity "restricted:latest"',
            "pod-security.kubernetes.io/enforce=privileged",
        ),
        (
            'pods "POD" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
            "allowPrivilegeEscalation != false",
            "something adds to their pods",
        ),
        (
            'admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/NAMESPACE/POD was blocked',
            'admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/cp-abc123-shop/client',
            "--pod-label",
        ),
        (
            "pods \"POD\" is forbidden: ValidatingAdmissionPolicy 'owners' with binding 'all' denied request: no owner",
            "ValidatingAdmissionPolicy 'owners' with binding 'all' denied request: no owner",
            "--pod-label",
        ),
        (
            'Internal error occurred: failed calling webhook "x.example.com": failed to call webhook: EOF',
            'failed calling webhook "x.example.com"',
            "repair the webhook",
        ),
        (
            'pods "POD" is forbidden: no PriorityClass with name urgent was found',
            "no PriorityClass with name urgent was found",
            "choose another with --priority-class",
        ),
        (
            'pods "POD" is forbidden: pod rejected: RuntimeClass "gvisor" not found',
            'RuntimeClass "gvisor" not found',
            "choose another with --runtime-class",
        ),
        (
            'pods is forbidden: User "ci" cannot create resource "pods" in API group "" in the namespace "NAMESPACE"',
            'User "ci" cannot create resource "pods"',
            "`cni-probe rbac` prints the role",
        ),
        (
            'pods "POD" is forbidden: unable to create content in namespace NAMESPACE because it is being terminated',
            "because it is being terminated",
            "somebody else deletes",
        ),
    ],
)
def test_a_refusal_of_many_pods_is_told_once_with_what_to_do(message: str, cause: str, advice: str) -> None:
    text = said(refused(message))
    assert text.startswith("3 of 3 pods were not created: shop/client, shop/server, lab/web: ")
    assert cause in text
    assert advice in text
    assert text.count(cause) == 1


def test_what_a_quota_counts_meanwhile_makes_no_other_cause() -> None:
    said_of = 'pods "x" is forbidden: exceeded quota: q, requested: cpu=5m, used: cpu={}m, limited: cpu=9m'
    results: list[BaseException] = [ApiError("", 403, "Forbidden", said_of.format(used)) for used in (5, 8, 9)]
    assert said(results).count("exceeded quota") == 1


def test_an_unknown_refusal_is_told_as_it_is_and_other_causes_beside_it() -> None:
    odd = ApiError("post /pods", 400, "BadRequest", "the moon is not full")
    text = said([odd, DeployError("ImagePullBackOff"), DeployError("ImagePullBackOff")])
    assert text.endswith("shop/client: post /pods: the moon is not full; shop/server, lab/web: ImagePullBackOff")


def test_what_is_no_failure_of_the_cluster_is_raised_as_it_is() -> None:
    with pytest.raises(RuntimeError, match="ours"):
        raise_failures(PODS, [ClusterError("x"), RuntimeError("ours"), None], "pods", DeployError)
