"""Runs in-process against a real embedded cluster, with a hook that can break things at a chosen moment."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeAlias

import pytest

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.events import Event, RunDone, ScenarioStarted
from probe.model.record import CellRecord, RunRecord
from probe.report.fold import Recorder
from probe.scenario.load import load_scenarios

RunIt: TypeAlias = Callable[..., Awaitable[RunRecord]]

KILL_AGENT = dedent("""
    import os, signal, socket, struct, sys
    control = socket.socket(socket.AF_UNIX)
    control.connect(os.environ["CNI_PROBE_SOCKET"])
    pid, _, _ = struct.unpack("3i", control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    os.kill(pid, int(sys.argv[1]))
""")
"""Run in a pod: sends a signal to its agent, found as the owner of the control socket."""


class Cluster:
    """kubectl for tests that break things, and the logical namespaces of the run under test."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.namespaces: dict[str, str] = {}

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl, return its stdout, fail the test when it fails."""
        command = ["kubectl", "--kubeconfig", str(self.kubeconfig), *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    def signal_agent(self, pod_id: str, number: int) -> None:
        """Send a signal to the agent of a pod of the run."""
        namespace, name = pod_id.split("/")
        self.kubectl(
            "exec", "-n", self.namespaces[namespace], name, "--", "python3", "-c", KILL_AGENT, str(int(number))
        )

    def deny_all(self, namespace: str) -> None:
        """Deny all ingress in a namespace of the run, behind the run's back."""
        policy = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "behind-the-back", "namespace": self.namespaces[namespace]},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        }
        self.kubectl("apply", "-f", "-", stdin=json.dumps(policy))

    def leftovers(self) -> list[str]:
        """Namespaces that any run left."""
        names = self.kubectl("get", "ns", "-l", "app.kubernetes.io/managed-by=cni-probe", "-o", "name")
        return names.split()


@pytest.fixture
def cluster(sandbox: Any) -> Cluster:
    return Cluster(Path(sandbox.kubeconfig))


@pytest.fixture
def run_it(cluster: Cluster) -> RunIt:
    """Run scenario files; ``hook(event)`` sees every event as it happens, before the engine goes on."""

    async def run(*paths: Path, hook: Callable[[Event], None] = lambda event: None) -> RunRecord:
        recorder = Recorder()

        def emit(event: Event) -> None:
            recorder.see(event)
            if isinstance(event, ScenarioStarted):
                cluster.namespaces = event.namespaces
            hook(event)

        async with connect(str(cluster.kubeconfig)) as api:
            await run_scenarios(api, load_scenarios(paths), RunOptions(), emit)
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
