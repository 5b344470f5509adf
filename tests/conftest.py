"""What all tests share.

With ``CNI_PROBE_NO_SKIP`` set (as CI does), a test of the sandbox, of kubectl, of the agent's image, of a browser or
with packages of npm that is skipped has failed: a green run in which the real packets were left out would be a false
pass of our own.

In CI hypothesis's examples are the same each time, so that a red run is red again elsewhere; on a developer's machine
they are other ones each time, and those that failed are kept in ``.hypothesis``. No example has a deadline: machines
are noisy.

Nothing that tests talk to is known to the system's certificate authorities, except maybe the cluster of the end-to-end
tests: else there are none, since every process that imports aiohttp reads them all, twice.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("developer", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
if not os.environ.get("CNI_PROBE_E2E"):
    os.environ["SSL_CERT_FILE"] = os.devnull
settings.load_profile("ci" if os.environ.get("CNI_PROBE_NO_SKIP") else "developer")

_OLDEST_KUBECTL = (1, 30)
"""The first whose ``exec`` speaks WebSocket, which is all that the sandbox does."""
_MUST_RUN = ("sandbox", "kubectl", "image", "browser", "npm")


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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with real packets come first: they take long and mostly wait, and with several workers the many short ones
    fill what time they leave."""
    waiting = {item.path for item in items if any(item.get_closest_marker(name) for name in _MUST_RUN)}
    items.sort(key=lambda item: item.path not in waiting)


@pytest.fixture(scope="session")
def kubectl_binary() -> str:
    """A kubectl that is new enough; without one the test is skipped."""
    binary = shutil.which("kubectl")
    if binary is None:
        pytest.skip("there is no kubectl on PATH")
    version = subprocess.run([binary, "version", "--client", "-o", "json"], capture_output=True, timeout=60, check=True)
    client = json.loads(version.stdout)["clientVersion"]
    found = tuple(int(re.sub(r"\D.*", "", client[part])) for part in ("major", "minor"))
    if found < _OLDEST_KUBECTL:
        pytest.skip(f"kubectl {'.'.join(map(str, found))} is too old: 1.30 or newer is needed")
    return binary
