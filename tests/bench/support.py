"""What the benches share: scenarios of any size, and running them in this process on a sandbox."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.events import Event, RunDone
from probe.model.record import RunRecord
from probe.model.scenario import Scenario
from probe.report.fold import Recorder
from probe.scenario.load import load_scenarios


def scenario(namespaces: int, pods: int, ports: list[str], *, to_self: bool = True) -> dict[str, object]:
    """A fleet of ``namespaces`` x ``pods``; every namespace is closed but for one pod that one namespace may reach."""
    names = [f"n{index}" for index in range(namespaces)]
    fleet = {
        name: {"pods": {f"p{index}": {"labels": {"pod": f"p{index}"}, "ports": ports} for index in range(pods)}}
        for name in names
    }
    deny = [policy("default-deny", name, {"podSelector": {}, "policyTypes": ["Ingress"]}) for name in names]
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "n0"}}}
    allow = policy("allow", "n1", {"podSelector": {"matchLabels": {"pod": "p0"}}, "ingress": [{"from": [peer]}]})
    steps = [
        {"name": "open", "expect": {"default": "allow"}},
        {
            "name": "closed",
            "apply": [*deny, allow],
            "expect": {"default": "deny", "rules": [{"from": "n0/*", "to": "n1/p0", "verdict": "allow"}]},
        },
        {"name": "open again", "delete": [f"networkpolicy/{name}/default-deny" for name in names]
         + ["networkpolicy/n1/allow"], "expect": {"default": "allow"}},
    ]  # fmt: skip
    return {
        "apiVersion": "cni-probe/v1",
        "kind": "Scenario",
        "metadata": {"name": f"bench-{namespaces * pods}"},
        "spec": {"fleet": {"namespaces": fleet}, "probe": {"self": to_self}, "steps": steps},
    }


def policy(name: str, namespace: str, spec: dict[str, object]) -> dict[str, object]:
    """A NetworkPolicy."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def load(document: dict[str, object]) -> list[Scenario]:
    """The scenario as if it had been read from a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.yaml"
        file.write_text(yaml.safe_dump(document))
        return load_scenarios([file])


async def measure(
    kubeconfig: str, document: dict[str, object], hook: Callable[[Event], None] = lambda event: None
) -> RunRecord:
    """Run one scenario on a running sandbox; ``hook`` sees every event."""
    recorder = Recorder()

    def emit(event: Event) -> None:
        recorder.see(event)
        hook(event)

    async with connect(kubeconfig) as api:
        await run_scenarios(api, load(document), RunOptions(), emit)
    emit(RunDone("2026-01-01T00:00:00Z", 0.0, False))
    return recorder.record()
