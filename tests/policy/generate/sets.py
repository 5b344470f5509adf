"""Random sets of policies, and strategies of hypothesis for all that is random.

Valid manifests, aimed at where readings of the API differ: absent keys and sections, excepts that hit, policies of
equal priority.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from functools import lru_cache

from hypothesis import strategies as st

from probe.model.clusterpolicy import validate_cluster_policy
from probe.model.networkpolicy import validate_network_policy
from tests.policy.generate.cluster_policies import cluster_policy
from tests.policy.generate.network_policies import network_policy
from tests.policy.generate.pick import Pick
from tests.policy.generate.words import OUTSIDE, Object
from tests.policy.generate.worlds import World, make_world


class Kinds(enum.Enum):
    """Which kinds of policies to make, and how often. The two generations of cluster-scoped ones are never mixed:
    nothing says which of them is asked first."""

    NETWORK_POLICY = ("NetworkPolicy",)
    CLUSTER = ("ClusterNetworkPolicy",)
    ADMIN = ("AdminNetworkPolicy", "BaselineAdminNetworkPolicy")
    MIXED = ("NetworkPolicy", "ClusterNetworkPolicy")
    MIXED_ADMIN = ("NetworkPolicy", "AdminNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy")


def make_policies(
    pick: Pick,
    world: World,
    addresses: Mapping[str, Sequence[str]],
    outside: Sequence[str] = OUTSIDE,
    *,
    kinds: Kinds = Kinds.MIXED,
    most: int = 4,
    equal_priorities: bool = False,
) -> list[Object]:
    """One to ``most`` valid policies of different names.

    Blocks are aimed at ``addresses`` (of the pods, by their ids) and at those ``outside``. ``equal_priorities``:
    whether cluster-scoped policies may share one, so that the API leaves open which of them counts.
    """
    targets = [*(each for listed in addresses.values() for each in listed), *outside]
    priorities = [0, 0, 1000] if equal_priorities else [0, 1, 5, 999, 1000, *range(10, 6 + most)]
    made: list[Object] = []
    for number in range(pick.one(range(1, most + 1))):
        kind, name = pick.one(kinds.value), f"policy-{number}"
        if kind == "NetworkPolicy":
            made.append(network_policy(pick, world, targets, name))
        elif kind != "BaselineAdminNetworkPolicy" or all(policy["kind"] != kind for policy in made):
            priority = pick.one(priorities)
            if not equal_priorities:
                priorities.remove(priority)
            made.append(cluster_policy(pick, world, targets, kind, name, priority))
    for policy in made:
        errors = (validate_network_policy if policy["kind"] == "NetworkPolicy" else validate_cluster_policy)(policy)
        assert not errors, (policy, errors)
    return made


@lru_cache
def _below(limit: int) -> st.SearchStrategy[int]:
    return st.integers(0, limit - 1)


@st.composite
def picks(draw: st.DrawFn) -> Pick:
    """Choices that hypothesis makes, records and shrinks; to be used in the very test that draws them."""
    return Pick(lambda limit: draw(_below(limit)))


@st.composite
def worlds(draw: st.DrawFn, *, most_pods: int = 5) -> World:
    """Clusters, as ``make_world`` makes them."""
    return make_world(Pick(lambda limit: draw(_below(limit))), most_pods)


@st.composite
def policies(
    draw: st.DrawFn,
    world: World,
    addresses: Mapping[str, Sequence[str]],
    outside: Sequence[str] = OUTSIDE,
    *,
    kinds: Kinds = Kinds.MIXED,
    most: int = 4,
    equal_priorities: bool = False,
) -> list[Object]:
    """Sets of policies, as ``make_policies`` makes them."""
    pick = Pick(lambda limit: draw(_below(limit)))
    return make_policies(pick, world, addresses, outside, kinds=kinds, most=most, equal_priorities=equal_priorities)
