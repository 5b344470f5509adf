"""Watches over disturbances of known length: what was injected against what was measured."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from tabulate import tabulate

from probe.sandbox.launch import Sandbox
from probe.sandbox.options import SandboxOptions
from tests.bench.over_time.commands import OVER_TIME, Json, cell_name, measured, order

SCENARIO = OVER_TIME / "upgrade.yaml"
ISOLATED = {"shop/api", "shop/db"}
"""Whom its policies are about: what comes to others is allowed whatever becomes of the enforcers."""

MOST = 2.0
"""Sample intervals by which a length may be off."""


@dataclass(frozen=True)
class Disturbance:
    """What is done to the cluster, and the kind of span that it must cause in which it must (none: no span)."""

    name: str
    mode: str
    kind: str = ""
    api_down: bool = False

    def command(self, sandbox: str) -> str:
        """What the watch runs."""
        restart = order(sandbox, "restart-enforcer", "--mode", self.mode, "--down", "2s")
        if not self.api_down:
            return restart
        return f"{order(sandbox, 'pause-api', '--down', '10s')} >&2 & sleep 4; {restart}; wait"

    @property
    def verdict(self) -> str:
        """What the watch must come to."""
        return {"leak": "leak", "outage": "blocked"}.get(self.kind, "pass")

    def affects(self, cell: Json) -> bool:
        """Whether a cell must leak, or be out."""
        wanted = "deny" if self.kind == "leak" else "allow"
        return bool(self.kind) and cell["destination"] in ISOLATED and cell["expected"] == wanted


DISTURBANCES = (
    Disturbance("fail-open 2 s", "fail-open", "leak"),
    Disturbance("fail-closed 2 s", "fail-closed", "outage"),
    Disturbance("keep 2 s", "keep"),
    Disturbance("fail-open 2 s, API server away 10 s, streams cut", "fail-open", "leak", api_down=True),
)


async def show() -> list[str]:
    """Print the table; what is wrong, in sentences."""
    rows: list[list[object]] = []
    wrong: list[str] = []
    async with Sandbox.start(SandboxOptions()) as sandbox:
        for each in DISTURBANCES:
            words = ("--until", each.command(sandbox.name), "--settle", "3s", "--max-outage", "1s")
            record = measured("watch", SCENARIO, "--kubeconfig", str(sandbox.kubeconfig), *words)
            watch = record["scenarios"][0]["watch"]
            wrong += (f"{each.name}: {text}" for text in _mistakes(each, watch))
            rows += _rows(each, watch)
    headers = ("disturbance", "cell", "injected s", "measured s", "packets", "error in intervals", "connections")
    print(tabulate(rows, headers, floatfmt=(".3f",) * len(headers)))
    return wrong


def injected(watch: Json) -> dict[str, float]:
    """How long each node's enforcer was away, as the command said."""
    text = "".join(line["text"] for line in watch["command"]["lines"] if line["stream"] == "stdout")
    return {each["node"]: float(each["seconds"]) for each in json.loads(text)}


def _rows(each: Disturbance, watch: Json) -> Iterator[list[object]]:
    away = injected(watch)
    held = ", ".join(sorted({connection["fate"] for connection in watch["connections"]}))
    found = [(cell, span) for cell in watch["cells"] for span in cell["spans"]]
    for cell, span in found:
        true = away[cell["destinationNode"]]
        error = (span["seconds"] - true) / watch["interval"]
        yield [each.name, cell_name(cell), true, span["seconds"], span["count"], f"{error:+.2f}", held]
    if not found:
        yield [each.name, "no leak, no outage", max(away.values()), 0.0, 0, "", held]


def _mistakes(each: Disturbance, watch: Json) -> Iterator[str]:
    if watch["verdict"] != each.verdict:
        yield f"the verdict is {watch['verdict']}, not {each.verdict}: {'; '.join(watch['reasons'])}"
    away = injected(watch)
    for cell in watch["cells"]:
        kinds = [span["kind"] for span in cell["spans"]]
        if kinds != [each.kind] * each.affects(cell):
            yield f"{cell_name(cell)} has {kinds or 'nothing'}"
        for span in cell["spans"]:
            if abs(span["seconds"] - away[cell["destinationNode"]]) >= MOST * watch["interval"]:
                yield f"{cell_name(cell)} was measured {span['seconds']:.2f} s"
    if each.api_down and any(agent["streams"] < 2 or agent["lost"] for agent in watch["agents"]):
        yield "a stream was not cut, or an agent was lost"
