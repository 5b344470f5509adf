"""Whether the cluster has the kinds of cluster-scoped policies that the scenarios apply."""

from __future__ import annotations

from probe.cluster.preflight.demand import Demand
from probe.cluster.preflight.finding import Finding, ok, problem, warning
from probe.cluster.preflight.look import ClusterPolicies
from probe.model.clusterpolicy import API_VERSIONS

CHECK = "cluster policies"


def judge_cluster_policies(seen: ClusterPolicies, demand: Demand) -> list[Finding]:
    """A kind that is not served makes steps untried, which no run fails for; one that cannot be applied, since there is
    one of somebody else's already, does."""
    wanted = {kind: version for kind, version in API_VERSIONS.items() if kind.lower() in demand.cluster_scoped}
    missing = {kind: version for kind, version in wanted.items() if kind.lower() not in seen.served}
    findings = [
        warning(
            CHECK,
            f"the cluster does not serve {kind} ({version}): steps with such a policy are not tried (unsupported)",
            "install the definitions of https://network-policy-api.sigs.k8s.io, if the network plugin implements them",
        )
        for kind, version in missing.items()
    ]
    if seen.in_the_way:
        findings.append(problem(CHECK, seen.in_the_way, "leave the scenario out, or remove it"))
    if wanted and not findings:
        findings.append(ok(CHECK, f"the cluster serves {', '.join(wanted)}"))
    return findings
