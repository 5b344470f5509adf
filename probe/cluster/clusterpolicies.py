"""Cluster-scoped policies of a run: which kinds a cluster serves, and how far those that a run makes may reach.

They are custom resources that a cluster may lack, and what they say holds for the whole cluster. So a run gives each a
name of its own and narrows its subject down to the namespaces of the scenario: no pod of anybody else is ever selected.
Peers stay as they are, since they only say who may talk to the run's own pods.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Final

from probe.cluster.api import Api, ApiError, Json
from probe.cluster.objects import NAMESPACE_LABEL, RUN_LABEL, Owner
from probe.cluster.resources import CLUSTER_POLICIES, cluster_policy_path
from probe.model.clusterpolicy import API_VERSIONS, BASELINE_NAME
from probe.model.errors import ClusterError
from probe.model.manifest import ObjectRef

_BASELINE: Final = "baselineadminnetworkpolicy"


async def served_kinds(api: Api) -> frozenset[str]:
    """The kinds of cluster-scoped policies that the cluster has, as in `ObjectRef`. Raises ClusterError.

    Discovery (``/apis/GROUP/VERSION``) is open to everybody who has logged in.
    """
    found: set[str] = set()
    for version in dict.fromkeys(API_VERSIONS.values()):
        try:
            listed = await api.get(f"/apis/{version}")
        except ApiError as error:
            if error.code == 404:
                continue
            raise
        found |= {item["kind"].lower() for item in listed["resources"] if "/" not in item["name"]}
    return frozenset(found & CLUSTER_POLICIES.keys())


def actual_name(ref: ObjectRef, prefix: str) -> str:
    """The name in the cluster. Of BaselineAdminNetworkPolicies there can be but one, whose name is given."""
    return BASELINE_NAME if ref.kind == _BASELINE else f"{prefix}{ref.name}"


def confined(manifest: Json, name: str, owner: Owner, apart: Collection[str] = ()) -> Json:
    """The policy under its actual name, with the run's labels, and about pods of the scenario alone.

    ``apart``: logical namespaces of the run that no policy is about.
    """
    policy = copy.deepcopy(manifest)
    metadata = policy["metadata"]
    metadata |= {"name": name, "labels": metadata.get("labels", {}) | owner.labels}
    subject = policy["spec"]["subject"]
    if "namespaces" in subject:
        subject["namespaces"] = _narrowed(subject["namespaces"], owner.labels, apart)
    else:
        pods = subject["pods"]
        pods["namespaceSelector"] = _narrowed(pods.get("namespaceSelector", {}), owner.labels, apart)
    return policy


def _narrowed(selector: Json, labels: Mapping[str, str], apart: Collection[str]) -> Json:
    """Expressions rather than matchLabels: what the policy itself says of a key still has to hold."""
    wanted = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    if apart:
        wanted.append({"key": NAMESPACE_LABEL, "operator": "NotIn", "values": sorted(apart)})
    return {**selector, "matchExpressions": [*selector.get("matchExpressions", ()), *wanted]}


async def apply_confined(api: Api, ref: ObjectRef, policy: Json, owner: Owner) -> None:
    """Create or update it; one that is there and was not made by this scenario is left alone. Raises ClusterError."""
    path = cluster_policy_path(ref.kind, policy["metadata"]["name"])
    try:
        found = (await api.get(path))["metadata"]
    except ApiError as error:
        if error.code != 404:
            raise
    else:
        if not owner.labels.items() <= found.get("labels", {}).items():
            raise ClusterError(not_ours(ref.kind, found))
        policy["metadata"]["uid"] = found["uid"]  # and no other that has come in its place since
    await api.apply(path, policy)


def not_ours(kind: str, metadata: Json) -> str:
    """Why a policy is not touched, and what to do."""
    name = f"{kind}/{metadata['name']}"
    run = metadata.get("labels", {}).get(RUN_LABEL)
    if run:
        return f"{name} exists already, and is of run {run}: `cni-probe clean --run {run}` removes it"
    return f"{name} exists already, and is none of cni-probe's: a run leaves it alone, so it cannot have one of its own"


async def foreign_baseline(api: Api, kinds: Collection[str]) -> str:
    """Why no BaselineAdminNetworkPolicy can be applied although the cluster has the kind; empty if one can.

    ``kinds``: those that the scenarios apply and the cluster serves.
    """
    if _BASELINE not in kinds:
        return ""
    try:
        found = await api.get(cluster_policy_path(_BASELINE, BASELINE_NAME))
    except ApiError as error:
        if error.code in (403, 404):  # a missing permission is told by itself
            return ""
        raise
    return not_ours(_BASELINE, found["metadata"])
