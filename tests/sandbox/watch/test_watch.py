"""Watches over disturbances of known length: what is measured is what was injected, and nothing else.

One command line each, in a process of its own, against the sandbox that all tests share: as people use it.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from probe.model.cell import ExitCode
from probe.sandbox.launch import Sandbox
from probe.sandbox.orders.client import give
from probe.sandbox.state import StateDirectory
from tests.sandbox.kube import Kube

pytestmark = pytest.mark.sandbox

Json: TypeAlias = dict[str, Any]

DOWN = 2.0
INTERVAL = 0.1
SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: shop}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          web: {labels: {app: web}, ports: [80/TCP, 53/UDP], node: a}
          api: {labels: {app: api}, ports: [80/TCP], node: b}
          job: {ports: [81/TCP], node: b}
  probe: {self: false}
  watch:
    step: web is for api alone
    rate: RATE
    max-gap: 5s
    connections: {from: shop/api, to: shop/web}
    heartbeat: 100ms
  steps:
    - name: open
      expect: {default: allow}
    - name: web is for api alone
      apply:
        - apiVersion: networking.k8s.io/v1
          kind: NetworkPolicy
          metadata: {name: web, namespace: shop}
          spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}
      expect:
        default: allow
        rules: [{from: shop/job, to: shop/web, verdict: deny}]
    - name: never
      apply:
        - {apiVersion: v1, kind: ConfigMap, metadata: {name: never, namespace: shop}}
      expect: {default: allow}
"""
DENIED = {"shop/job -> shop/web 80/TCP", "shop/job -> shop/web 53/UDP"}
ISOLATED = {"shop/api -> shop/web 80/TCP", "shop/api -> shop/web 53/UDP"}


