"""What all tests share.

With ``CNI_PROBE_NO_SKIP`` set (as CI does), a test of the sandbox or of kubectl that is skipped has failed: a green
run in which the real packets were left out would be a false pass of our own.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest

_MUST_RUN = ("sandbox", "kubectl")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marked = any(item.get_closest_marker(name) for name in _MUST_RUN)
    if report.skipped and marked and os.environ.get("CNI_PROBE_NO_SKIP"):
        report.outcome = "failed"
        report.longrepr = f"skipped where it must run: {report.longrepr}"
    return report
