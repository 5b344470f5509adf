"""Who reaches ``a/pod`` and whom it reaches, by NetworkPolicies: friends in its namespace, strangers in another.

Policies select all pods of namespace ``a`` unless they say otherwise.
"""

from __future__ import annotations

from tests.policy.support import ALLOW, Object, answer, cluster, pod

POD, FRIEND, STRANGER, OUTSIDE = "a/pod", "a/friend", "b/stranger", "192.0.2.1"
PODS = (
    pod(POD, "80/TCP=http", "80/UDP=dns", at=("10.0.0.1", "fd00::1"), app="pod"),
    pod(FRIEND, at=("10.0.0.2", "fd00::2"), app="friend"),
    pod("a/other", at=("10.0.0.3", "fd00::3"), app="other"),
    pod(STRANGER, at=("10.0.1.2", "fd00:1::2"), app="friend"),
    pod("b/other", at=("10.0.1.3", "fd00:1::3"), app="other"),
)
NAMESPACES = {"a": {"team": "red"}, "b": {"team": "blue"}}


def reachable_from(*policies: Object, on: str = "80/TCP") -> set[str]:
    """Who reaches the pod, of all pods and an address outside."""
    snapshot = cluster(*PODS, *policies, namespaces=NAMESPACES)
    ends = [*(each.id for each in PODS if each.id != POD), OUTSIDE]
    return {end for end in ends if answer(snapshot, end, POD, on) is ALLOW}


def reaches(*policies: Object, on: str = "80/TCP") -> set[str]:
    """Whom the pod reaches."""
    snapshot = cluster(*PODS, *policies, namespaces=NAMESPACES)
    ends = [*(each.id for each in PODS if each.id != POD), OUTSIDE]
    return {end for end in ends if answer(snapshot, POD, end, on) is ALLOW}


EVERYBODY = {FRIEND, "a/other", STRANGER, "b/other", OUTSIDE}
ALL_PODS = EVERYBODY - {OUTSIDE}
