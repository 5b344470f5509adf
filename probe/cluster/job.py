"""Manifests of a run inside the cluster: a Job with the scenarios in a ConfigMap, or a plugin for Sonobuoy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from probe import __version__
from probe.cluster.api import Json
from probe.cluster.bundle import Bundle
from probe.cluster.rbac import RUNNER_LABELS, Access, access_manifests

RUNNER_IMAGE = f"cni-probe:{__version__}"
SCENARIOS = "/scenarios"
RESULTS = "/results"
_HOME = "/home/cni-probe"
"""The one place, besides results, that the runner may write to."""
SONOBUOY_RESULTS = "/tmp/sonobuoy/results"
RESULTS_CONFIGMAP = "cni-probe-results"

_NAME = "cni-probe"
_USER = 65532
_SCENARIOS_CONFIGMAP = "cni-probe-scenarios"
_SONOBUOY_SCENARIOS = "/tmp/sonobuoy/scenarios"


@dataclass(frozen=True, slots=True)
class Runner:
    """Who runs. ``arguments`` are those of ``cni-probe run`` after the paths.

    ``claim`` is the PersistentVolumeClaim that results go to, if any; a ConfigMap for them is ``Access.results``.
    """

    image: str = RUNNER_IMAGE
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    claim: str | None = None


def job_manifests(access: Access, bundle: Bundle, runner: Runner) -> Iterator[Json]:
    """Everything, in order to apply: namespace, account and rights, the scenarios, the Job."""
    yield from access_manifests(access)
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(_SCENARIOS_CONFIGMAP, access),
        "data": bundle.data,
    }
    yield {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(_NAME, access),
        "spec": {
            "backoffLimit": 0,  # a verdict is not to be rolled again until it pleases
            "template": {"metadata": {"labels": dict(RUNNER_LABELS)}, "spec": _pod(access, bundle, runner)},
        },
    }


def _metadata(name: str, access: Access) -> Json:
    return {"name": name, "labels": dict(RUNNER_LABELS), "namespace": access.namespace}


def _pod(access: Access, bundle: Bundle, runner: Runner) -> Json:
    """The Job's pod, which keeps to PodSecurity ``restricted``."""
    paths = [f"{SCENARIOS}/{path}" for path in bundle.scenarios]
    arguments = ["run", *paths, *runner.arguments]
    volumes: list[Json] = [
        {"name": "scenarios", "configMap": {"name": _SCENARIOS_CONFIGMAP, "items": bundle.items}},
        {"name": "home", "emptyDir": {}},
    ]
    mounts: list[Json] = [
        {"name": "scenarios", "mountPath": SCENARIOS, "readOnly": True},
        {"name": "home", "mountPath": _HOME},
    ]
    if access.results:
        arguments += ["--results-configmap", access.results]
    if runner.claim:
        arguments += ["--results-dir", RESULTS]
        volumes.append({"name": "results", "persistentVolumeClaim": {"claimName": runner.claim}})
        mounts.append({"name": "results", "mountPath": RESULTS})
    spec: Json = {
        "serviceAccountName": access.service_account,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 120,  # the removal of what an interrupted run made
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(runner, arguments, mounts)],
        "volumes": volumes,
    }
    if runner.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in runner.pull_secrets]
    return spec


def _container(runner: Runner, arguments: list[str], mounts: list[Json]) -> Json:
    return {
        "name": _NAME,
        "image": runner.image,
        "imagePullPolicy": runner.pull_policy,
        "command": ["cni-probe"],
        "args": arguments,
        "env": [
            {"name": "HOME", "value": _HOME},
            {"name": "TMPDIR", "value": _HOME},
            {"name": "PYTHONUNBUFFERED", "value": "1"},
        ],
        "resources": {"requests": {"cpu": "200m", "memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def sonobuoy_plugin(bundle: Bundle, runner: Runner) -> Json:
    """A plugin definition for ``sonobuoy run --plugin FILE``; it brings its scenarios, and runs as Sonobuoy's account.

    Sonobuoy makes a ConfigMap of ``config-map`` and a volume of it, whose name is fixed (pkg/templates/gen.go there);
    each file is mounted at its path from that volume, since a key has no directories.
    """
    volume = f"sonobuoy-{_NAME}-vol"
    mounts = [{"name": "results", "mountPath": SONOBUOY_RESULTS}]
    mounts += [
        {"name": volume, "mountPath": f"{_SONOBUOY_SCENARIOS}/{file.path}", "subPath": file.key}
        for file in bundle.files
    ]
    paths = [f"{_SONOBUOY_SCENARIOS}/{path}" for path in bundle.scenarios]
    return {
        "sonobuoy-config": {"driver": "Job", "plugin-name": _NAME, "result-format": "junit"},
        "spec": {
            "name": "plugin",
            "image": runner.image,
            "imagePullPolicy": runner.pull_policy,
            "command": ["cni-probe"],
            "args": ["run", *paths, *runner.arguments, "--results-dir", SONOBUOY_RESULTS],
            "env": [{"name": "HOME", "value": "/tmp"}, {"name": "PYTHONUNBUFFERED", "value": "1"}],
            "resources": {"requests": {"cpu": "200m", "memory": "256Mi"}},
            "volumeMounts": mounts,
        },
        "config-map": bundle.data,
    }
