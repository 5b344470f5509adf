"""One fleet for all tests of this folder: cases change its objects and rules, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from probe.sandbox.enforce.controller import Stages
from tests.sandbox.differential.fleet import Fleet, Tally, new_fleet
from tests.sandbox.enforce.world import may_make_namespaces


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """As for all tests with packets of this very process."""
    if item.get_closest_marker("sandbox") and not may_make_namespaces():
        pytest.skip("needs root; without: unshare -Urn .venv/bin/python -m pytest tests/sandbox/differential")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_fleet() -> AsyncIterator[Fleet]:
    """Everybody reaches everybody in it: that has been seen."""
    async with new_fleet() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(shared_fleet: Fleet) -> AsyncIterator[Fleet]:
    """The fleet, with enforcement as it is and nothing counted."""
    shared_fleet.kernel.stages = Stages()
    shared_fleet.tally = Tally()
    shared_fleet.mesh.late = 0
    yield shared_fleet
    shared_fleet.kernel.stages = Stages()
