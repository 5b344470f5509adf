"""Manifests of a run inside the cluster: the files that it needs are where it looks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from probe.cluster.bundle import Bundle, bundle
from probe.cluster.job import Runner, job_manifests, sonobuoy_plugin
from probe.cluster.rbac import Access
from probe.model.errors import ScenarioError, UsageError
from probe.scenario import load_scenarios

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def unpack(files: Bundle, where: Path) -> list[Path]:
    """What a kubelet does with the ConfigMap and the volume's items; the scenarios of it."""
    for item in files.items:
        path = where / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.data[item["key"]])
    return [where / path for path in files.scenarios]


def of_kind(manifests: Any, kind: str) -> dict[str, Any]:
    (found,) = [each for each in manifests if each["kind"] == kind]
    return dict(found)


def test_a_bundle_loads_as_its_files_did(tmp_path: Path) -> None:
    here = load_scenarios([SCENARIOS / "seeds"])
    there = load_scenarios(unpack(bundle(here), tmp_path))
    assert [(each.name, [step.actions for step in each.steps]) for each in there] != []
    assert [each.name for each in there] == [each.name for each in here]
    for old, new in zip(here, there, strict=True):
        assert [len(step.actions) for step in old.steps] == [len(step.actions) for step in new.steps]


def test_manifests_beside_and_above_keep_their_places() -> None:
    files = bundle(load_scenarios([SCENARIOS / "seeds" / "ingress.yaml"]))
    assert [file.path for file in files.files] == ["seeds/ingress.yaml", "policies/frontend-policy.yaml"]
    assert files.scenarios == ("seeds/ingress.yaml",)


def test_keys_are_what_a_config_map_takes_and_differ() -> None:
    files = bundle(load_scenarios([SCENARIOS / "seeds"]))
    assert all("/" not in key for key in files.data)
    assert len(files.data) == len(files.files)


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text((SCENARIOS / "smoke" / "smoke.yaml").read_text() + "#" * 1024 * 1024)
    with pytest.raises(UsageError, match="a ConfigMap holds 1,048,576"):
        bundle(load_scenarios([path]))


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "smoke.yaml"
    path.write_text((SCENARIOS / "smoke" / "smoke.yaml").read_text())
    loaded = load_scenarios([path])
    path.unlink()
    with pytest.raises((UsageError, ScenarioError), match="cannot read"):
        bundle(loaded)


def test_the_job_runs_its_scenarios_once_as_its_account() -> None:
    files = bundle(load_scenarios([SCENARIOS / "smoke"]))
    manifests = list(job_manifests(Access("probing", "prober"), files, Runner(arguments=("--image", "x:1"))))
    job = of_kind(manifests, "Job")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["metadata"]["namespace"] == "probing"
    assert job["spec"]["backoffLimit"] == 0
    assert (pod["serviceAccountName"], pod["restartPolicy"]) == ("prober", "Never")
    assert container["args"] == ["run", "/scenarios/smoke.yaml", "--image", "x:1"]
    assert [each["kind"] for each in manifests][-2:] == ["ConfigMap", "Job"]


def test_results_can_go_to_a_claim_or_a_config_map() -> None:
    files = bundle(load_scenarios([SCENARIOS / "smoke"]))
    access = Access(results="kept")
    manifests = list(job_manifests(access, files, Runner(claim="disk")))
    pod = of_kind(manifests, "Job")["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"][2:] == ["--results-configmap", "kept", "--results-dir", "/results"]
    assert {"name": "results", "persistentVolumeClaim": {"claimName": "disk"}} in pod["volumes"]
    assert of_kind(manifests, "Role")["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["kept"], "verbs": ["patch"]},
    ]


def test_a_sonobuoy_plugin_mounts_each_file_where_the_scenario_looks_for_it() -> None:
    files = bundle(load_scenarios([SCENARIOS / "seeds" / "ingress.yaml"]))
    plugin = sonobuoy_plugin(files, Runner())
    assert plugin["sonobuoy-config"] == {"driver": "Job", "plugin-name": "cni-probe", "result-format": "junit"}
    assert plugin["config-map"] == files.data
    mounts = {mount.get("subPath"): mount["mountPath"] for mount in plugin["spec"]["volumeMounts"]}
    assert mounts == {
        None: "/tmp/sonobuoy/results",
        "seeds-ingress.yaml": "/tmp/sonobuoy/scenarios/seeds/ingress.yaml",
        "policies-frontend-policy.yaml": "/tmp/sonobuoy/scenarios/policies/frontend-policy.yaml",
    }
    assert plugin["spec"]["args"][1] == mounts["seeds-ingress.yaml"]
