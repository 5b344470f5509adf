"""Pods on their node's network, as clients and as servers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from probe.model.cell import ExitCode, Outcome, Verdict
from probe.model.events import Event, StepStarted

pytestmark = pytest.mark.sandbox

SCENARIO = """
apiVersion: cni-probe/v1
kind: Scenario
metadata: {name: host-network}
spec:
  fleet:
    namespaces:
      shop:
        pods:
          api: {labels: {app: api}, ports: [8080/TCP, 8080/UDP], node: a}
          web: {labels: {app: web}, node: b}
      hosts:
        pods:
          near: {ports: [29100/TCP], hostNetwork: true, node: a}
          far: {ports: [29101/TCP, 29101/UDP], hostNetwork: true, node: b}
  timeouts: {baseline: 3s, converge: 2s}
"""
CLOSED = """
  steps:
    - name: open
      expect: allow
    - name: the api is closed
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: api, namespace: shop}
        spec: {podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress]}
      expect:
        default: allow
        rules:
          - {to: shop/api, verdict: deny}
          - {from: hosts/far, to: shop/api, verdict: deny} # not its own node, and no peer
          - {from: hosts/near, to: shop/api, verdict: allow} # its own node
    - name: and web speaks to nobody
      apply:
        apiVersion: networking.k8s.io/v1
        kind: NetworkPolicy
        metadata: {name: web, namespace: shop}
        spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}
      expect:
        default: allow
        rules:
          - {to: shop/api, verdict: deny}
          - {from: shop/web, verdict: deny}
          - {from: shop/web, to: hosts/near, path: node-ip, verdict: deny}
          - {from: shop/web, to: hosts/far, path: node-ip, verdict: allow} # its own node
"""
LATE = """
  steps:
    - name: a late one comes
      create: {namespaces: {hosts: {pods: {late: {ports: [29102/TCP, 29103/TCP], hostNetwork: true, node: b}}}}}
      expect: allow
"""


@pytest.fixture
def host_network(tmp_path: Path) -> Callable[[str], Path]:
    def write(steps: str) -> Path:
        path = tmp_path / "host-network.yaml"
        path.write_text(SCENARIO + steps)
        return path

    return write


async def test_host_network_pods_are_clients_and_servers(run_it: Any, host_network: Any, cells: Any) -> None:
    record = await run_it(host_network(CLOSED), allow_host_network=True)
    assert record.exit_code == ExitCode.PASSED, record.scenarios[0]
    assert set(record.counts) == {Verdict.PASS, Verdict.UNDEFINED}
    assert {cell.verdict for cell in cells(record, "open").values()} == {Verdict.PASS}
    closed = cells(record, "the api is closed")
    assert closed["hosts/near -> shop/api 8080/TCP"].outcome is Outcome.CONNECTED
    for protocol in ("TCP", "UDP"):
        denied = closed[f"hosts/far -> shop/api 8080/{protocol}"]
        assert (denied.outcome, denied.verdict) == (Outcome.TIMED_OUT, Verdict.PASS)
    silent = cells(record, "and web speaks to nobody")["shop/web -> hosts/near 29100/TCP"]
    assert (silent.outcome, silent.verdict) == (Outcome.TIMED_OUT, Verdict.PASS)
    assert silent.receipt is not None
    assert silent.receipt.arrived is False


@pytest.fixture
def squat(cluster: Any) -> Iterator[Callable[[str, int], None]]:
    """Take a TCP port in the network of a pod of the run, until the test ends."""
    code = "import socket, sys; s = socket.create_server(('', int(sys.argv[1]))); print(flush=True); sys.stdin.read()"

    def take(pod_id: str, port: int) -> None:
        enter = ["nsenter", "--target", str(cluster.agent_pid(pod_id)), "--net"]
        if os.geteuid() != 0:
            enter += ["--user", "--preserve-credentials"]
        command = [*enter, sys.executable, "-c", code, str(port)]
        process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        assert process.stdout is not None
        assert process.stdout.readline()  # it listens

    with ExitStack() as stack:
        yield take


async def test_a_port_that_another_process_has_is_named_and_the_rest_is_judged(
    run_it: Any, host_network: Any, squat: Any, cells: Any
) -> None:
    def take(event: Event) -> None:
        if isinstance(event, StepStarted):
            squat("hosts/far", 29102)

    record = await run_it(host_network(LATE), hook=take, allow_host_network=True)
    judged = cells(record, "a late one comes")
    taken = judged["shop/api -> hosts/late 29102/TCP"]
    assert taken.verdict is Verdict.INCONCLUSIVE
    assert "hosts/late cannot listen on 29102/TCP IPv4 (EADDRINUSE); it shares the network of " in taken.reason
    assert judged["shop/api -> hosts/late 29103/TCP"].verdict is Verdict.PASS
    assert record.exit_code == ExitCode.HARNESS
