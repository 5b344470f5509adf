"""Two runs on real packets compared: what an upgrade that lost enforcement looks like, and one that lost nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode
from probe.report.diff.compare import Change, compare
from probe.sandbox.launch import Sandbox

pytestmark = pytest.mark.sandbox


async def test_repeats_of_a_clean_run_have_no_regression(run_it: Any, two_pods: Path) -> None:
    before, after = await run_it(two_pods), await run_it(two_pods, repeat=2)
    assert [scenario.repeat for scenario in after.scenarios] == [1, 2]
    found = compare(before, after)
    assert (found.changes, found.exit_code) == ((), ExitCode.PASSED)


async def test_enforcement_that_went_away_is_a_regression_of_every_denial(
    run_it: Any, two_pods: Path, cluster: Any, unenforced_sandbox: Sandbox
) -> None:
    before = await run_it(two_pods)
    cluster.kubeconfig = unenforced_sandbox.kubeconfig
    found = compare(before, await run_it(two_pods))
    assert found.exit_code is ExitCode.MISMATCH
    assert {each.change for each in found.changes} == {Change.REGRESSED}
    assert {str(each.key.cell) for each in found.changes} == {
        "shop/client -> shop/server 80/TCP",
        "shop/client -> shop/server 53/UDP",
    }
