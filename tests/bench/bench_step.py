"""What a step costs: 9 pods in 3 namespaces, TCP and UDP on two ports, default deny plus one allow.

Prints the step's time from apply to verdict as a ratio to what it can't be less than: convergence and the confirm
window. Run with ``make bench``; asserts nothing about time.
"""

from __future__ import annotations

import asyncio
import resource
import tempfile
from pathlib import Path

import yaml

from probe.cluster.connect import connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.events import Event, RunDone
from probe.model.record import RunRecord
from probe.report.fold import Recorder
from probe.sandbox.launch import Sandbox, SandboxOptions
from probe.scenario.load import load_scenarios

REPEATS = 5


def scenario(namespaces: int, pods: int, ports: list[str]) -> dict[str, object]:
    """A fleet of ``namespaces`` x ``pods``; every namespace is closed, then one pod may reach one other."""
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
        "spec": {"fleet": {"namespaces": fleet}, "steps": steps},
    }


def policy(name: str, namespace: str, spec: dict[str, object]) -> dict[str, object]:
    """A NetworkPolicy."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


async def measure(kubeconfig: str, document: dict[str, object]) -> RunRecord:
    """Run one scenario on a running sandbox."""
    recorder = Recorder()

    def emit(event: Event) -> None:
        recorder.see(event)

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bench.yaml"
        file.write_text(yaml.safe_dump(document))
        scenarios = load_scenarios([file])
    async with connect(kubeconfig) as api:
        await run_scenarios(api, scenarios, RunOptions(), emit)
    emit(RunDone("2026-01-01T00:00:00Z", 0.0, False))
    return recorder.record()


async def main() -> None:
    """Print one line per repetition and the bound that the step time is compared with."""
    async with Sandbox.start(SandboxOptions()) as sandbox:
        print("9 pods, 324 cells   step s   converge s   confirm s   step / (converge + confirm)   verdicts")
        for _ in range(REPEATS):
            record = await measure(str(sandbox.kubeconfig), scenario(3, 3, ["80/TCP", "81/TCP", "80/UDP", "81/UDP"]))
            step = next(step for step in record.scenarios[0].steps if step.name == "closed")
            bound = (step.converge_seconds or 0.0) + step.confirm_seconds
            verdicts = ", ".join(f"{count} {verdict}" for verdict, count in record.counts.items())
            print(
                f"{len(step.cells):>18}   {step.seconds:6.2f}   {step.converge_seconds or -1:10.3f}   "
                f"{step.confirm_seconds:9.2f}   {step.seconds / bound:27.2f}   {verdicts}"
            )
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"orchestrator: {own:.0f} MiB at its peak")


if __name__ == "__main__":
    asyncio.run(main())
