"""Records made by hand: plain data, as the engine would have measured it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from probe.model.cell import Expectation, Family, Outcome, Path, Protocol, Verdict
from probe.model.exit_code import exit_code
from probe.model.record import (
    Attempt,
    BaselineRecord,
    CellRecord,
    ClusterRecord,
    PodRecord,
    Receipt,
    RunRecord,
    ScenarioRecord,
    StepRecord,
)
from probe.report.fold import count_verdicts
from probe.report.problems import troubles

Seen = Callable[[CellRecord], dict[str, Any] | None]


def judge(expected: Expectation, outcome: Outcome | None) -> Verdict:
    """The plain part of the verdict rule, enough for records made by hand."""
    if outcome is Outcome.UNSUPPORTED:
        return Verdict.UNSUPPORTED
    if outcome in (None, Outcome.AGENT_ERROR, Outcome.UNRESOLVED):
        return Verdict.INCONCLUSIVE
    if expected is Expectation.EITHER:
        return Verdict.UNDEFINED
    if outcome is Outcome.WRONG_RESPONDER:
        return Verdict.MISROUTED
    if expected is Expectation.ALLOW:
        return Verdict.PASS if outcome is Outcome.CONNECTED else Verdict.BLOCKED
    if outcome is Outcome.CONNECTED:
        return Verdict.LEAK
    dropped_or_rejected = Expectation.DROP if outcome is Outcome.TIMED_OUT else Expectation.REJECT
    return Verdict.PASS if expected in (Expectation.DENY, dropped_or_rejected) else Verdict.WRONG_DENIAL


def reason_of(expected: Expectation, outcome: Outcome) -> str:
    """A reason as the engine words it."""
    if expected is Expectation.EITHER:
        return f"the API leaves it open; seen: {outcome}"
    return f"expected {expected}, but {'it connected' if outcome is Outcome.CONNECTED else outcome}"


class Build:
    """Builders of records; every argument has a default that a healthy run would show."""

    def cell(
        self,
        source: str = "production/backend",
        destination: str = "production/frontend",
        port: str = "80/TCP",
        expected: str = "allow",
        outcome: str | None = None,
        **more: Any,
    ) -> CellRecord:
        number, protocol = port.split("/")
        want = Expectation(expected)
        seen = Outcome(outcome) if outcome else Outcome.TIMED_OUT if want.denies else Outcome.CONNECTED
        verdict = more.pop("verdict", None) or judge(want, seen)
        cell = CellRecord(
            source=source,
            destination=destination,
            port=int(number),
            protocol=Protocol(protocol),
            family=Family.IPV4,
            path=Path.EXTERNAL if destination.startswith("external/") else Path.POD_IP,
            address=None,
            expected=want,
            outcome=seen,
            verdict=Verdict(verdict),
            reason="" if verdict is Verdict.PASS else reason_of(want, seen),
            latency=0.0008 if seen is Outcome.CONNECTED else 0.4,
            attempts=2,
            matched_after=0.12 if verdict is Verdict.PASS else None,
            control=want.denies,
            source_node="node-1",
            destination_node="node-2",
            source_address="10.244.0.5",
            destination_address="10.244.1.3",
            observed_source="10.244.0.5:40312" if seen is Outcome.CONNECTED else None,
            responder="uid-of-" + destination if seen is Outcome.CONNECTED else None,
            receipt=Receipt(True, "10.244.0.5:40312") if seen is Outcome.CONNECTED else Receipt(False),
            history=[Attempt("converge", 0.02, seen, 0.001), Attempt("confirm", 0.6, seen, 0.001)],
            repeat=(
                f"kubectl exec -n cp-ab12cd-{source.split('/')[0]} {source.split('/')[-1]} -c agent -- "
                f"python3 -m cni_probe_agent dial 10.244.1.3 {port} --timeout 1.5"
            ),
        )
        return replace(cell, **more) if more else cell

    def mesh(
        self,
        pods: Sequence[str],
        ports: Iterable[str] = ("80/TCP",),
        seen: Seen = lambda cell: None,
    ) -> list[CellRecord]:
        """Every pod to every pod on every port; ``seen`` gives the arguments by which a cell is special."""
        cells = []
        for source in pods:
            for destination in pods:
                for port in ports:
                    cell = self.cell(source, destination, port)
                    special = seen(cell)
                    cells.append(self.cell(source, destination, port, **special) if special else cell)
        return cells

    def step(self, cells: list[CellRecord], name: str = "frontend-policy", **more: Any) -> StepRecord:
        step = StepRecord(
            name=name,
            description="",
            changes=["apply networkpolicy/production/frontend-policy"],
            acknowledged="2026-11-20T10:00:01Z",
            change_seconds=0.02,
            converge_seconds=None if any(cell.verdict.is_mismatch for cell in cells) else 0.12,
            confirm_seconds=1.5,
            seconds=1.7,
            cells=cells,
        )
        return replace(step, **more)

    def scenario(self, *steps: StepRecord, name: str = "frontend-ingress", **more: Any) -> ScenarioRecord:
        ids = {cell.source for step in steps for cell in step.cells}
        scenario = ScenarioRecord(
            name=name,
            file=f"scenarios/seeds/{name}.yaml",
            description="Only backend pods reach the frontend, and only on TCP 80.",
            labels={"suite": "seeds"},
            namespaces={id_.split("/")[0]: f"cp-ab12cd-{id_.split('/')[0]}" for id_ in sorted(ids)},
            pods=[self.pod(id_, number) for number, id_ in enumerate(sorted(ids))],
            deploy_seconds=1.2,
            baseline=BaselineRecord(cells=15, connected=15, seconds=0.3),
            steps=list(steps),
        )
        return replace(scenario, **more)

    def pod(self, id_: str, number: int = 0) -> PodRecord:
        namespace, name = id_.split("/")
        address = f"10.244.{number % 2}.{number + 3}"
        return PodRecord(id_, f"cp-ab12cd-{namespace}", name, f"uid-{id_}", f"node-{number % 2 + 1}", [address], {})

    def run(self, *scenarios: ScenarioRecord, **more: Any) -> RunRecord:
        record = RunRecord(
            run="ab12cd",
            tool="cni-probe 0.1.0",
            started="2026-11-20T10:00:00Z",
            finished="2026-11-20T10:00:12Z",
            seconds=12.3,
            cluster=ClusterRecord("https://127.0.0.1:6443", "v1.34.0", ["node-1", "node-2"], [Family.IPV4]),
            scenarios=list(scenarios),
            counts=count_verdicts(scenarios),
            exit_code=0,
        )
        record = replace(record, **more)
        if "exit_code" not in more:
            trouble = any(True for _ in troubles(record))
            record.exit_code = int(exit_code(record.counts, record.interrupted, trouble))
        return record


NINE = tuple(f"{namespace}/{pod}" for namespace in "xyz" for pod in "abc")
FOUR_PORTS = ("80/TCP", "81/TCP", "80/UDP", "81/UDP")
SHOP = ("production/frontend", "production/backend", "development/backend")


@pytest.fixture(scope="session")
def build() -> Build:
    return Build()


@pytest.fixture(scope="session")
def nine_pods() -> tuple[str, ...]:
    """Three namespaces of three pods."""
    return NINE


@pytest.fixture(scope="session")
def four_ports() -> tuple[str, ...]:
    """Two ports, over TCP and UDP."""
    return FOUR_PORTS


@pytest.fixture
def green(build: Build) -> RunRecord:
    """Two steps that pass: open, then only production/backend reaches the frontend, and only on 80/TCP."""

    def policy(cell: CellRecord) -> dict[str, Any] | None:
        if cell.destination != SHOP[0] or cell.source == cell.destination:
            return None
        allowed = (cell.source, cell.port, cell.protocol) == (SHOP[1], 80, Protocol.TCP)
        return None if allowed else {"expected": "deny"}

    ports = ("80/TCP", "443/TCP", "53/UDP")
    opened = build.step(build.mesh(SHOP, ports), name="no policy, everything is open", changes=[])
    return build.run(build.scenario(opened, build.step(build.mesh(SHOP, ports, policy))))


@pytest.fixture
def red(build: Build) -> RunRecord:
    """One of every verdict that is not a pass, in one step."""
    frontend = "production/frontend"
    cells = [
        build.cell(),
        build.cell("development/backend", frontend, "443/TCP", "deny", "connected"),
        build.cell("production/backend", frontend, "443/TCP", "allow", "timed-out"),
        build.cell("production/backend", frontend, "80/UDP", "allow", "wrong-responder", responder="uid-of-x"),
        build.cell("production/worker", frontend, "80/TCP", "reject", "timed-out"),
        build.cell(
            "production/worker",
            frontend,
            "443/TCP",
            "deny",
            "agent-error",
            reason="the agent of production/worker was lost: stream closed, exit code 137",
        ),
        build.cell("production/worker", frontend, "80/SCTP", "allow", "unsupported", reason="the kernel has no SCTP"),
        build.cell("production/worker", "external/vault", "443/TCP", "either", "refused", address="10.0.12.34"),
    ]
    return build.run(build.scenario(build.step(cells, converge_seconds=None)))
