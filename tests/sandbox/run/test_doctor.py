"""``cni-probe doctor`` on a cluster that is well, on one that is not, and what it leaves behind: nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from probe.cluster.permissions import Need, needs_of, permissions_for, role_rules
from probe.cluster.rbac import Access, access_manifests
from probe.model.cell import ExitCode
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.scenario.load import load_scenarios
from tests import commands
from tests.sandbox.run.conftest import Cluster

pytestmark = pytest.mark.sandbox

SEEDS = Path(__file__).parents[3] / "scenarios" / "seeds"
USER = "system:serviceaccount:cni-probe:cni-probe"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def command(cluster: Any, *words: str) -> list[str]:
    return [*words, "--kubeconfig", str(cluster.kubeconfig)]


def doctor(cluster: Any, *words: str) -> tuple[int, dict[str, list[tuple[str, str]]]]:
    """The exit code, and by check what was found: level and message."""
    done = commands.run(*command(cluster, "doctor", "-o", "json", *words))
    found: dict[str, list[tuple[str, str]]] = {}
    for each in json.loads(done.stdout)["findings"]:
        found.setdefault(each["check"], []).append((each["level"], each["message"]))
        assert bool(each["advice"]) == (each["level"] != "ok"), each
    return done.returncode, found


def namespaces(cluster: Any) -> set[str]:
    return {each["metadata"]["name"] for each in cluster.request("GET", "/api/v1/namespaces")["items"]}


# --- a cluster that is well ----------------------------------------------------------------------------------------


def test_a_cluster_that_is_well_has_nothing_to_complain_about_and_nothing_new(cluster: Any) -> None:
    before = namespaces(cluster)
    code, found = doctor(cluster, str(SEEDS))
    assert (code, {level for each in found.values() for level, _ in each}) == (ExitCode.PASSED, {"ok"})
    assert "enough for the largest scenario" in found["pod slots"][0][1]
    assert namespaces(cluster) == before


def test_with_create_one_pod_is_tried_and_removed(cluster: Any) -> None:
    before = namespaces(cluster)
    code, found = doctor(cluster, "--create")
    assert code == ExitCode.PASSED
    assert found["trial pod"][0][1].startswith("admitted, and cni-probe-agent:")
    assert "the agent 0.1.0 answers" in found["exec"][-1][1]
    assert namespaces(cluster) == before


def test_what_only_creating_shows_is_a_problem_in_the_clusters_words(cluster: Any) -> None:
    before = namespaces(cluster)
    code, found = doctor(cluster, "--create", "--image", "registry.example/agent:none")
    level, said = found["trial pod"][0]
    assert (code, level) == (ExitCode.HARNESS, "problem")
    assert "registry.example/agent:none" in said
    assert found["image"][0][0] == "warning"
    assert namespaces(cluster) == before


def test_a_dry_run_shows_what_admission_refuses(cluster: Any) -> None:
    code, found = doctor(cluster, "--priority-class", "not-there")
    level, said = found["pod security"][0]
    assert (code, level) == (ExitCode.PASSED, "warning")
    assert "no PriorityClass with name not-there" in said


def test_a_signal_while_the_pod_is_there_removes_it(cluster: Any) -> None:
    before = namespaces(cluster)
    line = [sys.executable, "-m", "probe", *command(cluster, "doctor", "--create")]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process:
        while namespaces(cluster) == before and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode in (ExitCode.INTERRUPTED, ExitCode.PASSED)  # it may have been done by then
    assert namespaces(cluster) == before


def test_the_text_has_a_line_for_each_finding_and_what_to_do_below(cluster: Any) -> None:
    done = commands.run(*command(cluster, "doctor", "--priority-class", "none"))
    lines = done.stdout.splitlines()
    assert lines[-1] == "1 warning: a run can work"
    (index,) = [index for index, line in enumerate(lines) if line.startswith("warning")]
    assert lines[index + 1].lstrip().startswith("-> ")
    assert "\x1b" not in done.stdout


async def test_two_policy_engines_are_seen_by_doctor_and_noted_in_a_runs_record(
    cluster: Any, run_it: Any, two_pods: Path
) -> None:
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets"
    images = {"calico-node": "calico/node:v3.29.1", "kindnet": "kindest/kindnetd:v20250101-abc"}
    for name, image in images.items():
        made = cluster.request("POST", path, daemonset(name, image))
        made["status"] |= {"desiredNumberScheduled": 2, "numberReady": 2}
        cluster.request("PUT", f"{path}/{name}/status", made)
    try:
        _, found = doctor(cluster)
        record = await run_it(two_pods)
    finally:
        for name in images:
            cluster.request("DELETE", f"{path}/{name}")
    said = "2 policy engines seem to be active: calico v3.29.1 and kindnet v20250101-abc"
    assert found["network plugin"][1] == ("warning", said)
    assert record.cluster.network_plugins == ["calico v3.29.1", "kindnet v20250101-abc"]
    assert any(note.startswith(said) for note in record.notes)
    assert record.exit_code == ExitCode.PASSED  # a warning is none of the run's problems


def daemonset(name: str, image: str) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": image}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name}, "spec": spec}


# --- one that is not -----------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(loop_scope="session")
async def broken(state_directory: Path) -> AsyncIterator[Cluster]:
    """No right to exec, a node that is not ready, and a quota of two pods in every namespace."""
    async with Sandbox.start(SandboxOptions(nodes=3)) as running:
        cluster = Cluster(running.kubeconfig, lambda uid: 0)
        access = Access(needs=needs_of(load_scenarios([SEEDS])) | {Need.DOCTOR})
        rows = [row for row in permissions_for(access.needs) if row.target != "pods/exec"]
        paths = {
            "Namespace": "/api/v1/namespaces",
            "ServiceAccount": "/api/v1/namespaces/cni-probe/serviceaccounts",
            "ClusterRole": f"{RBAC}/clusterroles",
            "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
        }
        for manifest in access_manifests(access):
            if manifest["kind"] == "ClusterRole":
                manifest["rules"] = [rule.manifest for rule in role_rules(rows)]
            cluster.request("POST", paths[manifest["kind"]], manifest)
        for name in ("shop", "bank"):
            cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
            quota = {"metadata": {"name": "team"}, "spec": {"hard": {"pods": "2"}}}
            cluster.request("POST", f"/api/v1/namespaces/{name}/resourcequotas", quota)
        node = cluster.request("GET", "/api/v1/nodes/node-3")
        assert node is not None
        node["status"]["conditions"][0] |= {"status": "False", "reason": "KubeletNotReady", "message": "gone"}
        cluster.request("PUT", "/api/v1/nodes/node-3/status", node)
        yield cluster


def test_everything_that_is_wrong_is_told_at_once_before_anything_is_created(broken: Cluster) -> None:
    before = namespaces(broken)
    code, found = doctor(broken, str(SEEDS), "--as", USER)
    assert code == ExitCode.HARNESS
    level, said = found["permissions"][0]
    assert (level, f"{USER} may not create or get pods/exec" in said) == ("problem", True)
    assert found["nodes"][0] == ("warning", "node-3 not ready: nothing is proven about enforcement there")
    level, said = found["quotas"][0]
    assert level == "warning"
    assert "ResourceQuota team (pods=2) is in 2 of 2 namespaces" in said
    assert "pods=2 is too few for the" in said
    assert namespaces(broken) == before


def test_a_run_there_says_what_makes_it_impossible_and_creates_nothing(broken: Cluster) -> None:
    before = namespaces(broken)
    done = commands.run(*command(broken, "run", "-q", str(SEEDS), "--as", USER))
    assert done.returncode == ExitCode.HARNESS
    assert "may not create or get pods/exec" in " ".join(done.stdout.split())
    assert namespaces(broken) == before
