"""Each fault, injected at the wire or the process: what must be seen, the exit code, and nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.faults.matrix import ROWS
from tests.sandbox.faults.stage import Row, Stage, perform

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault.replace(" ", "-"))
async def test_a_fault_ends_as_documented(row: Row, cluster: Any, tmp_path: Path) -> None:
    async with Stage.on(cluster, tmp_path) as stage:
        line = await perform(row, stage)
    assert line.wrong == [], line.seen
