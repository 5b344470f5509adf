"""Known failures, and stopping at failures, on a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from probe.model.cell import ExitCode, Verdict
from probe.model.known import KnownFailure
from tests.sandbox.run.conftest import Cluster, RunIt

pytestmark = pytest.mark.sandbox

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {{name: {name}}}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {{labels: {{role: client}}}}
          server: {{labels: {{app: server}}, ports: [80/TCP, 81/TCP]}}
  timeouts: {{baseline: 3s, converge: 500ms}}
  steps:
    - name: only step
      expect: {{default: allow, rules: [{{to: shop/server, port: 80/TCP, verdict: {verdict}}}]}}
"""


@pytest.fixture
def leaking_and_fine(tmp_path: Path) -> tuple[Path, Path]:
    """One scenario that says what no policy does, and one that says what is so."""
    files = tmp_path / "leaking.yaml", tmp_path / "fine.yaml"
    for file, verdict in zip(files, ("deny", "allow"), strict=True):
        file.write_text(SCENARIO.format(name=file.stem, verdict=verdict))
    return files


async def test_a_failure_that_is_known_fails_no_run_and_ends_none(
    run_it: RunIt, leaking_and_fine: tuple[Path, Path]
) -> None:
    known = KnownFailure("leak*", "stated on purpose", ports=("80/TCP",)), KnownFailure("fine", "nothing is wrong")
    record = await run_it(*leaking_and_fine, trust_scenarios=True, known_failures=known, stop_after=1)
    assert record.counts == {Verdict.PASS: 7, Verdict.KNOWN: 1}
    assert record.exit_code == ExitCode.PASSED
    assert [(each.failed, each.passed, each.is_outdated) for each in record.known_failures] == [
        (1, 1, False),  # a pod reaches itself, as ever
        (0, 4, True),
    ]


async def test_no_scenario_is_begun_after_a_failure_that_is_to_end_the_run(
    run_it: RunIt, leaking_and_fine: tuple[Path, Path], cluster: Cluster
) -> None:
    record = await run_it(*leaking_and_fine, trust_scenarios=True, stop_after=1)
    assert [scenario.name for scenario in record.scenarios] == ["leaking"]
    assert record.scenarios[0].completed
    assert record.not_run == ["fine"]
    assert record.exit_code == ExitCode.MISMATCH
    assert cluster.leftovers() == []
