"""A few detections on packets; ``make detection`` has them all."""

from __future__ import annotations

import pytest

from probe.sandbox.options import SandboxOptions
from tests.sandbox.detection.detect import CLEAN, detect
from tests.sandbox.detection.table import is_missed
from tests.sandbox.detection.work import subjects

pytestmark = [pytest.mark.sandbox, pytest.mark.usefixtures("state_directory")]


@pytest.mark.parametrize(
    ("fault", "verdict"), [("endport-exclusive", "blocked"), ("endport-unlimited", "leak"), (CLEAN, "")]
)
async def test_a_fault_is_caught_and_a_cluster_without_one_is_not_blamed(fault: str, verdict: str) -> None:
    scenarios = [subject.scenario for subject in subjects() if subject.scenario.name == "port-range"]
    found = await detect(fault, scenarios, stop_after=1, options=SandboxOptions())
    assert not is_missed(found), found
    assert [catch.verdict for catch in found.catches] == ([verdict] if verdict else [])
    assert (found.ran, found.inconclusive, found.problems) == (1, 0, ())
