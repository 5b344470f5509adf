"""The shipped scenarios of services, DNS and the host's network, on real packets.

They pass where policies are enforced, and a cluster that ignores policies leaks by every way that is judged.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode, Via
from tests.sandbox.run.test_seeds import SCENARIOS, run_command

pytestmark = pytest.mark.sandbox

PATHS = SCENARIOS / "paths"


def cells(record_file: Path) -> list[dict[str, Any]]:
    (scenario,) = json.loads(record_file.read_text())["scenarios"]
    return [cell for step in scenario["steps"] for cell in step["cells"]]


def test_policies_hold_through_every_service(sandbox: Any, tmp_path: Path) -> None:
    record_file = tmp_path / "run.json"
    done = run_command(sandbox.kubeconfig, str(PATHS / "services.yaml"), "-o", f"json={record_file}")
    assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
    judged = Counter((cell["path"], cell["via"]) for cell in cells(record_file) if cell["verdict"] == "pass")
    open_steps, steps, a_step = 2, 6, 4
    assert judged == {
        ("pod-ip", ""): steps * a_step,
        ("cluster-ip", Via.SAME_PORT): steps * a_step,
        ("cluster-ip", Via.OTHER_PORT): steps * a_step,
        ("node-port", Via.CLUSTER): open_steps * a_step,
        ("node-port", Via.OTHER_NODE): open_steps * a_step,
        ("node-port", Via.LOCAL): open_steps * a_step,
    }


def test_where_policies_are_ignored_every_judged_denial_leaks_through_services_too(
    unenforced_sandbox: Any, tmp_path: Path
) -> None:
    record_file = tmp_path / "run.json"
    outputs = ("--converge=1", "-o", f"json={record_file}")
    done = run_command(unenforced_sandbox.kubeconfig, str(PATHS / "services.yaml"), *outputs)
    assert done.returncode == ExitCode.MISMATCH, done.stdout + done.stderr
    verdicts = {(cell["expected"], cell["verdict"]) for cell in cells(record_file)}
    assert verdicts == {("allow", "pass"), ("deny", "leak"), ("either", "undefined")}
    leaking = {(cell["path"], cell["via"]) for cell in cells(record_file) if cell["verdict"] == "leak"}
    assert leaking == {("pod-ip", ""), ("cluster-ip", Via.SAME_PORT), ("cluster-ip", Via.OTHER_PORT)}


def test_dns_is_cut_off_by_a_policy_that_forgets_it_and_answers_where_it_is_allowed(
    sandbox: Any, tmp_path: Path
) -> None:
    record_file = tmp_path / "run.json"
    done = run_command(sandbox.kubeconfig, str(PATHS / "dns.yaml"), "-o", f"json={record_file}")
    assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
    asked = Counter(cell["expected"] for cell in cells(record_file) if cell["path"] == "dns")
    assert asked == {"allow": 4 + 2 + 4, "deny": 4 + 2}
    assert {cell["verdict"] for cell in cells(record_file)} == {"pass"}


def test_where_policies_are_ignored_names_are_resolved_however_forgotten(
    unenforced_sandbox: Any, tmp_path: Path
) -> None:
    record_file = tmp_path / "run.json"
    outputs = ("--converge=1", "-o", f"json={record_file}")
    done = run_command(unenforced_sandbox.kubeconfig, str(PATHS / "dns.yaml"), *outputs)
    assert done.returncode == ExitCode.MISMATCH, done.stdout + done.stderr
    assert {(cell["expected"], cell["verdict"]) for cell in cells(record_file)} == {("allow", "pass"), ("deny", "leak")}


def test_pods_on_the_hosts_network_are_watched_where_that_is_allowed(sandbox: Any, tmp_path: Path) -> None:
    record_file = tmp_path / "run.json"
    scenario = str(PATHS / "host-network.yaml")
    done = run_command(sandbox.kubeconfig, scenario, "--allow-host-network", "-o", f"json={record_file}")
    assert done.returncode == ExitCode.PASSED, done.stdout + done.stderr
    assert Counter(cell["verdict"] for cell in cells(record_file)) == {"pass": 9 + 3, "undefined": 3 * 8}


def test_pods_on_the_hosts_network_are_refused_where_nobody_allowed_them(sandbox: Any) -> None:
    done = run_command(sandbox.kubeconfig, str(PATHS / "host-network.yaml"))
    assert done.returncode == ExitCode.USAGE
    assert "--allow-host-network" in done.stderr