class Watching:
    """A ``cni-probe watch`` in a process of its own."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.directory = StateDirectory(sandbox.name)
        self._kubeconfig = sandbox.kubeconfig
        self._scenario = folder / "shop.yaml"
        self._scenario.write_text(SCENARIO.replace("RATE", f"{1 / INTERVAL:g}"))
        self._out = folder / "run.json"

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        """Begin it."""
        command = [
            sys.executable, "-m", "probe", "watch", str(self._scenario), "-o", f"json={self._out}", "-o", "table",
            "--kubeconfig", str(self._kubeconfig), *words,
        ]  # fmt: skip
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)

    async def run(self, *words: str) -> tuple[int, Json, str]:
        """Its exit code, the watch of its record, and its table."""
        process = await self.start(*words)
        out, err = await process.communicate()
        assert process.returncode is not None, err.decode()
        return process.returncode, self.watch(), out.decode()

    def watch(self) -> Json:
        """The watch of the record."""
        found: Json = json.loads(self._out.read_text())["scenarios"][0]["watch"]
        return found

    def order(self, *words: str) -> str:
        """A command that disturbs the sandbox and says when, as JSON."""
        return f"{sys.executable} -m probe sandbox {' '.join(words)} --name {self.directory.name} -o json"


@pytest.fixture
def watching(sandbox: Sandbox, tmp_path: Path) -> Watching:
    return Watching(sandbox, tmp_path)


def cells(watch: Json, kind: str) -> dict[str, Json]:
    """The cells with leaks or outages, by what they are."""
    return {
        f"{cell['source']} -> {cell['destination']} {cell['port']}/{cell['protocol']}": cell
        for cell in watch["cells"]
        if any(span["kind"] == kind for span in cell["spans"])
    }


def injected(watch: Json) -> float:
    """How long an enforcer was away at least, as the command said."""
    text = "".join(line["text"] for line in watch["command"]["lines"] if line["stream"] == "stdout")
    return float(min(each["seconds"] for each in json.loads(text)))


def assert_measured(found: dict[str, Json], wanted: set[str], seconds: float) -> None:
    """These cells and no others, once each, for as long as was injected: within two intervals.

    On a machine that is too busy to try a cell every interval it is the longest interval there was.
    """
    assert set(found) == wanted
    for cell in found.values():
        (span,) = cell["spans"]
        slack = 2 * span["error"] + INTERVAL / 2  # the kernel takes new rules, and the order's own times, a moment
        assert span["least"] - slack <= seconds <= span["most"] + slack
        assert span["seconds"] == pytest.approx(seconds, abs=INTERVAL + cell["longestGap"])


async def test_a_restart_that_fails_open_is_a_leak_of_its_length(watching: Watching) -> None:
    order = watching.order("restart-enforcer", "--mode", "fail-open", "--down", f"{DOWN}s")
    code, watch, table = await watching.run("--until", order, "--settle", "1s")
    assert (code, watch["verdict"]) == (ExitCode.MISMATCH, "leak")
    assert_measured(cells(watch, "leak"), DENIED, injected(watch))
    assert cells(watch, "outage") == {}
    assert "FAIL while watched: 2 of 8 cells leaked" in table
    assert "LLLL" in table
    assert watch["command"]["exitCode"] == 0


async def test_a_restart_that_fails_closed_is_an_outage_of_its_length(watching: Watching) -> None:
    order = watching.order("restart-enforcer", "--mode", "fail-closed", "--down", f"{DOWN}s")
    code, watch, _ = await watching.run("--until", order, "--settle", "3s")
    assert (code, watch["verdict"]) == (ExitCode.MISMATCH, "blocked")
    assert_measured(cells(watch, "outage"), ISOLATED, injected(watch))
    assert cells(watch, "leak") == {}
    fates = {f"{it['source']} -> {it['destination']} {it['port']}/{it['protocol']}": it for it in watch["connections"]}
    assert set(fates) == ISOLATED  # which the scenario asks for
    assert {it["fate"] for it in fates.values()} == {"stalled"}
    (stall,) = fates["shop/api -> shop/web 53/UDP"]["stalls"]  # TCP comes back when it next repeats a segment
    assert stall["until"] - stall["since"] == pytest.approx(injected(watch), abs=1.0)


async def test_a_restart_that_keeps_the_rules_passes(watching: Watching) -> None:
    order = watching.order("restart-enforcer", "--mode", "keep", "--down", "1s")
    code, watch, table = await watching.run("--until", order, "--settle", "1s")
    assert (code, watch["verdict"], watch["reasons"]) == (ExitCode.PASSED, "pass", [])
    assert cells(watch, "leak") == cells(watch, "outage") == {}
    assert "never" not in table  # the step after the one that was asked for


async def test_with_the_api_server_away_and_all_streams_cut_the_same_is_measured(watching: Watching) -> None:
    """The API server goes away, then the enforcer; both come back, and only then anything can be read."""
    disturb = watching.order("restart-enforcer", "--mode", "fail-open", "--down", f"{DOWN}s")
    both = f"{watching.order('pause-api', '--down', '6s')} >&2 & sleep 1; {disturb}; wait"
    code, watch, _ = await watching.run("--until", both, "--settle", "1s")
    assert (code, watch["verdict"]) == (ExitCode.MISMATCH, "leak")
    assert_measured(cells(watch, "leak"), DENIED, injected(watch))
    assert cells(watch, "outage") == {}
    assert {agent["lost"] for agent in watch["agents"]} == {""}
    assert all(agent["streams"] > 1 and agent["lostEntries"] == 0 for agent in watch["agents"])


async def test_a_command_that_fails_proves_nothing(watching: Watching) -> None:
    code, watch, _ = await watching.run("--until", "echo could not upgrade >&2; exit 4", "--settle", "0")
    assert (code, watch["verdict"]) == (ExitCode.HARNESS, "inconclusive")
    assert watch["reasons"] == ["the command failed with exit code 4"]
    assert [line["text"] for line in watch["command"]["lines"]] == ["could not upgrade"]


async def test_a_signal_ends_it_early_with_what_was_seen_and_nothing_left(watching: Watching, kube: Kube) -> None:
    process = await watching.start("--until", "echo begun; exec sleep 600")
    assert process.stderr is not None
    while (await process.stderr.readline()).strip() != b"| begun":
        pass  # the test's own timeout ends it
    await give(watching.directory, "restart-enforcer", nodes=[], mode="fail-open", down=0.5, rolling=False)
    process.send_signal(signal.SIGTERM)
    out, _ = await process.communicate()
    watch = watching.watch()
    assert process.returncode == ExitCode.INTERRUPTED
    assert watch["interrupted"]
    assert set(cells(watch, "leak")) == DENIED
    assert watch["command"]["exitCode"] is None
    assert b"INTERRUPTED, and while watched: 2 of 8 cells leaked" in out
    assert await namespaces_of_runs(kube) == []


async def test_what_happens_to_the_cluster_is_told(watching: Watching, kube: Kube) -> None:
    process = await watching.start("--for", "3s")
    path = "/apis/apps/v1/namespaces/default/daemonsets"
    ended = asyncio.create_task(process.communicate())
    while not ended.done():  # what is there already when it begins to look is no news
        await kube.ok("POST", path, DAEMONSET)
        await asyncio.wait((ended,), timeout=0.2)
        await kube.ok("DELETE", f"{path}/cni")
        await asyncio.wait((ended,), timeout=0.2)
    out, _ = await ended
    watch = watching.watch()
    assert process.returncode == ExitCode.PASSED, out.decode()
    told = [(each["name"], each["what"]) for each in watch["events"] if each["kind"] == "DaemonSet"]
    assert set(told) == {("default/cni", "created"), ("default/cni", "gone")}
    assert all(first != second for first, second in pairwise(told))
    assert watch["unseen"] == []
    assert b"daemonset/default/cni: created" in out


DAEMONSET = {
    "metadata": {"name": "cni"},
    "spec": {
        "selector": {"matchLabels": {"app": "cni"}},
        "template": {
            "metadata": {"labels": {"app": "cni"}},
            "spec": {"containers": [{"name": "cni", "image": "cni:1"}]},
        },
    },
}


async def namespaces_of_runs(kube: Kube) -> list[str]:
    listed = await kube.ok("GET", "/api/v1/namespaces?labelSelector=app.kubernetes.io/managed-by%3Dcni-probe")
    return [each["metadata"]["name"] for each in listed["items"]]
