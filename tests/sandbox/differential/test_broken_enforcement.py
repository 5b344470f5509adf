"""A comparison that cannot fail is worth nothing: where enforcement misreads the API, it finds the disagreement."""

from __future__ import annotations

import pytest

from probe.sandbox.faults.registry import load_fault
from tests.policy.generate.sets import Kinds
from tests.sandbox.differential.documents import UNSETTLED, dump, load
from tests.sandbox.differential.fleet import Fleet
from tests.sandbox.differential.search import Search, settle

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="session")]

SEED = 1
ENOUGH = 100
"""Sets among which each of these faults shows. Rarer ones are for long runs: ``make differential FAULT=NAME``."""

NETWORK_POLICY_FAULTS = [
    "except-ignored",
    "selectors-as-or",
    "absent-namespace-selector-as-all",
    "protocol-ignored",
    "endport-ignored",
    "named-port-of-first-pod",
    "notin-needs-the-key",
    "no-rules-allow",
    "last-policy-overrides",
    "sctp-unenforced",
    "services-bypass-policy",
    "replies-dropped",
]
CLUSTER_FAULTS = ["priorities-reversed", "baseline-as-admin", "cluster-policies-ignored"]


@pytest.mark.parametrize(
    ("kinds", "fault"),
    [
        *((Kinds.NETWORK_POLICY, fault) for fault in NETWORK_POLICY_FAULTS),
        *((Kinds.MIXED, fault) for fault in CLUSTER_FAULTS),
    ],
)
async def test_a_fault_is_found(fleet: Fleet, kinds: Kinds, fault: str) -> None:
    fleet.kernel.stages = load_fault(fault)
    assert await Search(fleet, SEED, kinds).run(ENOUGH)


async def test_what_is_found_is_shrunk_to_what_matters_and_can_be_kept(fleet: Fleet) -> None:
    fleet.kernel.stages = load_fault("protocol-ignored")
    found = await Search(fleet, SEED, Kinds.NETWORK_POLICY).run(ENOUGH)
    assert found is not None
    small = await settle(fleet, found[1])
    (policy,) = small.case.policies
    (section,) = policy["spec"].keys() & {"ingress", "egress"}
    ((port,),) = (rule["ports"] for rule in policy["spec"][section])
    assert port.get("protocol", "TCP") != small.cell.protocol
    assert len(small.case.world.pods) <= 2
    kept = load(dump(small).replace(UNSETTLED, small.answer))
    assert (kept.case, kept.cell, kept.answer) == (small.case, small.cell, small.answer)
