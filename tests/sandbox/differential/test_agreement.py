"""Oracle and packets agree: on random sets of policies, and on every case that once was in doubt.

The two share no reading of the API: ``probe.policy`` says what should happen, ``probe.sandbox.enforce`` makes kernels
do it. A long run: ``make differential N=5000``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policy.generate.sets import Kinds
from tests.sandbox.differential.documents import dump, load
from tests.sandbox.differential.fleet import Fleet
from tests.sandbox.differential.search import Search, settle

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="session")]

SEED = 1
KEPT = sorted((Path(__file__).parent / "kept").glob("*.yaml"))


@pytest.mark.parametrize(
    ("kinds", "first", "sets"),
    [
        *((Kinds.NETWORK_POLICY, first, 75) for first in range(0, 300, 75)),
        (Kinds.MIXED, 0, 50),
        (Kinds.MIXED_ADMIN, 0, 50),
    ],
)
async def test_packets_go_where_the_oracle_says(fleet: Fleet, kinds: Kinds, first: int, sets: int) -> None:
    print(f"seed {SEED}, sets {first} to {first + sets - 1} of {kinds.name}")
    found = await Search(fleet, SEED, kinds).run(sets, first)
    if found is not None:
        number, disagreement = found
        pytest.fail(f"set {number}: {disagreement}\n{dump(await settle(fleet, disagreement))}")
    print(fleet.tally)
    assert fleet.tally.sets == sets
    assert min(fleet.tally.allowed, fleet.tally.denied) > 1000, "what is never denied, or never allowed, proves little"
    assert fleet.mesh.late == 0, "something arrived after it had been taken for lost"


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
async def test_what_was_in_doubt_is_settled(fleet: Fleet, file: Path) -> None:
    kept = load(file.read_text())
    await fleet.enforce(kept.case)
    assert fleet.answer(kept.case, kept.cell) is kept.answer
    assert not fleet.judge(kept.case, [kept.cell])
    assert not await fleet.compare(kept.case)
