"""The stage on which faults are played: one embedded cluster behind a wire, and real runs against it.

A row of the matrix is a fault with what must come of it. ``perform`` plays it and holds it against three rules that no
fault may break: the exit code is the documented one, no namespace is left in the cluster, and no denial passes
that the API server was never asked for.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from probe.cluster.connect import Manners, connect
from probe.engine.options import RunOptions
from probe.engine.run import run_scenarios
from probe.model.cell import ExitCode, Verdict
from probe.model.errors import CniProbeError
from probe.model.events import Event, ProblemSeen, RunDone
from probe.model.record import CellRecord, RunRecord, StepRecord
from probe.report.fold import Recorder
from probe.sandbox.launch import Sandbox
from probe.scenario.load import load_scenarios
from tests import commands
from tests.sandbox.faults.wire import Request, Wire
from tests.sandbox.processes import process_of_agent
from tests.sandbox.run.conftest import Cluster

Hook: TypeAlias = Callable[[Event], None]
_SERIAL = itertools.count(1)

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: faults}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          client: {ports: [81/TCP], node: a}
          other: {ports: [82/TCP], node: b}
          server: {labels: {app: server}, ports: [80/TCP, 53/UDP], node: b}
  timeouts: {ready: READY, baseline: 3s, attempt: 300ms, converge: 3s, confirm: 600ms}
  steps:
    - name: open
      expect: {default: allow}
    - name: closed
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: closed, namespace: shop}
          spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
      expect:
        default: allow
        rules:
          - {to: shop/server, verdict: deny}
          - {from: shop/server, to: shop/server, verdict: allow}
    - name: open again
      delete: [networkpolicy/shop/closed]
      expect: {default: allow}
    - name: closed again
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: closed, namespace: shop}
          spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress]}
      expect:
        default: allow
        rules:
          - {to: shop/server, verdict: deny}
          - {from: shop/server, to: shop/server, verdict: allow}
"""
"""Every step is needed: what is lost in one must be there again in a later one, and the last denials are closed by
the control at the end."""


@dataclass
class Stage:
    """A cluster, a wire to it, and a directory for files. ``shared``: other stages use the cluster at the same time."""

    cluster: Cluster
    wire: Wire
    sandbox_pid: int
    directory: Path
    shared: bool = False
    runs: list[str] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def on(cls, sandbox: Sandbox, directory: Path, *, shared: bool = False) -> AsyncIterator[Stage]:
        directory.mkdir(exist_ok=True)
        cluster = Cluster(sandbox.kubeconfig, partial(process_of_agent, sandbox.pid))
        async with Wire.to(cluster.kubeconfig, directory) as wire:
            yield cls(cluster, wire, sandbox.pid, directory, shared)

    def scenario(self, ready: str = "30s") -> Path:
        """The scenario's file. ``ready``: how long its pods may take to start."""
        path = self.directory / f"faults-{next(_SERIAL)}.yaml"
        path.write_text(SCENARIO.replace("READY", ready))
        return path

    async def run(
        self, hook: Hook = lambda event: None, *, ready: str = "30s", manners: Manners | None = None, **options: Any
    ) -> Seen:
        """A run in this process, over the wire; ``hook`` sees every event before the engine goes on."""
        notices: list[str] = []
        chosen = RunOptions(**options)
        self.runs.append(chosen.run)
        recorder = Recorder()

        def emit(event: Event) -> None:
            recorder.see(event)
            self.cluster.see(event)
            hook(event)

        try:
            async with connect(str(self.wire.kubeconfig), manners=manners, notice=notices.append) as api:
                await run_scenarios(api, load_scenarios([self.scenario(ready)]), chosen, emit)
        except CniProbeError as error:  # as the command does
            emit(ProblemSeen(str(error)))
        emit(RunDone("2026-01-01T00:00:00Z", 0.0, False))
        return Seen.of(recorder.record(), notices)

    async def command(self, *words: str, **environment: str) -> Seen:
        """``cni-probe`` in a process of its own, over the wire; given an environment, one that starts with it."""
        if environment:
            process = await self.process(*words, **environment)
            out, _ = await process.communicate()
            code, text = process.returncode, out.decode()
        else:
            line = (*words, "--kubeconfig", str(self.wire.kubeconfig))
            done = await asyncio.to_thread(commands.run, *line, timeout=110, one_stream=True)
            code, text = done.returncode, done.stdout
        assert code is not None
        assert "Traceback" not in text, text
        return Seen(code, text)

    async def process(self, *words: str, **environment: str) -> asyncio.subprocess.Process:
        """A command that is under way; stdout and stderr are one stream."""
        where = ("--kubeconfig", str(self.wire.kubeconfig))
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "probe",
            *words,
            *where,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | environment,
        )

    async def clean(self) -> Seen:
        """The command that is said to remove what a run left; it must."""
        seen = await self.command("clean", "--run", self.runs[-1])
        assert seen.exit_code == ExitCode.PASSED, seen.text
        return seen

    async def killed_run(self) -> None:
        """A run that SIGKILL ends in the middle of its step ``closed``."""
        process = await self.process("run", str(self.scenario()))
        assert process.stdout is not None
        async for line in process.stdout:
            if b"closed" in line:
                break
        else:
            raise AssertionError("the run ended before it could be killed")
        process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined] # nobody reads the pipe to its end

    def cordon(self, cordoned: bool) -> None:
        """Whether new pods may be scheduled on any node."""
        for node in ("node-1", "node-2"):
            self.cluster.request("PATCH", f"/api/v1/nodes/{node}", {"spec": {"unschedulable": cordoned or None}})

    def set_ready(self, node: str, ready: bool) -> None:
        """What a node says of itself, as its kubelet, or who misses it, writes it."""
        status = "True" if ready else "Unknown"
        said = {"reason": "KubeletReady"} if ready else {"reason": "NodeStatusUnknown", "message": "Kubelet is silent"}
        condition = {"type": "Ready", "status": status, **said}
        self.cluster.request("PATCH", f"/api/v1/nodes/{node}/status", {"status": {"conditions": [condition]}})

    @contextmanager
    def not_ready(self, node: str) -> Iterator[None]:
        """A node that is not ready, for as long as the block."""
        self.set_ready(node, False)
        try:
            yield
        finally:
            self.set_ready(node, True)

    def leftovers(self) -> list[str]:
        """Namespaces in the cluster that this stage's runs have made; if it is the only stage, that anybody has."""
        found = self.cluster.leftovers()
        return [name for name in found if not self.shared or any(f"cp-{run}-" in name for run in self.runs)]

    def kill_agent(self, pod_id: str) -> None:
        self.cluster.signal_agent(pod_id, signal.SIGKILL)

    def pod_path(self, pod_id: str) -> str:
        """The API's path of a pod of the run."""
        namespace, name = pod_id.split("/")
        return f"/api/v1/namespaces/{self.cluster.namespaces[namespace]}/pods/{name}"

    def exec_of(self, pod_id: str) -> Callable[[Request], bool]:
        """Whether a request is for an exec in a pod of the run."""
        path = f"{self.pod_path(pod_id)}/exec?"
        return lambda request: request.path.startswith(path)


