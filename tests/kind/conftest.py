"""The scripts of scripts/kind, in a network of namespaces: real `ip`, `iptables`, CNI plugins, `kubectl` and agents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from probe.model.cell import Family
from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.kind.machines import ROOT, Machines

CLUSTER = "lab"
PLUGINS = Path(os.environ.get("CNI_PATH", "/usr/lib/cni"))


@dataclass(frozen=True)
class Lab:
    """Two nodes of a cluster, as scripts/kind sees them."""

    family: str
    kubeconfig: Path
    machines: Machines
    nodes: tuple[str, ...] = ("node-1", "node-2")
    environment: dict[str, str] = field(default_factory=dict)

    def script(self, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of scripts/kind; it must end with this code."""
        name, *rest = words
        line = [str(ROOT / "scripts/kind" / name), *rest]
        variables = {**os.environ, **self.environment, **environment}
        done = subprocess.run(line, env=variables, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def kubectl(self, *words: str) -> str:
        """Run kubectl on the cluster; its output."""
        line = ["kubectl", "--kubeconfig", str(self.kubeconfig), *words]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["ipv4", "dual"])
async def lab(
    request: pytest.FixtureRequest, kubectl_binary: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lab]:
    """An API server that knows two nodes (the embedded cluster's), and machines that are these nodes' networks."""
    if os.geteuid() != 0:
        pytest.skip("machines are made as root")
    home = tmp_path_factory.mktemp("lab")
    kubeconfig, machines = home / "kubeconfig", Machines(home / "machines")
    machines.home.mkdir()
    families = (Family.IPV4, Family.IPV6) if request.param == "dual" else (Family.IPV4,)
    made = Lab(request.param, kubeconfig, machines)
    made.environment.update(
        PATH=f"{ROOT / 'tests/kind/programs'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        PYTHONPATH=str(ROOT),
        AGENT_PATH=str(ROOT / "agent-image"),
        TEST_PYTHON=sys.executable,
        TEST_NODES=" ".join(made.nodes),
        TEST_FAMILY=request.param,
        CLUSTER=CLUSTER,
        KUBECONFIG=str(kubeconfig),
        MACHINES=str(machines.home),
    )
    async with Sandbox.start(SandboxOptions(families=families, kubeconfig=kubeconfig)):
        try:
            context = made.kubectl("config", "current-context").strip()
            made.kubectl("config", "rename-context", context, f"kind-{CLUSTER}")
            machines.switch()
            for node in made.nodes:
                machines.start(node)
                machines.connect(node, *_addresses(made, node))
            yield made
        finally:
            machines.clear()


def _addresses(lab: Lab, node: str) -> list[str]:
    found = json.loads(lab.kubectl("get", "node", node, "-o", "json"))["status"]["addresses"]
    addresses = [each["address"] for each in found if each["type"] == "InternalIP"]
    return [f"{address}/{64 if ':' in address else 16}" for address in addresses]
