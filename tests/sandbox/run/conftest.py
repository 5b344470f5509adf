"""Runs in-process against a real embedded cluster, with a hook that can break things at a chosen moment."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
import yaml

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.events import Event, PodReady, RunDone, ScenarioStarted
from probe.model.record import CellRecord, RunRecord
from probe.report.fold import Recorder
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from probe.scenario.load import load_scenarios

RunIt: TypeAlias = Callable[..., Coroutine[Any, Any, RunRecord]]


class Cluster:
    """A hand on the cluster for tests that break things, and what is known of the run under test."""

    def __init__(self, kubeconfig: Path, agent_pid: Callable[[str], int]) -> None:
        self.kubeconfig = kubeconfig
        self.namespaces: dict[str, str] = {}
        self.uids: dict[str, str] = {}
        self.addresses: dict[str, str] = {}
        self._agent_pid = agent_pid

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any] | None:
        """One request to the API, in the middle of a run's event; None when the object is not there."""
        config = yaml.safe_load(self.kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        trust = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(cluster["server"] + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=trust, timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                raise AssertionError(error.read()) from error

    def delete(self, path: str) -> None:
        """Delete an object and wait until it is gone."""
        self.request("DELETE", path)
        while self.request("GET", path) is not None:
            pass  # the test's own timeout ends it

    def see(self, event: Event) -> None:
        """Learn from a run's events what its namespaces and pods are."""
        match event:
            case ScenarioStarted():
                self.namespaces = event.namespaces
            case PodReady(pod):
                self.uids[pod.id] = pod.uid
                self.addresses[pod.id] = pod.addresses[0]

    def agent_pid(self, pod_id: str) -> int:
        """The process of the agent of a pod of the run."""
        return self._agent_pid(self.uids[pod_id])

    def signal_agent(self, pod_id: str, number: int) -> None:
        """Send a signal to the agent of a pod of the run."""
        os.kill(self.agent_pid(pod_id), number)

    def in_network_of(self, pod_id: str, *words: str) -> bool:
        """Run a command in the network namespace of a pod of the run; whether it succeeded."""
        enter = ["nsenter", "--target", str(self.agent_pid(pod_id)), "--net"]
        if os.geteuid() != 0:
            enter += ["--user", "--preserve-credentials"]
        return subprocess.run([*enter, *words], capture_output=True, timeout=60, check=False).returncode == 0

    def connects(self, source: str, target: str, port: str) -> bool:
        """Whether one pod of the run reaches another right now, tried by hand."""
        dial = ("-m", "cni_probe_agent", "dial", self.addresses[target], port, "--timeout", "0.3")
        return self.in_network_of(source, sys.executable, *dial)

    def deny_all(self, namespace: str) -> None:
        """Deny all ingress in a namespace of the run, behind the run's back."""
        policy = {
            "metadata": {"name": "behind-the-back"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        }
        self.request("POST", policies_path(self.namespaces[namespace]), policy)

    def leftovers(self) -> list[str]:
        """Namespaces and cluster-scoped policies that any run left."""
        found = [
            self.request("GET", f"{path}?labelSelector=app.kubernetes.io/managed-by%3Dcni-probe")
            for path in ("/api/v1/namespaces", *CLUSTER_POLICIES)
        ]
        return [item["metadata"]["name"] for listed in found if listed for item in listed["items"]]


CNPS = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"
ANPS = "/apis/policy.networking.k8s.io/v1alpha1/adminnetworkpolicies"
BANPS = "/apis/policy.networking.k8s.io/v1alpha1/baselineadminnetworkpolicies"
CLUSTER_POLICIES = (CNPS, ANPS, BANPS)


def policies_path(namespace: str) -> str:
    """The NetworkPolicies of an actual namespace."""
    return f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"


@pytest_asyncio.fixture(loop_scope="session")
async def unenforced_sandbox(state_directory: Path) -> AsyncIterator[Sandbox]:
    """A sandbox that ignores policies: the negative control."""
    async with Sandbox.start(SandboxOptions(enforce=False)) as running:
        yield running


@pytest.fixture
def cluster(sandbox: Sandbox, agent_pid: Callable[[str], int]) -> Cluster:
    return Cluster(sandbox.kubeconfig, agent_pid)


@pytest.fixture
def run_it(cluster: Cluster) -> RunIt:
    """Run scenario files; ``hook(event)`` sees every event as it happens, before the engine goes on.

    Other arguments are those of ``RunOptions``.
    """

    async def run(*paths: Path, hook: Callable[[Event], None] = lambda event: None, **options: Any) -> RunRecord:
        recorder = Recorder()

        def emit(event: Event) -> None:
            recorder.see(event)
            cluster.see(event)
            hook(event)

        async with connect(str(cluster.kubeconfig)) as api:
            await run_scenarios(api, load_scenarios(paths), RunOptions(**options), emit)
        emit(RunDone("2026-01-01T00:00:00Z", 0.0, False))
        return recorder.record()

    return run


def cells_of(record: RunRecord, step: str) -> dict[str, CellRecord]:
    """Cells of a step by ``from -> to port/protocol``."""
    for scenario in record.scenarios:
        for each in scenario.steps:
            if each.name == step:
                return {f"{c.source} -> {c.destination} {c.port}/{c.protocol}": c for c in each.cells}
    raise AssertionError(f"no step {step!r} in {[each.name for s in record.scenarios for each in s.steps]}")


def by_way(record: RunRecord, step: str) -> dict[str, CellRecord]:
    """Cells of a step by ``from -> to port/protocol via way``."""
    found = next(it for scenario in record.scenarios for it in scenario.steps if it.name == step)
    ways = ((cell, f"{cell.path}/{cell.via}".rstrip("/")) for cell in found.cells)
    return {f"{c.source} -> {c.destination} {c.port}/{c.protocol} via {way}": c for c, way in ways}


@pytest.fixture
def cells() -> Callable[[RunRecord, str], dict[str, CellRecord]]:
    return cells_of


SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: two-pods}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {ports: [81/TCP], node: a}
          server: {labels: {app: server}, ports: [80/TCP, 53/UDP], node: b}
  timeouts: {baseline: 2s, converge: 2s}
  steps:
    - name: open
      expect: {default: allow}
    - name: closed
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: closed, namespace: shop}
          spec:
            podSelector: {matchLabels: {app: server}}
            policyTypes: [Ingress]
      expect:
        default: allow
        rules:
          - {to: shop/server, verdict: deny}
"""


@pytest.fixture
def two_pods(tmp_path: Path) -> Path:
    """A client and a server on two nodes; in the second step the server is isolated."""
    path = tmp_path / "two-pods.yaml"
    path.write_text(SCENARIO)
    return path