def at(kind: type, do: Callable[[], object], **fields: object) -> Hook:
    """A hook that does something at the first event of a kind with these fields."""
    done = False

    def hook(event: Event) -> None:
        nonlocal done
        if not done and isinstance(event, kind) and all(getattr(event, key) == fields[key] for key in fields):
            done = True
            do()

    return hook


@dataclass(frozen=True)
class Seen:
    """What came of a run: its exit code and text, and its record where it has one."""

    exit_code: int
    text: str
    record: RunRecord | None = None

    @classmethod
    def of(cls, record: RunRecord, notices: Sequence[str] = ()) -> Seen:
        parts = [f"{step.name}: {_verdicts(step)}" for step in _steps(record)]
        parts += [problem for scenario in record.scenarios for problem in scenario.problems] + record.problems
        return cls(record.exit_code, "; ".join([*parts, *notices]), record)

    def cells(self, step: str) -> dict[str, CellRecord]:
        """Cells of a step by ``from -> to port/protocol``."""
        assert self.record is not None
        (found,) = (each for each in _steps(self.record) if each.name == step)
        return {f"{c.source} -> {c.destination} {c.port}/{c.protocol}": c for c in found.cells}

    def verdicts(self, step: str) -> set[str]:
        return {str(cell.verdict) for cell in self.cells(step).values()}

    def steps(self) -> list[str]:
        assert self.record is not None
        return [step.name for step in _steps(self.record) if step.cells]


def _steps(record: RunRecord) -> list[StepRecord]:
    return [step for scenario in record.scenarios for step in scenario.steps]


def _verdicts(step: StepRecord) -> str:
    counts = Counter(str(cell.verdict) for cell in step.cells)
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or "not judged"
    reasons = {cell.reason for cell in step.cells if cell.verdict is Verdict.INCONCLUSIVE}
    return said + (f" ({sorted(reasons)[0]})" if reasons else "")


Play: TypeAlias = Callable[[Stage], Awaitable[Seen]]


@dataclass(frozen=True)
class Row:
    """A fault: how it is played, the exit code that it must have, and a text that must be seen.

    The ``slow`` ones mostly wait, so they are played at the same time; they only make runs in this process.
    """

    fault: str
    play: Play
    exit_code: ExitCode
    says: str
    slow: bool = False


@dataclass(frozen=True)
class Line:
    """What a fault came to. ``wrong`` says what is not as it must be; nothing when all is."""

    fault: str
    seen: str
    exit_code: int
    leftovers: int
    wrong: Sequence[str]


async def perform(row: Row, stage: Stage) -> Line:
    """Play a fault and hold what comes of it against the rules."""
    seen = await row.play(stage)
    leftovers = stage.leftovers()
    wrong = []
    if seen.exit_code != row.exit_code:
        wrong.append(f"exit code {seen.exit_code}, must be {int(row.exit_code)}")
    if row.says not in seen.text:
        wrong.append(f"it does not say {row.says!r}")
    if leftovers:
        wrong.append(f"left behind: {leftovers}")
        await stage.command("clean")  # the next row is not to be blamed
    wrong += _unproven(stage, seen)
    return Line(row.fault, seen.text, seen.exit_code, len(leftovers), wrong)


def _unproven(stage: Stage, seen: Seen) -> list[str]:
    """Denials that pass although the API server was not asked for the policy as often as steps are judged."""
    if seen.record is None:
        return []
    asked = stage.wire.count("PATCH", "/networkpolicies/closed")
    judged = sum(any(_is_proven_denial(cell) for cell in step.cells) for step in _steps(seen.record))
    return [f"denials pass in {judged} steps, of {asked} policies"] if judged > asked else []


def _is_proven_denial(cell: CellRecord) -> bool:
    return cell.expected.denies and cell.verdict is Verdict.PASS
